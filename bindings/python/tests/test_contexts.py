"""Named contexts: many evals in one Lua world, in an event loop."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from support import Gate, run, until

import luawait


def run_with(main: Callable[[luawait.Engine], Awaitable[Any]], **config: Any) -> Any:
    """Runs a test's coroutine with an engine."""

    async def with_engine() -> Any:
        async with luawait.Engine(**config) as engine:
            return await main(engine)

    return run(with_engine)


def named(engine: luawait.Engine) -> int:
    count: int = engine.stats()["contexts"]["named"]
    return count


def test_a_context_is_a_runner_with_arguments_globals_and_options() -> None:
    async def main(engine: luawait.Engine) -> None:
        async with engine.context() as context:
            assert await context.eval("return {x, ...}", 1, x=2) == [2, 1]
            assert await context.start("return x", x=3) == 3
            with pytest.raises(luawait.ScriptTimeout):
                await context.with_options(timeout_ms=1).eval("while true do end")
            with pytest.raises(luawait.ScriptRuntimeError) as caught:
                await context.with_options(name="mine").eval("\nerror('no')")
            assert (caught.value.chunk, caught.value.line) == ("mine", 2)
            assert await context.eval("return 'still there'") == "still there"

    run_with(main)


def test_globals_are_each_evals_own_unless_they_are_shared() -> None:
    async def main(engine: luawait.Engine) -> None:
        async with engine.context(globals={"given": [5], "n": 1}) as context:
            assert await context.eval("mine = given[1] + n; n = 7; return mine") == 6
            assert await context.eval("return {mine == nil, n}") == [True, 1]
            shared = context.with_options(globals_shared=True)
            await shared.eval("count = 1; function twice(x) return 2 * x end")
            assert await shared.eval("count = count + n; return count") == 2
            assert await context.eval("count = twice(count); return count") == 4
            assert await shared.eval("return count") == 2
        async with engine.context() as other:
            assert await other.eval("return count == nil and given == nil") is True

    run_with(main)


def test_evals_of_a_context_take_turns_at_host_calls() -> None:
    async def main(engine: luawait.Engine) -> None:
        gate = Gate()
        engine.register("wait", gate)
        async with engine.context() as context:
            evals = [context.start("return wait(i) + wait(i)", i=i) for i in range(100)]
            await gate.has(100)
            gate.open()
            assert await asyncio.gather(*evals) == [2 * i for i in range(100)]

    run_with(main)


def test_the_functions_are_those_registered_when_the_context_was_made() -> None:
    async def main(engine: luawait.Engine) -> None:
        engine.register("which", lambda: "old")
        engine.register_callback("text.upper", str.upper)
        async with engine.context() as context:
            engine.unregister("which")
            engine.unregister("text.upper")
            engine.register("which", lambda: "new")
            engine.register("later", lambda: 1)
            gc.collect()
            assert await context.eval("return {which(), text.upper('a'), later == nil}") == ["old", "A", True]
            assert await engine.eval("return {which(), text == nil, later()}") == ["new", True, 1]

    run_with(main)


def test_the_memory_limit_is_the_contexts() -> None:
    async def main(engine: luawait.Engine) -> None:
        gate = Gate()
        engine.register("wait", gate)
        async with engine.context(memory_bytes=3_000_000) as context:
            wanting = "return #('x'):rep(1000000 + n)"
            holding = context.start("local s = ('x'):rep(1200000) wait() return #s")
            await gate.has(1)
            with pytest.raises(luawait.MemoryLimitError):
                await context.eval(f"local s = ('x'):rep(600000) {wanting}", n=1)
            holding.cancel()
            with pytest.raises(luawait.EvalCancelled):
                await holding
            assert await context.eval(wanting, n=0) == 1_000_000
            options: Any = {"memory_bytes": 5_000_000}
            with pytest.raises(luawait.OptionError, match="the context has its own"):
                context.with_options(**options).start("return 1")

    run_with(main)


def test_cancelling_one_eval_leaves_the_others_of_its_context_alone() -> None:
    async def main(engine: luawait.Engine) -> None:
        gate = Gate()
        engine.register("wait", gate)
        async with engine.context() as context:
            endless = context.start("while true do pcall(function() while true do end end) end")
            parked = context.start("return wait('fine')")
            await gate.has(1)
            assert endless.cancel()
            with pytest.raises(luawait.EvalCancelled):
                await endless
            gate.open()
            assert await parked == "fine"

    run_with(main, cpu_ms=0)


def test_closing_a_context_cancels_its_evals_and_host_functions_and_no_others() -> None:
    async def main(engine: luawait.Engine) -> None:
        gate, outside = Gate(), Gate()
        engine.register("wait", gate)
        engine.register("outside", outside)
        elsewhere = engine.start("return outside('fine')")
        context = engine.context()
        evals = [context.start("pcall(wait); wait()") for _ in range(20)]
        await gate.has(20)
        evals += [context.start("while true do end") for _ in range(5)]
        await context.aclose()
        assert gate.cancelled == 20
        assert all(eval_.done() for eval_ in evals)
        for eval_ in evals:
            with pytest.raises(luawait.EvalCancelled, match="its context was freed"):
                await eval_
        assert context.closed
        await outside.has(1)
        outside.open()
        assert await elsewhere == "fine"
        assert outside.cancelled == 0
        await until(lambda: named(engine) == 0)

    run_with(main, cpu_ms=0)


def test_aclose_waits_for_host_functions_that_unwind_already() -> None:
    async def main(engine: luawait.Engine) -> None:
        begun, proceed = asyncio.Event(), asyncio.Event()

        @engine.function
        async def slow_to_leave() -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                await proceed.wait()

        context = engine.context()
        eval_ = context.start("slow_to_leave()")
        await begun.wait()
        eval_.cancel()
        with pytest.raises(luawait.EvalCancelled):
            await eval_
        closing = asyncio.create_task(context.aclose())
        await until(lambda: context.closed)
        # Whatever the loop has to do meanwhile, it goes on.
        assert await engine.eval("return 1") == 1
        assert not closing.done()
        proceed.set()
        await closing

    run_with(main)


def test_a_closed_context_says_so_and_can_be_closed_again() -> None:
    async def main(engine: luawait.Engine) -> None:
        async with engine.context() as context:
            assert not context.closed
            shared = context.with_options(globals_shared=True)
            assert repr(context).endswith("open>")
        assert repr(context).endswith("closed>")
        for runner in (context, shared):
            with pytest.raises(luawait.ClosedError, match="the context is closed"):
                runner.start("return 1")
            with pytest.raises(luawait.ClosedError, match="the context is closed"):
                await runner.eval("return 1")
        context.close()
        await context.aclose()
        assert await engine.eval("return 1") == 1

    run_with(main)


def test_the_plain_with_block_closes_too_and_on_an_exception() -> None:
    async def main(engine: luawait.Engine) -> None:
        with pytest.raises(KeyError), engine.context() as context:
            eval_ = context.start("while true do end")
            raise KeyError
        with pytest.raises(luawait.EvalCancelled):
            await eval_
        assert context.closed

    run_with(main, cpu_ms=0)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_context_can_be_closed_by_its_own_host_functions(asynchronous: bool) -> None:
    async def main(engine: luawait.Engine) -> None:
        contexts: list[luawait.Context] = []
        closed = asyncio.Event()

        def close() -> None:
            contexts[0].close()
            closed.set()

        async def aclose() -> None:
            await contexts[0].aclose()
            closed.set()

        engine.register("stop", aclose if asynchronous else close)
        contexts.append(engine.context())
        with pytest.raises(luawait.EvalCancelled):
            await contexts[0].eval("stop(); return 1")
        await closed.wait()
        assert await engine.eval("return 1") == 1

    run_with(main)


def test_closing_the_engine_closes_its_contexts() -> None:
    async def main() -> None:
        gate = Gate()
        engine = luawait.Engine()
        engine.register("wait", gate)
        context = engine.context()
        eval_ = context.start("wait()")
        await gate.has(1)
        await engine.aclose()
        assert context.closed
        assert gate.cancelled == 1
        with pytest.raises(luawait.EvalCancelled):
            await eval_
        context.close()
        with pytest.raises(luawait.ClosedError, match="the engine is closed"):
            context.start("return 1")
        with pytest.raises(luawait.ClosedError, match="the engine is closed"):
            engine.context()

    run(main)


def test_eval_sync_is_refused_in_a_context() -> None:
    with luawait.Engine() as engine, engine.context() as context:
        with pytest.raises(luawait.OptionError, match="context"):
            context.eval_sync("return 1")
        assert engine.eval_sync("return 1") == 1


def test_what_an_eval_of_a_context_prints_arrives_at_its_receiver() -> None:
    async def main(engine: luawait.Engine) -> None:
        lines: list[str] = []
        async with engine.context() as context:
            await context.with_options(on_output=lines.append).eval("print('hello', n)", n=1)
        assert lines == ["hello\t1"]

    run_with(main, print="event")
    with luawait.Engine() as engine, engine.context() as context, pytest.raises(luawait.OptionError, match="'event'"):
        context.with_options(on_output=print)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"memory": 1}, luawait.OptionError, "memory_bytes"),
        ({"memory_bytes": "1"}, luawait.OptionError, "memory_bytes"),
        ({"globals": [1]}, luawait.OptionError, "globals"),
        ({"globals": {"x": print}}, luawait.JSONError, "globals"),
    ],
)
def test_a_context_with_bad_options_is_not_made(options: Any, kind: type[Exception], message: str) -> None:
    for make in (luawait.Engine, luawait.SyncEngine):
        with make() as engine:
            with pytest.raises(kind, match=message):
                engine.context(**options)
            assert engine.stats()["contexts"]["named"] == 0


def test_globals_shared_needs_a_context_and_context_is_no_option() -> None:
    with luawait.Engine() as engine, engine.context() as context:
        shared: Any = {"globals_shared": True}
        with pytest.raises(luawait.OptionError, match="needs a context"):
            engine.with_options(**shared).eval_sync("return 1")
        option: Any = {"context": 1}
        for runner in (engine, context):
            with pytest.raises(luawait.OptionError, match="'context' is not an option"):
                runner.with_options(**option)


def test_another_thread_is_refused_to_close_a_context_of_the_loop() -> None:
    async def main(engine: luawait.Engine) -> None:
        caught: list[BaseException] = []
        async with engine.context() as context:
            assert await context.eval("return 1") == 1

            def close() -> None:
                try:
                    context.close()
                except luawait.LoopError as error:
                    caught.append(error)

            thread = threading.Thread(target=close)
            thread.start()
            thread.join()
            assert [type(error) for error in caught] == [luawait.LoopError]
            assert await context.eval("return 2") == 2

    run_with(main)


def test_a_context_that_is_forgotten_is_warned_of_while_its_engine_is_open() -> None:
    with luawait.Engine() as engine:
        context = engine.context()
        with pytest.warns(ResourceWarning, match="unclosed luawait context"):
            del context
            gc.collect()
        left = engine.context()
    del left
    gc.collect()


def test_a_thousand_evals_share_one_context() -> None:
    async def main(engine: luawait.Engine) -> None:
        async def echo(value: Any) -> Any:
            await asyncio.sleep(0)
            return value

        engine.register("echo", echo)
        async with engine.context() as context:
            evals = [context.start("mine = ...; return echo(mine) == mine", i) for i in range(1000)]
            assert await asyncio.gather(*evals) == [True] * 1000

    run_with(main)
