"""Cancelling goes both ways: from the awaiting task to the script, and from the eval to the awaiting task."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from support import Gate, run, until

import luawait


async def nothing_left(engine: luawait.Engine) -> None:
    """Waits until every outcome has been taken and every request is gone."""

    def clean() -> bool:
        figures = engine.stats()
        evals, requests = figures["evals"], figures["requests"]
        in_progress = evals["queued"] + evals["running"] + evals["parked"] + evals["finished_unread"]
        return in_progress == 0 and requests["open"] == 0 and requests["pending"] == 0

    await until(clean)


async def cancelled(task: asyncio.Future[Any]) -> bool:
    """Whether a task that was cancelled ended so."""
    try:
        await task
    except asyncio.CancelledError:
        return True
    return False


def test_cancelling_the_awaiting_task_ends_an_endless_loop() -> None:
    async def main() -> None:
        async with luawait.Engine(cpu_ms=0) as engine:
            task = asyncio.create_task(engine.eval("while true do pcall(function() while true do end end) end"))
            await until(lambda: engine.stats()["evals"]["running"] == 1)
            task.cancel()
            assert await cancelled(task)
            await nothing_left(engine)
            assert engine.stats()["evals"]["cancelled"] == 1

    run(main)


def test_cancelling_the_awaiting_task_cancels_its_host_functions() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:
            gate = engine.register("wait", Gate())
            task = asyncio.create_task(engine.eval("wait()"))
            other = asyncio.create_task(engine.eval("return wait('other')"))
            await gate.has(2)
            task.cancel()
            assert await cancelled(task)
            await until(lambda: gate.cancelled == 1)
            gate.open()
            assert await other == "other"
            assert gate.cancelled == 1
            await nothing_left(engine)

    run(main)


def test_cancelling_before_the_script_runs_is_clean() -> None:
    async def main() -> None:
        async with luawait.Engine(workers=1, cpu_ms=0) as engine:
            busy = engine.start("while true do end")
            tasks = [asyncio.create_task(engine.eval("return 1")) for _ in range(20)]
            await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            assert all([await cancelled(task) for task in tasks])
            assert busy.cancel()
            await nothing_left(engine)

    run(main)


def test_cancelling_an_eval_raises_eval_cancelled_in_the_awaiting_task() -> None:
    async def main() -> None:
        async with luawait.Engine(cpu_ms=0) as engine:
            gate = engine.register("wait", Gate())
            for script in ("wait()", "while true do end"):
                eval_ = engine.start(script)
                task = asyncio.ensure_future(eval_)
                await until(lambda: engine.stats()["evals"]["queued"] == 0)
                assert eval_.cancel()
                with pytest.raises(luawait.EvalCancelled) as caught:
                    await task
                assert caught.value.type == "cancelled"
                assert not eval_.cancel()
            await until(lambda: gate.cancelled == gate.entered)
            await nothing_left(engine)

    run(main)


def test_cancelling_after_the_end_changes_nothing() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:
            eval_ = engine.start("return 5")
            assert await eval_ == 5
            assert not eval_.cancel()
            assert await eval_ == 5

    run(main)


def test_an_eval_can_be_cancelled_from_its_own_host_function() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:
            evals: list[luawait.Eval] = []

            @engine.function
            def plain_stop() -> None:
                evals[-1].cancel()

            @engine.function
            async def stop() -> None:
                evals[-1].cancel()
                await asyncio.Event().wait()

            for script in ("pcall(plain_stop); return 1", "pcall(stop); return 1"):
                evals.append(engine.start(script))
                with pytest.raises(luawait.EvalCancelled):
                    await evals[-1]
            await nothing_left(engine)

    run(main)


def test_wait_for_cancels_the_script() -> None:
    async def main() -> None:
        async with luawait.Engine(cpu_ms=0) as engine:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(engine.eval("while true do end"), 0.01)
            await nothing_left(engine)

    run(main)


def test_a_cancelled_host_function_answers_its_script() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:
            inside: list[asyncio.Task[Any] | None] = []

            @engine.function
            async def sleep() -> None:
                inside.append(asyncio.current_task())
                await asyncio.Event().wait()

            @engine.function
            def refuse() -> None:
                raise asyncio.CancelledError

            eval_ = engine.start("local _, e = pcall(sleep); return e.host_type, e.message")
            await until(lambda: bool(inside))
            assert inside[0] is not None
            inside[0].cancel()
            assert await eval_ == ["CancelledError", "the host function was cancelled"]
            assert await engine.eval("local _, e = pcall(refuse); return e.host_type") == "CancelledError"

    run(main)


def test_a_host_function_cancelled_before_its_first_step_answers_its_script() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:
            gate = engine.register("wait", Gate())

            @engine.function
            def hurry() -> asyncio.Task[Any]:
                task = asyncio.ensure_future(gate())
                task.cancel()
                return task

            with pytest.raises(luawait.HostError) as caught:
                await engine.eval("hurry()")
            assert caught.value.host_type == "CancelledError"
            assert gate.entered == 0

    run(main)


def test_a_host_function_that_survives_its_cancel_answers_in_vain(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:
            ends: list[str] = []
            begun = asyncio.Event()

            @engine.function
            async def stubborn(fails: bool) -> str:
                begun.set()
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    ends.append("survived")
                if fails:
                    raise ValueError("on the way out")
                return "late"

            for fails in (False, True):
                begun.clear()
                task = asyncio.create_task(engine.eval("stubborn(...)", fails))
                await begun.wait()
                task.cancel()
                assert await cancelled(task)
            await until(lambda: len(ends) == 2)
            assert await engine.eval("return 1") == 1
            await nothing_left(engine)

    with caplog.at_level(logging.DEBUG, logger="luawait"):
        run(main)
    assert "stubborn failed, and nobody waits for its answer any more" in caplog.text
    assert "on the way out" in caplog.text


def test_leaving_an_await_by_closing_its_coroutine_cancels_the_script() -> None:
    async def main() -> None:
        async with luawait.Engine(cpu_ms=0) as engine:
            coroutine = engine.eval("while true do end")
            coroutine.send(None)
            assert engine.stats()["evals"]["started"] == 1
            coroutine.close()
            await nothing_left(engine)
            assert engine.stats()["evals"]["cancelled"] == 1

    run(main)


@pytest.mark.parametrize("answer_first", [True, False], ids=["answer then cancel", "cancel then answer"])
def test_answer_and_cancel_race_in_both_orders(answer_first: bool) -> None:
    async def main() -> None:
        async with luawait.Engine(workers=2) as engine:
            gate = engine.register("wait", Gate())
            evals = [engine.start("return wait(...)", n) for n in range(100)]
            await gate.has(100)

            def cancel_all() -> None:
                for eval_ in evals:
                    eval_.cancel()

            steps: list[Callable[[], None]] = [gate.open, cancel_all]
            for step in steps if answer_first else reversed(steps):
                step()
                await asyncio.sleep(0)
            outcomes = await asyncio.gather(*evals, return_exceptions=True)
            for n, outcome in enumerate(outcomes):
                assert outcome == n or isinstance(outcome, luawait.EvalCancelled)
            if not answer_first:
                assert all(isinstance(outcome, luawait.EvalCancelled) for outcome in outcomes)
            await nothing_left(engine)

    run(main)


def test_a_task_group_of_evals_fails_together() -> None:
    async def main() -> None:
        async with luawait.Engine(cpu_ms=0) as engine:
            endless = [asyncio.create_task(engine.eval("while true do end")) for _ in range(3)]
            failing = asyncio.create_task(engine.eval("error('first')"))
            done, pending = await asyncio.wait([*endless, failing], return_when=asyncio.FIRST_EXCEPTION)
            assert (done, pending) == ({failing}, set(endless))
            for task in pending:
                task.cancel()
            assert all([await cancelled(task) for task in pending])
            assert isinstance(failing.exception(), luawait.ScriptRuntimeError)
            await nothing_left(engine)

    run(main)
