"""Closing an engine with work in flight: everything ends, nobody is left waiting."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from support import Gate, run, until

import luawait


async def busy_engine(gate: Gate) -> tuple[luawait.Engine, list[asyncio.Task[Any]]]:
    """An engine with evals running, parked, queued and ended but not yet taken."""
    engine = luawait.Engine(workers=2, cpu_ms=0)
    engine.register("wait", gate)
    scripts = ["wait()"] * 20 + ["while true do end"] * 4
    tasks = [asyncio.create_task(engine.eval(script)) for script in scripts]
    await gate.has(20)
    tasks += [asyncio.create_task(engine.eval("return 1")) for _ in range(20)]
    await asyncio.sleep(0)
    return engine, tasks


def all_cancelled(outcomes: list[Any]) -> bool:
    """Whether each outcome is a cancelled eval's, or the value of one that had just ended."""
    return all(isinstance(outcome, luawait.EvalCancelled) or outcome == 1 for outcome in outcomes)


def test_close_fails_evals_in_flight_and_cancels_host_functions() -> None:
    async def main() -> None:
        gate = Gate()
        engine, tasks = await busy_engine(gate)
        engine.close()
        assert engine.closed
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert all_cancelled(outcomes)
        assert sum(isinstance(outcome, luawait.EvalCancelled) for outcome in outcomes) >= 24
        await until(lambda: gate.cancelled == 20)

    run(main)


def test_aclose_has_unwound_the_host_functions_when_it_returns() -> None:
    async def main() -> None:
        gate = Gate()
        engine, tasks = await busy_engine(gate)
        await engine.aclose()
        assert gate.cancelled == 20
        assert all_cancelled(await asyncio.gather(*tasks, return_exceptions=True))
        await engine.aclose()
        engine.close()

    run(main)


def test_nothing_can_be_started_while_aclose_waits() -> None:
    async def main() -> None:
        engine = luawait.Engine()
        begun, proceed = asyncio.Event(), asyncio.Event()

        @engine.function
        async def slow_to_leave() -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                await proceed.wait()

        eval_ = engine.start("slow_to_leave()")
        await begun.wait()
        closing = asyncio.create_task(engine.aclose())
        with pytest.raises(luawait.EvalCancelled):
            await eval_
        assert not closing.done()
        assert engine.closed
        with pytest.raises(luawait.ClosedError):
            engine.start("return 1")
        proceed.set()
        await closing

    run(main)


def test_a_closed_engine_refuses_every_call() -> None:
    async def main() -> None:
        engine = luawait.Engine()
        await engine.eval("return 1")
        await engine.aclose()
        with pytest.raises(luawait.ClosedError):
            await engine.eval("return 1")
        calls: list[Any] = [
            lambda: engine.start("return 1"),
            lambda: engine.eval_sync("return 1"),
            lambda: engine.check("return 1"),
            lambda: engine.stats(),
            lambda: engine.register("f", print),
            lambda: engine.unregister("f"),
        ]
        for call in calls:
            with pytest.raises(luawait.ClosedError):
                call()

    run(main)


def test_an_engine_can_be_closed_by_its_own_host_functions() -> None:
    async def main() -> None:
        for asynchronous in (False, True):
            engine = luawait.Engine()
            closed = asyncio.Event()

            def close(engine: luawait.Engine = engine, closed: asyncio.Event = closed) -> None:
                engine.close()
                closed.set()

            async def aclose(engine: luawait.Engine = engine, closed: asyncio.Event = closed) -> None:
                await engine.aclose()
                closed.set()

            engine.register("stop", aclose if asynchronous else close)
            with pytest.raises(luawait.EvalCancelled):
                await engine.eval("stop(); return 1")
            await closed.wait()

    run(main)


def test_leaving_the_with_block_by_an_exception_closes() -> None:
    async def main() -> None:
        with pytest.raises(KeyError):
            async with luawait.Engine() as engine:
                engine.start("while true do end")
                raise KeyError
        assert engine.closed
        with pytest.raises(KeyError), luawait.Engine() as engine:
            raise KeyError
        assert engine.closed

    run(main)


Anything = luawait.Engine | luawait.SyncEngine


def close(engine: Anything) -> None:
    engine.close()


def aclose(engine: Anything) -> None:
    assert isinstance(engine, luawait.Engine)
    asyncio.run(engine.aclose())


class Caller(threading.Thread):
    """A thread inside an eval that calls a function of this object without end."""

    def __init__(self, engine: Anything) -> None:
        super().__init__()
        self._eval = engine.eval_sync if isinstance(engine, luawait.Engine) else engine.eval
        self.called = threading.Event()
        self.calls = 0
        self.end: Any = None
        engine.register_callback(f"call_{id(self)}", self.call)
        self.start()

    def call(self) -> None:
        self.calls += 1
        self.called.set()

    def run(self) -> None:
        try:
            self.end = self._eval(f"while true do pcall(call_{id(self)}) end")
        except BaseException as error:  # noqa: BLE001 - for the test to look at
            self.end = error


@pytest.mark.parametrize(
    ("kind", "end"), [(luawait.SyncEngine, close), (luawait.Engine, close), (luawait.Engine, aclose)]
)
def test_closing_ends_the_evals_on_other_threads_and_calls_nothing_afterwards(
    kind: type[Anything], end: Callable[[Anything], None]
) -> None:
    engine = kind(cpu_ms=0)
    callers = [Caller(engine) for _ in range(3)]
    for caller in callers:
        caller.called.wait()
    end(engine)
    calls = [caller.calls for caller in callers]
    for caller in callers:
        caller.join()
        assert isinstance(caller.end, luawait.EvalCancelled)
    assert [caller.calls for caller in callers] == calls
    with pytest.raises(luawait.ClosedError):
        engine.check("return 1")


def test_closing_ends_an_eval_that_calls_nothing() -> None:
    engine = luawait.SyncEngine(cpu_ms=0)
    caller = Caller(engine)
    caller.called.wait()
    endless: list[Any] = []

    def work() -> None:
        with pytest.raises((luawait.EvalCancelled, luawait.ClosedError)) as caught:
            engine.eval("while true do end")
        endless.append(caught.value)

    thread = threading.Thread(target=work)
    thread.start()
    while engine.stats()["evals"]["running"] < 2:
        caller.called.clear()
        caller.called.wait()
    engine.close()
    thread.join()
    caller.join()
    assert len(endless) == 1


def test_every_close_returns_when_the_engine_is_closed() -> None:
    engine = luawait.SyncEngine()
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        leave.wait()

    engine.register_callback("hold", hold)
    engine.start("hold()")
    entered.wait()
    closing = [threading.Thread(target=engine.close) for _ in range(3)]
    for thread in closing:
        thread.start()
    while not engine.closed:
        pass
    assert all(thread.is_alive() for thread in closing)
    leave.set()
    for thread in closing:
        thread.join()


@pytest.mark.parametrize("on", ["this thread", "a thread of the library's"])
def test_a_callback_that_closes_its_engine_ends_its_eval_and_does_not_wait_for_itself(on: str) -> None:
    engine = luawait.SyncEngine(cpu_ms=0)
    called: list[int] = []
    closed = threading.Event()

    def shut() -> None:
        engine.close()
        assert engine.closed
        closed.set()

    engine.register_callback("shut", shut)
    engine.register_callback("after", lambda: called.append(1))
    script = "pcall(shut) pcall(after) while true do pcall(after) end"
    if on == "this thread":
        with pytest.raises(luawait.EvalCancelled):
            engine.eval(script)
    else:
        eval_ = engine.start(script)
        closed.wait()
        with pytest.raises(luawait.EvalCancelled):
            eval_.wait()
    engine.close()  # waits for the thread that closes it
    assert called == []


def test_a_callback_may_close_another_engine() -> None:
    with luawait.SyncEngine() as engine:

        def use_another() -> Any:
            with luawait.SyncEngine() as other:
                other.register_callback("twice", lambda n: 2 * n)
                value = other.eval("return twice(21)")
            assert other._core._handle._unfreed.locked()  # now, not when the callback is over
            return value

        engine.register_callback("use_another", use_another)
        assert engine.eval("return use_another()") == 42


def test_a_program_ends_while_a_daemon_thread_is_in_a_callback() -> None:
    program = """
import threading, luawait
engine = luawait.SyncEngine()
entered = threading.Event()

def hold():
    entered.set()
    threading.Event().wait()

engine.register_callback("hold", hold)
threading.Thread(target=lambda: engine.eval("hold()"), daemon=True).start()
entered.wait()
print("end")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "end\n"), done.stderr


def test_a_program_that_never_closes_ends_all_the_same() -> None:
    program = """
import asyncio, luawait
engine = luawait.Engine(cpu_ms=0)

async def main():
    engine.register("wait", lambda: asyncio.sleep(3600))
    for _ in range(3):
        engine.start("while true do end")
        engine.start("wait()")
    await asyncio.sleep(0.01)

asyncio.run(main())
print("end")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "end\n"), done.stderr


def test_a_forked_child_ends_without_touching_its_parents_engine() -> None:
    program = """
import os, sys, luawait
engine = luawait.Engine()
child = os.fork()
if child == 0:
    sys.exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert engine.eval_sync("return 1") == 1
engine.close()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
