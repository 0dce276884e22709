"""Time runs out for an eval or for an answer, and what comes too late does no harm."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from support import Gate, run, until

import luawait


def test_a_call_that_is_not_answered_in_time_is_an_error_the_script_can_catch() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:
            gate = engine.register("wait", Gate(), timeout_ms=1)
            kind, function = await engine.eval("local _, e = pcall(wait); return e.type, e['function']")
            assert (kind, function) == ("timeout", "wait")
            with pytest.raises(luawait.ScriptTimeout) as caught:
                await engine.eval("wait()")
            assert caught.value.function == "wait"
            gate.open()

    run(main)


@pytest.mark.parametrize("fails", [False, True], ids=["a result", "an error"])
def test_a_late_answer_is_ignored(fails: bool) -> None:
    async def main() -> None:
        async with luawait.Engine(workers=1) as engine:
            begun, told_to_stop = asyncio.Event(), asyncio.Event()
            engine.register("begun", begun.is_set)

            @engine.function(timeout_ms=1)
            async def slow() -> str:
                begun.set()
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    told_to_stop.set()
                if fails:
                    raise ValueError("too late")
                return "too late"

            gate = engine.register("wait", Gate())
            # On a busy machine the time may be up before the call has even been taken: that one is never made.
            going_on = engine.start("local ok; repeat ok = pcall(slow) until begun(); return ok, wait('in time')")
            await told_to_stop.wait()
            gate.open()
            assert await going_on == [False, "in time"]
            assert engine.stats()["requests"]["open"] == 0

    run(main)


def test_a_call_that_timed_out_has_its_host_function_cancelled_while_the_script_goes_on() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:
            slow = engine.register("slow", Gate(), timeout_ms=20)
            other = engine.register("other", Gate())
            going_on = engine.start("pcall(slow); return other('went on')")
            await other.has(1)
            await until(lambda: slow.cancelled == slow.entered)
            assert not going_on.done()
            other.open()
            assert await going_on == "went on"
            assert other.cancelled == 0

    run(main)


def test_an_eval_that_takes_too_long_has_its_host_function_cancelled() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:
            gate = engine.register("wait", Gate())
            other = engine.start("return wait('other')")
            await gate.has(1)
            with pytest.raises(luawait.ScriptTimeout):
                await engine.with_options(timeout_ms=20).eval("wait(); return 1")
            await until(lambda: gate.cancelled == gate.entered - 1)
            gate.open()
            assert await other == "other"
            assert engine.stats()["evals"]["parked"] == 0

    run(main)


def test_many_parked_evals_all_time_out() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:
            gate = engine.register("wait", Gate())
            short = engine.with_options(timeout_ms=50)
            outcomes = await asyncio.gather(*(short.eval("wait()") for _ in range(500)), return_exceptions=True)
            assert {type(outcome) for outcome in outcomes} == {luawait.ScriptTimeout}
            gate.open()

    run(main)


def test_timeouts_are_delivered_under_a_steady_stream_of_calls() -> None:
    async def main() -> None:
        async with luawait.Engine(workers=2, cpu_ms=0) as engine:
            gate = engine.register("wait", Gate())
            engine.register("tick", lambda: None)
            busy = [engine.start("while true do tick() end") for _ in range(4)]
            with pytest.raises(luawait.ScriptTimeout):
                await engine.with_options(timeout_ms=20).eval("wait()")
            assert not any(run.done() for run in busy)
            gate.open()

    run(main)


def test_cpu_limit_ends_a_loop_and_waiting_is_free() -> None:
    async def main() -> None:
        async with luawait.Engine(cpu_ms=100) as engine:

            @engine.function
            async def rest() -> None:
                await asyncio.sleep(0.25)

            assert await engine.eval("rest(); return 'rested'") == "rested"
            with pytest.raises(luawait.CPULimitError):
                await engine.eval("while true do end")

    run(main)


def test_an_answer_races_its_timeout_and_nothing_breaks() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:

            @engine.function(timeout_ms=2)
            async def race(delay: float) -> str:
                await asyncio.sleep(delay)
                return "answered"

            async def one(delay: float) -> Any:
                return await engine.eval("local ok, v = pcall(race, d); return ok and v or v.type", d=delay)

            outcomes = await asyncio.gather(*(one(n * 0.00002) for n in range(200)))
            assert set(outcomes) <= {"answered", "timeout"}
            await until(lambda: engine.stats()["requests"]["open"] == 0)

    run(main)
