"""Input that no library should be given: each is an error that says what is wrong, and the engine goes on."""

from __future__ import annotations

from typing import Any

import pytest
from support import run

import luawait

NESTED: Any = 1
for _ in range(2000):
    NESTED = [NESTED]


@pytest.fixture
def engine() -> Any:
    with luawait.Engine() as engine:
        yield engine
        assert engine.eval_sync("return 1") == 1, "the engine does not go on"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"worker": 2}, "workers"),
        ({"cpu_msec": 2}, "cpu_ms"),
        ({"workers": "two"}, "workers"),
        ({"workers": 0}, "workers"),
        ({"workers": 2.5}, "workers"),
        ({"workers": None}, "workers"),
        ({"nulls": "maybe"}, "nulls"),
        ({"cpu_ms": -1}, "cpu_ms"),
        ({"max_depth": 1001}, "max_depth"),
    ],
)
def test_a_bad_config_names_the_key(config: Any, message: str) -> None:
    with pytest.raises(luawait.OptionError, match=message) as caught:
        luawait.Engine(**config)
    assert caught.value.status == -4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timeout": 1}, "timeout_ms"),
        ({"timeout_ms": "1"}, "timeout_ms"),
        ({"globals": [1]}, "globals"),
        ({"name": 1}, "name"),
    ],
)
def test_bad_options_name_the_key(engine: luawait.Engine, options: Any, message: str) -> None:
    with pytest.raises(luawait.OptionError, match=message):
        engine.with_options(**options).eval_sync("return 1")


@pytest.mark.parametrize("key", ["args", "detached"])
def test_options_that_have_another_way_are_refused(engine: luawait.Engine, key: str) -> None:
    with pytest.raises(luawait.OptionError, match=key):
        engine.with_options(**{key: []})  # type: ignore[arg-type]


def test_bad_options_in_an_eval_leave_nothing_behind() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:
            options: Any = {"timeout": 1}
            with pytest.raises(luawait.OptionError):
                await engine.with_options(**options).eval("return 1")
            assert engine.stats()["evals"]["started"] == 0
            assert await engine.eval("return 1") == 1

    run(main)


@pytest.mark.parametrize(
    "value",
    [float("nan"), object(), {1}, b"x", "\ud800", 2**64, NESTED, {"a": float("-inf")}],
    ids=["nan", "object", "set", "bytes", "surrogate", "2^64", "deep", "-inf"],
)
def test_globals_and_arguments_that_are_not_json_are_refused(engine: luawait.Engine, value: Any) -> None:
    for call in (lambda: engine.eval_sync("return 1", value), lambda: engine.eval_sync("return 1", x=value)):
        with pytest.raises(luawait.CallError) as caught:
            call()
        assert isinstance(caught.value, luawait.JSONError | luawait.OptionError)


def test_too_many_arguments_are_refused(engine: luawait.Engine) -> None:
    assert engine.eval_sync("return select('#', ...)", *range(200)) == 200
    with pytest.raises(luawait.OptionError, match="args"):
        engine.eval_sync("return 1", *range(201))


@pytest.mark.parametrize(
    "script",
    ["return", "\x1bLua", b"\x1bLua\x54\x00", "local s = '\x00'; return #s", "return '" + "x" * 1_000_000 + "'"],
    ids=["empty return", "binary", "binary bytes", "nul", "1 MB"],
)
def test_odd_scripts_have_an_outcome(engine: luawait.Engine, script: str | bytes) -> None:
    try:
        value = engine.eval_sync(script)
    except luawait.EvalError as error:
        assert isinstance(error, luawait.ScriptSyntaxError)
        assert script[:1] in ("\x1b", b"\x1b")
    else:
        assert value in (None, 1) or len(value) == 1_000_000


@pytest.mark.parametrize("script", [None, 1, ["return 1"], bytearray(b"return 1")])
def test_what_is_not_text_is_refused_as_a_script(engine: luawait.Engine, script: Any) -> None:
    for call in (engine.eval_sync, engine.check):
        with pytest.raises(luawait.ArgumentError, match="script"):
            call(script)


def test_a_script_that_utf8_cannot_express_is_refused(engine: luawait.Engine) -> None:
    with pytest.raises(luawait.ArgumentError, match="UTF-8"):
        engine.eval_sync("return '\ud800'")


@pytest.mark.parametrize("name", ["", "1x", "a b", "a.", ".a", "a..b", "end", "a.end", "größe", "x" * 256, "a\x00b"])
def test_names_that_lua_cannot_call_are_refused(engine: luawait.Engine, name: str) -> None:
    with pytest.raises(luawait.ArgumentError):
        engine.register(name, lambda: 1)


def test_a_name_can_be_taken_once(engine: luawait.Engine) -> None:
    engine.register("db.find", lambda: 1)
    for name in ("db.find", "db", "db.find.one"):
        with pytest.raises(luawait.ExistsError):
            engine.register(name, lambda: 2)
    engine.unregister("db.find")
    engine.register("db", lambda: 2)


def test_unknown_functions_cannot_be_unregistered(engine: luawait.Engine) -> None:
    with pytest.raises(luawait.NotFoundError, match="nothing"):
        engine.unregister("nothing")


def test_what_cannot_be_called_is_refused_as_a_function(engine: luawait.Engine) -> None:
    not_callable: Any = 5
    with pytest.raises(luawait.ArgumentError, match="cannot be called"):
        engine.register("five", not_callable)


@pytest.mark.parametrize("timeout", [-1, "1", 0.5])
def test_a_bad_function_timeout_is_refused(engine: luawait.Engine, timeout: Any) -> None:
    with pytest.raises(luawait.OptionError, match="timeout_ms"):
        engine.function("f", timeout_ms=timeout)(lambda: 1)
    engine.register("f", lambda: 1)


def test_large_values_go_both_ways() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:
            text = "x" * 1_000_000
            engine.register("echo", lambda value: value)
            assert await engine.eval("return #v, #echo(v)", v=text) == [len(text), len(text)]

    run(main)


def test_an_executor_that_would_hold_the_loop_up_is_refused() -> None:
    with pytest.raises(luawait.OptionError, match=r"config\.executor"):
        luawait.Engine(executor="host")  # type: ignore[arg-type]


def test_a_queue_limit_has_an_exception_of_its_own() -> None:
    async def main() -> None:
        async with luawait.Engine(max_evals=1) as engine:
            first = engine.start("while true do end")
            with pytest.raises(luawait.QueueLimitError, match="max_evals"):
                engine.start("return 1")
            first.cancel()
            with pytest.raises(luawait.EvalCancelled):
                await first

    run(main)
