"""Named contexts of the blocking API: threads that start, answer and close."""

from __future__ import annotations

import functools
import gc
import threading
from typing import Any

import pytest
from test_sync import HANG_GUARD_S, Thread, echo, until

import luawait


def next_request(engine: luawait.SyncEngine) -> luawait.Request:
    """The next request, after whatever comes before it."""
    while True:
        events = engine.next_events(HANG_GUARD_S, limit=1)
        assert events
        if isinstance(events[0], luawait.Request):
            return events[0]


def test_evals_share_a_context_and_are_answered_by_other_threads() -> None:
    with luawait.SyncEngine() as engine:
        engine.register("echo")
        server = Thread(lambda: echo(engine))
        with engine.context(globals={"n": 1}) as context:
            assert context.eval("return {echo(x), n, ...}", 3, x=2) == [2, 1, 3]
            evals = [context.start("mine = ...; return echo(mine) == mine", i) for i in range(100)]
            assert [run.wait(HANG_GUARD_S) for run in evals] == [True] * 100
            shared = context.with_options(globals_shared=True)
            shared.eval("count = 1")
            assert shared.eval("count = count + n; return count") == 2
            assert context.eval("return {count, mine == nil}") == [2, True]
        engine.close()
        server.join()


def test_many_threads_use_one_context() -> None:
    with luawait.SyncEngine(workers=2) as engine, engine.context() as context:
        shared = context.with_options(globals_shared=True)
        shared.eval("squares = {}")

        def work(first: int) -> None:
            for number in range(first, 201, 4):
                assert shared.eval("local n = ...; squares[n] = n * n; return squares[n]", number) == number**2

        threads = [Thread(functools.partial(work, first)) for first in (1, 2, 3, 4)]
        for thread in threads:
            thread.join()
        assert shared.eval("return squares") == [number**2 for number in range(1, 201)]


def test_the_functions_are_those_registered_when_the_context_was_made() -> None:
    with luawait.SyncEngine() as engine:
        engine.register_callback("text.upper", str.upper)
        with engine.context() as context:
            engine.unregister("text.upper")
            engine.register_callback("later", lambda: 1)
            gc.collect()
            assert context.eval("return {text.upper('a'), later == nil}") == ["A", True]
            assert engine.eval("return {text == nil, later()}") == [True, 1]


def test_closing_a_context_cancels_its_evals_and_withdraws_their_requests() -> None:
    with luawait.SyncEngine(cpu_ms=0, workers=2) as engine:
        engine.register("ask")
        context = engine.context()
        parked = context.start("pcall(ask); ask()")
        request = next_request(engine)
        endless = context.start("while true do end")
        elsewhere = engine.start("return ask()")
        waiting = Thread(endless.wait)
        context.close()
        with pytest.raises(luawait.EvalCancelled):
            waiting.join()
        with pytest.raises(luawait.EvalCancelled, match="its context was freed"):
            parked.wait(HANG_GUARD_S)
        assert request.answer(1) is False
        next_request(engine).answer("fine")
        assert elsewhere.wait(HANG_GUARD_S) == "fine"
        until(lambda: engine.stats()["contexts"]["named"] == 0)


def test_a_closed_context_says_so_and_can_be_closed_again() -> None:
    engine = luawait.SyncEngine()
    with engine.context() as context:
        shared = context.with_options(globals_shared=True)
        assert not context.closed
    assert context.closed
    assert "closed" in repr(context)
    for runner in (context, shared):
        for call in (runner.start, runner.eval):
            with pytest.raises(luawait.ClosedError, match="the context is closed"):
                call("return 1")
    context.close()
    left = engine.context()
    engine.close()
    assert left.closed
    left.close()
    with pytest.raises(luawait.ClosedError, match="the engine is closed"):
        left.start("return 1")
    with pytest.raises(luawait.ClosedError, match="the engine is closed"):
        engine.context()


def test_starting_while_another_thread_closes_gives_an_end_or_says_closed() -> None:
    with luawait.SyncEngine(workers=2) as engine:
        for _ in range(50):
            context = engine.context()
            begun = threading.Event()

            def work(context: luawait.SyncContext = context, begun: threading.Event = begun) -> Any:
                while True:
                    try:
                        assert context.eval("return 1") == 1
                    except (luawait.ClosedError, luawait.EvalCancelled) as error:
                        return type(error)
                    finally:
                        begun.set()

            thread = Thread(work)
            begun.wait(HANG_GUARD_S)
            context.close()
            assert thread.join() in (luawait.ClosedError, luawait.EvalCancelled)


def test_the_memory_limit_is_the_contexts() -> None:
    with luawait.SyncEngine() as engine, engine.context(memory_bytes=2_000_000) as context:
        with pytest.raises(luawait.MemoryLimitError):
            context.eval("return #('x'):rep(3000000)")
        assert context.eval("return #('x'):rep(100000)") == 100_000
        options: Any = {"memory_bytes": 5_000_000}
        with pytest.raises(luawait.OptionError, match="the context has its own"):
            context.with_options(**options).eval("return 1")


def test_a_context_of_a_host_executor_runs_on_this_thread() -> None:
    with luawait.SyncEngine(executor="host") as engine:
        engine.register("ask")
        with engine.context() as context:
            first = context.start("x = 1 return ask() + x")
            second = context.start("return x == nil")
            while engine.run(0.01):
                pass
            request = next_request(engine)
            assert second.wait(0) is True
            request.answer(1)
            while engine.run(0.01):
                pass
            assert first.wait(0) == 2
