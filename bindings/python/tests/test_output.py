"""What scripts print, handed to the host as events: complete, in order, before the outcome, to the right receiver."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from typing import Any

import pytest
from support import run

import luawait


def test_an_engines_receiver_gets_each_text_and_its_eval() -> None:
    told: list[tuple[luawait.Eval | None, str]] = []

    async def main() -> None:
        async with luawait.Engine(on_output=lambda eval_, text: told.append((eval_, text))) as engine:
            first, second = engine.start("print('a', 1) print('b\\n') print()"), engine.start("print('c')")
            await asyncio.gather(first, second)
            assert [text for eval_, text in told if eval_ is first] == ["a\t1", "b\n", ""]
            assert [text for eval_, text in told if eval_ is second] == ["c"]
            assert len(told) == 4

    run(main)


def test_an_evals_own_receiver_gets_its_texts_and_no_others() -> None:
    async def main() -> None:
        common: list[str] = []
        async with luawait.Engine(on_output=lambda eval_, text: common.append(text)) as engine:
            own: list[str] = []
            runner = engine.with_options(on_output=own.append)
            await asyncio.gather(runner.eval("print('own')"), engine.eval("print('common')"))
            await runner.eval("print(...)", "own", "too")
            assert (own, common) == (["own", "own\ttoo"], ["common"])

    run(main)


def test_all_output_has_come_when_the_outcome_has() -> None:
    async def main() -> None:
        async with luawait.Engine(print="event", workers=2) as engine:
            lines: list[list[str]] = [[] for _ in range(100)]
            script = "for i = 1, 50 do print(i) end"
            runs = [engine.with_options(on_output=own.append).eval(script) for own in lines]
            for done in asyncio.as_completed(runs):
                await done
            assert lines == [[str(i) for i in range(1, 51)]] * 100

    run(main)


def test_output_and_host_calls_keep_their_order() -> None:
    async def main() -> None:
        told: list[Any] = []
        async with luawait.Engine(on_output=lambda eval_, text: told.append(text)) as engine:
            engine.register("note", told.append)
            await engine.eval("for i = 1, 5 do print(i) note(i) end")
            assert told == ["1", 1, "2", 2, "3", 3, "4", 4, "5", 5]

    run(main)


def test_without_a_receiver_events_are_printed_by_python(capsys: pytest.CaptureFixture[str]) -> None:
    async def main() -> None:
        async with luawait.Engine(print="event") as engine:
            await engine.eval("print('to', 'stdout')")

    run(main)
    assert capsys.readouterr().out == "to\tstdout\n"


def test_output_before_a_failure_or_a_cancel_is_not_lost() -> None:
    async def main() -> None:
        told: list[str] = []
        async with luawait.Engine(on_output=lambda eval_, text: told.append(text)) as engine:
            with pytest.raises(luawait.ScriptRuntimeError):
                await engine.eval("print('before') error('failed')")
            begun = asyncio.Event()
            engine.register("begun", begun.set)
            endless = engine.start("print('turning') begun() while true do end")
            await begun.wait()
            endless.cancel()
            with pytest.raises(luawait.EvalCancelled):
                await endless
            assert told == ["before", "turning"]

    run(main)


def test_eval_sync_tells_the_engines_receiver_without_an_eval() -> None:
    async def main() -> None:
        told: list[Any] = []
        async with luawait.Engine(on_output=lambda *output: told.append(output)) as engine:
            engine.eval_sync("print('sync')")
            await engine.eval("return 1")
            assert told == [(None, "sync")]

    run(main)


def test_receivers_run_with_the_starters_context() -> None:
    who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")

    async def main() -> None:
        told: list[tuple[str, str]] = []

        async def caller(name: str) -> None:
            who.set(name)
            await engine.eval("print(...)", name)

        async with luawait.Engine(on_output=lambda eval_, text: told.append((who.get(), text))) as engine:
            await asyncio.gather(*(asyncio.create_task(caller(f"caller {n}")) for n in range(10)))
        assert sorted(told) == [(f"caller {n}", f"caller {n}") for n in range(10)]

    run(main)


def test_a_receiver_that_fails_is_reported_and_the_script_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        def refuse(text: str) -> None:
            raise ValueError(f"not {text}")

        async with luawait.Engine(print="event") as engine:
            assert await engine.with_options(on_output=refuse).eval("print('this') return 5") == 5

    with caplog.at_level(logging.ERROR, logger="asyncio"):
        run(main)
    assert "a receiver of luawait's script output failed" in caplog.text
    assert "not this" in caplog.text


def test_max_unread_bounds_what_a_script_prints_ahead_of_the_loop() -> None:
    async def main() -> None:
        told: list[str] = []
        async with luawait.Engine(on_output=lambda eval_, text: told.append(text), max_unread=10) as engine:
            with pytest.raises(luawait.LimitError, match="max_unread"):
                await engine.eval("while true do print('x') end")
            assert len(told) >= 10
            assert await engine.eval("return 1") == 1

    run(main)


@pytest.mark.parametrize("config", [{}, {"print": "stdout"}, {"print": "none"}])
def test_an_evals_receiver_on_an_engine_that_prints_elsewhere_is_refused(config: Any) -> None:
    with luawait.Engine(**config) as engine, pytest.raises(luawait.OptionError, match="print='event'"):
        engine.with_options(on_output=print)


def test_receivers_that_could_not_work_are_refused() -> None:
    with pytest.raises(luawait.OptionError, match=r"config\.print"):
        luawait.Engine(on_output=print, print="none")
    nothing: Any = "nothing"
    with pytest.raises(luawait.ArgumentError, match="on_output"):
        luawait.Engine(on_output=nothing)
    with luawait.Engine(print="event") as engine:
        with pytest.raises(luawait.ArgumentError, match="on_output"):
            engine.with_options(on_output=nothing)
        with pytest.raises(luawait.OptionError, match="eval_sync"):
            engine.with_options(on_output=print).eval_sync("return 1")
