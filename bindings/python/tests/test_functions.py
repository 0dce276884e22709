"""Host functions: plain and asynchronous, names, errors, and answers that cannot be given."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from typing import Any

import pytest
from support import run

import luawait


def test_an_async_function_is_awaited() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:

            @engine.function
            async def add(a: int, b: int) -> int:
                await asyncio.sleep(0)
                return a + b

            assert await engine.eval("return add(add(1, 2), 3)") == 6
            assert await add(1, 1) == 2  # the decorator leaves the function as it was

    run(main)


def test_a_plain_function_is_called() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:

            @engine.function
            def upper(text: str) -> str:
                return text.upper()

            assert await engine.eval("return upper('abc') .. upper('d')") == "ABCD"
            assert upper("x") == "X"

    run(main)


def test_dots_in_a_name_make_nested_tables() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:

            @engine.function("db.users.find")
            def find(user: int) -> dict[str, int]:
                return {"id": user}

            @engine.function("db.users.count", timeout_ms=500)
            async def count() -> int:
                return 3

            assert await engine.eval("return db.users.find(7).id + db.users.count()") == 10

    run(main)


def test_anything_callable_can_be_a_function() -> None:
    class Counter:
        def __init__(self) -> None:
            self.calls = 0

        async def __call__(self, step: int) -> int:
            self.calls += step
            return self.calls

        def double(self, value: int) -> int:
            return 2 * value

    async def power(base: int, exponent: int) -> int:
        return base**exponent

    async def main() -> None:
        async with luawait.Engine() as engine:
            engine.register("count", Counter())
            engine.register("double", Counter().double)
            engine.register("square", functools.partial(power, exponent=2))
            engine.register("later", lambda value: asyncio.sleep(0, value))
            engine.register(None, power)
            assert await engine.eval("count(2); return count(3), double(4), square(5), later(6), power(2, 3)") == [
                5,
                8,
                25,
                6,
                8,
            ]
            with pytest.raises(luawait.ArgumentError, match="name"):
                engine.register(None, functools.partial(power, 1))

    run(main)


def test_functions_run_in_the_loops_thread_with_the_starters_context() -> None:
    who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")

    async def main() -> None:
        async with luawait.Engine() as engine:

            @engine.function
            def plain() -> list[Any]:
                return [threading.get_ident() == thread, who.get()]

            @engine.function
            async def asynchronous() -> list[Any]:
                await asyncio.sleep(0)
                return [threading.get_ident() == thread, who.get()]

            async def caller(name: str) -> None:
                who.set(name)
                assert await engine.eval("return plain(), asynchronous()") == [[True, name], [True, name]]

            thread = threading.get_ident()
            await asyncio.gather(*(asyncio.create_task(caller(f"caller {n}")) for n in range(10)))
            assert who.get() == "nobody"

    run(main)


def test_a_function_may_run_scripts_of_its_own() -> None:
    async def main() -> None:
        async with luawait.Engine(workers=1) as engine:

            @engine.function
            async def factorial(n: int) -> int:
                return 1 if n == 0 else n * await engine.eval("return factorial(n - 1)", n=n)

            assert await engine.eval("return factorial(20)") == 2432902008176640000

    run(main)


def test_an_eval_keeps_the_functions_it_was_started_with() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:
            begun, proceed = asyncio.Event(), asyncio.Event()

            @engine.function
            async def pause() -> None:
                begun.set()
                await proceed.wait()

            engine.register("version", lambda: "old")
            script = "pause(); return version and version() or 'none'"
            with_old = engine.start(script)
            await begun.wait()
            engine.unregister("version")
            with_none = engine.start(script)
            engine.register("version", lambda: "new")
            with_new = engine.start(script)
            proceed.set()
            assert [await with_old, await with_none, await with_new] == ["old", "none", "new"]

    run(main)


def test_an_exception_is_an_error_that_the_script_can_catch() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:

            @engine.function
            async def find(key: str) -> None:
                raise KeyError(key)

            @engine.function
            def parse(text: str) -> int:
                return int(text)

            caught = await engine.eval(
                """
                local caught = {}
                for i, f in ipairs{find, parse} do
                    local ok, e = pcall(f, "nothing")
                    caught[i] = {ok = ok, type = e.type, host_type = e.host_type, message = e.message,
                                 fn = e["function"], text = tostring(e)}
                end
                return caught
                """
            )
            with pytest.raises(ValueError) as python:
                parse("nothing")
            assert caught == [
                {"ok": False, "type": "host", "host_type": "KeyError", "message": "'nothing'", "fn": "find"}
                | {"text": "'nothing'"},
                {"ok": False, "type": "host", "host_type": "ValueError", "message": str(python.value), "fn": "parse"}
                | {"text": str(python.value)},
            ]

    run(main)


def test_an_exception_that_the_script_does_not_catch_is_the_cause() -> None:
    class BrokenError(Exception):
        pass

    async def main() -> None:
        async with luawait.Engine() as engine:
            raised = BrokenError("it broke")

            @engine.function("machine.start")
            async def start() -> None:
                raise raised

            with pytest.raises(luawait.HostError, match="it broke") as caught:
                await engine.eval("machine.start()")
            assert caught.value.__cause__ is raised
            assert caught.value.function == "machine.start"
            assert caught.value.host_type == "BrokenError"
            assert caught.value.data is None

            engine.register("divide", lambda a, b: a // b)
            with pytest.raises(luawait.HostError) as other:
                await engine.eval("pcall(machine.start); divide(1, 0)")
            assert isinstance(other.value.__cause__, ZeroDivisionError)

    run(main)


def test_a_host_fault_chooses_type_and_data() -> None:
    class Missing(luawait.HostFault):
        pass

    async def main() -> None:
        async with luawait.Engine() as engine:

            @engine.function
            async def get(status: int) -> None:
                raise luawait.HostFault("not found", type="http", data={"status": status, "tags": []})

            @engine.function
            def miss() -> None:
                raise Missing("gone")

            script = "local _, e = pcall(get, 404); return e.message, e.host_type, e.data.status, e.data.tags"
            assert await engine.eval(script) == ["not found", "http", 404, []]
            with pytest.raises(luawait.HostError) as caught:
                await engine.eval("get(410)")
            assert (caught.value.host_type, caught.value.data) == ("http", {"status": 410, "tags": []})
            with pytest.raises(luawait.HostError) as caught:
                await engine.eval("miss()")
            assert (caught.value.host_type, caught.value.message) == ("Missing", "gone")

    run(main)


def test_wrong_arguments_are_an_error_of_the_call() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:

            @engine.function
            async def one(argument: Any) -> Any:
                return argument

            with pytest.raises(luawait.HostError, match="argument") as caught:
                await engine.eval("return one(1, 2)")
            assert caught.value.host_type == "TypeError"

    run(main)


NESTED: Any = 1
for _ in range(300):
    NESTED = [NESTED]
CIRCULAR: list[Any] = []
CIRCULAR.append(CIRCULAR)


@pytest.mark.parametrize("asynchronous", [False, True], ids=["plain", "async"])
@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        {"x": [float("inf")]},
        {1, 2},
        object(),
        b"bytes",
        2**64,
        NESTED,
        CIRCULAR,
        "\ud800",
        {"a\x00": 1},
        {1: "a", "1": "b"},
    ],
    ids=["nan", "inf", "set", "object", "bytes", "2^64", "deep", "circular", "surrogate", "nul key", "key twice"],
)
def test_a_value_that_is_not_json_is_an_error_that_names_the_function(value: Any, asynchronous: bool) -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:

            @engine.function("sensor.read")
            def read() -> Any:
                return asyncio.sleep(0, value) if asynchronous else value

            with pytest.raises(luawait.HostError, match=r"sensor\.read") as caught:
                await engine.eval("return sensor.read()")
            assert caught.value.host_type == "JSONError"

    run(main)


def test_an_error_that_cannot_be_told_still_answers() -> None:
    class SilentError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    async def main() -> None:
        async with luawait.Engine() as engine:

            @engine.function
            def silent() -> None:
                raise SilentError

            @engine.function
            async def odd() -> None:
                raise FileNotFoundError("odd\udcff")

            @engine.function
            async def unfit() -> None:
                raise luawait.HostFault("unfit", type="custom", data=object())

            @engine.function
            async def empty() -> None:
                raise ValueError

            for script, kind, message in (
                ("silent()", "SilentError", "SilentError, whose message cannot be read: RuntimeError"),
                ("odd()", "FileNotFoundError", "odd\\udcff"),
                ("empty()", "ValueError", "ValueError"),
            ):
                with pytest.raises(luawait.HostError) as caught:
                    await engine.eval(script)
                assert (caught.value.host_type, caught.value.message) == (kind, message)
            with pytest.raises(luawait.HostError, match=r"unfit \(the data of unfit's error is not JSON") as caught:
                await engine.eval("unfit()")
            assert caught.value.host_type == "custom"

    run(main)


@pytest.mark.parametrize("exception", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("asynchronous", [False, True], ids=["plain", "async"])
def test_an_interrupt_in_a_function_ends_the_host_and_answers_the_script(
    exception: type[BaseException], asynchronous: bool
) -> None:
    engine = luawait.Engine()

    def plain() -> None:
        raise exception("enough")

    async def later() -> None:
        raise exception("enough")

    async def main() -> None:
        engine.register("stop", later if asynchronous else plain)
        evals.append(engine.start("local _, e = pcall(stop); return e.host_type"))
        await asyncio.Event().wait()

    evals: list[luawait.Eval] = []
    loop = asyncio.new_event_loop()
    waiting = loop.create_task(main())
    with pytest.raises(exception, match="enough"):
        loop.run_until_complete(waiting)
    waiting.cancel()

    async def outcome() -> Any:
        return await evals[0]

    assert loop.run_until_complete(outcome()) == exception.__name__
    engine.close()
    loop.run_until_complete(asyncio.gather(waiting, return_exceptions=True))
    loop.close()
