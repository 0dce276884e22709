"""The event loop: never blocked, never polled into, one per engine, and left as it was found."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Callable
from typing import Any

import pytest
from support import HANG_GUARD_S, Gate, run, until

import luawait


def descriptors() -> set[str]:
    """Open file descriptors of this process."""
    return set(os.listdir("/proc/self/fd"))


def threads() -> int:
    """Threads of this process."""
    return len(os.listdir("/proc/self/task"))


def hold_up(condition: Callable[[], bool]) -> None:
    """Blocks the event loop, which otherwise nobody should, until a condition holds."""
    deadline = time.monotonic() + HANG_GUARD_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_the_loop_ticks_while_a_script_loops_forever() -> None:
    async def main() -> None:
        async with luawait.Engine(cpu_ms=0) as engine:
            task = asyncio.create_task(engine.eval("while true do end"))
            await until(lambda: engine.stats()["evals"]["running"] == 1)
            for _ in range(1000):
                await asyncio.sleep(0)
            assert not task.done()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    run(main)


def test_an_idle_engine_never_wakes_the_loop() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:
            gate = engine.register("wait", Gate())
            waiting = engine.start("wait()")
            await gate.has(1)
            await until(lambda: engine.stats()["evals"]["parked"] == 1)
            await asyncio.sleep(0.02)
            before = engine._driver._wakes
            await asyncio.sleep(0.1)
            assert engine._driver._wakes == before
            gate.open()
            await waiting
            await engine.eval("return 1")
            assert engine._driver._wakes > before

    run(main)


def test_a_burst_of_requests_leaves_the_loop_its_turns() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:
            gate = engine.register("wait", Gate())
            evals = [engine.start("wait()") for _ in range(1000)]
            hold_up(lambda: engine.stats()["requests"]["posted"] == 1000)
            turns = 0
            while gate.entered < 1000:
                await asyncio.sleep(0)
                turns += 1
            assert turns > 3
            gate.open()
            await asyncio.gather(*evals)

    run(main)


def test_another_loop_is_a_clear_error() -> None:
    engine = luawait.Engine()

    async def use() -> Any:
        return await engine.eval("return 1")

    assert asyncio.run(use()) == 1
    with pytest.raises(luawait.LoopError, match="another event loop"):
        asyncio.run(use())
    engine.close()


def test_no_loop_is_a_clear_error() -> None:
    with luawait.Engine() as engine, pytest.raises(luawait.LoopError, match="no running event loop"):
        engine.start("return 1")


def test_closing_in_another_thread_than_the_loops_is_a_clear_error() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:
            assert await engine.eval("return 1") == 1
            with pytest.raises(luawait.LoopError, match="close"):
                await asyncio.to_thread(engine.close)
            assert await engine.eval("return 2") == 2

    run(main)


def test_engines_leave_no_descriptor_and_no_thread() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:
            gate = engine.register("wait", Gate())
            evals = [engine.start("wait()") for _ in range(3)]
            await gate.has(3)
            await engine.eval("return 1")
        assert all(
            isinstance(end, luawait.EvalCancelled) for end in await asyncio.gather(*evals, return_exceptions=True)
        )

    run(main)
    gc.collect()
    open_before, threads_before = descriptors(), threads()
    for _ in range(20):
        run(main)
    assert descriptors() == open_before
    # The kernel lists a thread for a moment after others have seen its end.
    hold_up(lambda: threads() <= threads_before)


def test_an_engine_that_is_forgotten_warns_and_is_freed() -> None:
    def forget() -> None:
        engine = luawait.Engine()
        assert engine.eval_sync("return 1") == 1

    gc.collect()
    open_before, threads_before = descriptors(), threads()
    with pytest.warns(ResourceWarning, match="unclosed"):
        forget()
        gc.collect()
    assert descriptors() == open_before
    # The kernel lists a thread for a moment after others have seen its end.
    hold_up(lambda: threads() <= threads_before)


def test_an_engine_that_outlives_its_loop_can_be_closed() -> None:
    engine = luawait.Engine(cpu_ms=0)
    gate = Gate()

    async def main() -> luawait.Eval:
        engine.register("wait", gate)
        eval_ = engine.start("pcall(wait); while true do end")
        await gate.has(1)
        return eval_

    eval_ = asyncio.run(main())
    assert gate.cancelled == 1  # by the end of the loop
    assert not eval_.done()
    engine.close()
    assert engine.closed


def test_it_works_on_a_loop_in_debug_mode() -> None:
    async def main() -> Any:
        async with luawait.Engine() as engine:
            engine.register("sleep", asyncio.sleep)
            return await engine.eval("sleep(0); return sleep(0, 'slept')")

    assert asyncio.run(main(), debug=True) == "slept"
