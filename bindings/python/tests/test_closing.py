"""Closing an engine with work in flight: everything ends, nobody is left waiting."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
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


def test_closing_while_another_thread_is_in_eval_sync_waits_for_it() -> None:
    engine = luawait.Engine(cpu_ms=100)
    inside = threading.Event()
    ends: list[Any] = []

    def work() -> None:
        inside.set()
        try:
            ends.append(engine.eval_sync("while true do end"))
        except luawait.LuawaitError as error:
            ends.append(type(error))

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait()
    engine.close()
    thread.join()
    assert ends in ([luawait.CPULimitError], [luawait.ClosedError])


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
