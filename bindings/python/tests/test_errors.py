"""Exceptions mirror the library's two layers: statuses of calls, types of outcomes."""

from __future__ import annotations

import asyncio
import copy
import pickle
from typing import Any

import pytest
from support import Gate, run

import luawait

OUTCOMES: dict[str, type[luawait.EvalError]] = {
    "syntax": luawait.ScriptSyntaxError,
    "runtime": luawait.ScriptRuntimeError,
    "host": luawait.HostError,
    "timeout": luawait.ScriptTimeout,
    "cpu": luawait.CPULimitError,
    "memory": luawait.MemoryLimitError,
    "conversion": luawait.ConversionError,
    "limit": luawait.LimitError,
    "cancelled": luawait.EvalCancelled,
}


@pytest.mark.parametrize(
    ("kind", "script", "options"),
    [
        ("syntax", "local = 1", {}),
        ("runtime", "error('no')", {}),
        ("host", "fail()", {}),
        ("timeout", "wait()", {"timeout_ms": 1}),
        ("timeout", "wait()", {"call_timeout_ms": 1}),
        ("cpu", "while true do end", {"cpu_ms": 1}),
        ("memory", "local t = {} while true do t[#t + 1] = {} end", {"memory_bytes": 1_000_000}),
        ("conversion", "return print", {}),
        ("limit", "return string.rep('x', 5000)", {}),
    ],
)
def test_each_outcome_type_has_its_exception(kind: str, script: str, options: dict[str, int]) -> None:
    async def main() -> None:
        async with luawait.Engine(output_bytes=1000) as engine:
            gate = engine.register("wait", Gate())
            engine.register("fail", lambda: 1 // 0)
            with pytest.raises(OUTCOMES[kind]) as caught:
                await engine.with_options(**options).eval(script)  # type: ignore[typeddict-item]
            assert caught.value.type == kind
            assert type(caught.value) is OUTCOMES[kind]
            assert caught.value.message
            gate.open()

    run(main)


def test_every_outcome_class_has_its_type() -> None:
    classes = luawait.EvalError.__subclasses__()
    assert {kind.outcome: kind for kind in classes} == {**OUTCOMES, "internal": luawait.InternalError}


def test_a_runtime_error_says_where_and_how() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:
            with pytest.raises(luawait.ScriptRuntimeError) as caught:
                await engine.with_options(name="report.lua").eval(
                    "local function inner() local x = nil; return x.y end\nlocal function outer() inner() end\nouter()"
                )
            error = caught.value
            assert (error.chunk, error.line) == ("report.lua", 1)
            assert str(error) == error.message
            assert "attempt to index a nil value (local 'x')" in str(error)
            assert error.traceback is not None
            assert "stack traceback" in error.traceback
            assert "outer" in error.traceback
            assert "traceback" not in str(error)

    run(main)


def test_a_table_given_to_error_is_the_data() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:
            with pytest.raises(luawait.ScriptRuntimeError) as caught:
                await engine.eval("error({code = 7, tags = {'a'}})")
            assert caught.value.data == {"code": 7, "tags": ["a"]}

    run(main)


def test_a_syntax_error_has_lua_s_words_and_the_line() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:
            with pytest.raises(luawait.ScriptSyntaxError, match="<name> expected near '='") as caught:
                await engine.eval("\n\nlocal = 1")
            assert caught.value.line == 3

    run(main)


def test_repr_shows_what_is_known() -> None:
    error = luawait.HostError("gone", function="http.get", host_type="http", data={"status": 410})
    assert repr(error) == "HostError('gone', function='http.get', host_type='http', data={'status': 410})"
    assert repr(luawait.EvalCancelled("cancelled")) == "EvalCancelled('cancelled')"


def test_exceptions_survive_pickling_and_copying() -> None:
    original = luawait.HostError("gone", function="f", host_type="http", data={"status": 410}, line=3)
    call = luawait.OptionError("no", line=1, column=2)
    fault = luawait.HostFault("missing", type="http", data=[1])
    for error in (original, call, fault):
        for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
            assert type(twin) is type(error)
            assert (str(twin), vars(twin)) == (str(error), vars(error))


def test_all_exceptions_are_one_family() -> None:
    exported: list[Any] = [getattr(luawait, name) for name in luawait.__all__]
    exceptions = [kind for kind in exported if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(exceptions) > 20
    assert all(issubclass(kind, luawait.LuawaitError) for kind in exceptions)
    assert not issubclass(luawait.EvalCancelled, asyncio.CancelledError)


def test_one_clause_catches_whatever_a_script_does() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:
            for script in ("local = 1", "error('x')", "return print"):
                try:
                    await engine.eval(script)
                except luawait.EvalError:
                    continue
                pytest.fail(f"{script} did not fail")

    run(main)
