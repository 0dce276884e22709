"""Exceptions from signal handlers while a script runs: the script gets no wrong value, and the caller gets them."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import pytest

import luawait
from luawait import _events

PACKAGE = os.path.dirname(luawait.__file__)


class Alarm(Exception):  # noqa: N818 - it is no error
    """What the handler of a signal raises."""


def raise_alarm(number: int, frame: FrameType | None) -> None:
    raise Alarm


@contextmanager
def handled(number: int, handler: Any) -> Iterator[None]:
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


class SignalAt:
    """Sends this process a signal at the n-th place where Python could handle one: each instruction of each function
    that is called from here on, on this thread, and each call before its first instruction."""

    def __init__(self, number: int, nth: int) -> None:
        self.number = number
        self.left = nth
        self.sent = False

    def _trace(self, frame: FrameType, event: str, arg: object) -> Any:
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        if event in ("call", "opcode"):
            self._pass()
        return self._trace

    def _pass(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.sent = True
            # Handled before it returns: what the handler raises, the traced instruction raises.
            signal.raise_signal(self.number)

    def __enter__(self) -> Any:
        self._outer = sys.gettrace()
        sys.settrace(self._trace)
        return self

    def __exit__(self, *exception: object) -> None:
        sys.settrace(self._outer)


def after_every_instruction(number: int, run: Callable[[SignalAt], Any], step: int = 1) -> Iterator[tuple[int, Any]]:
    """Runs something again and again, with a signal at its first instruction, its second, and so on to its last. Gives
    the value or the exception of each time."""
    # What is raised in a finalizer that the garbage collector calls is lost in any program.
    gc.collect()
    gc.disable()
    try:
        for nth in itertools.count(1, step):
            end: Any
            place = SignalAt(number, nth)
            try:
                end = run(place)
            except BaseException as error:  # noqa: BLE001 - for the test to look at
                end = error
            if not place.sent:
                return
            yield nth, end
    finally:
        gc.enable()


KINDS = [(signal.SIGINT, signal.default_int_handler, KeyboardInterrupt), (signal.SIGUSR1, raise_alarm, Alarm)]

# Goes on for as long as it is let, whatever f raises, and notices each value that is not f's.
SCRIPT = """
for i = 1, 2 do
    local ok, value = pcall(f, i)
    if ok ~= expected or (ok and value ~= 1) then return 'wrong' end
end
return 'done'
"""


def answer(n: int) -> int:
    return 1


def fail(n: int) -> int:
    raise LookupError(n)


@pytest.mark.parametrize(("number", "handler", "kind"), KINDS, ids=["SIGINT", "a handler of the host's"])
@pytest.mark.parametrize("function", [answer, fail])
def test_an_interrupt_at_any_instruction_of_eval_is_the_callers_and_ends_the_script(
    number: int,
    handler: Any,
    kind: type[BaseException],
    function: Callable[[int], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Tracing interrupts also where Python handles no signal, such as at the beginning of a `finally`.
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    called_late: list[int] = []
    place = SignalAt(number, 0)

    def watched(n: int) -> int:
        if place.sent:
            called_late.append(n)
        return function(n)

    with luawait.SyncEngine() as engine, handled(number, handler):
        engine.register_callback("f", watched)
        run = engine.with_options(globals={"expected": function is answer}).eval
        assert run(SCRIPT) == "done"

        def run_once(at: SignalAt) -> Any:
            nonlocal place
            place = at
            with place:
                return run(SCRIPT)

        nth = 0
        for nth, end in after_every_instruction(number, run_once):
            assert isinstance(end, kind), f"at instruction {nth}: {end!r}"
            assert called_late == [], f"at instruction {nth}"
        assert nth > 500  # it has been at work
        assert run(SCRIPT) == "done"


def test_alarms_at_any_time_come_out_of_eval() -> None:
    script = "while true do local ok, value = pcall(f, 0) if not ok or value ~= 1 then return 'wrong' end end"
    with luawait.SyncEngine(cpu_ms=0) as engine, handled(signal.SIGALRM, raise_alarm):
        engine.register_callback("f", answer)
        for microseconds in range(1, 300):
            with pytest.raises(Alarm):
                signal.setitimer(signal.ITIMER_REAL, microseconds * 1e-5)
                engine.eval(script)
        assert engine.eval("return f(0)") == 1


def test_an_interrupt_in_an_inner_eval_ends_the_outer_ones_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    script = "local ok, value = pcall(descend, ...) if not ok or value ~= 1 then return 'wrong' end return 1"
    with luawait.SyncEngine() as engine, handled(signal.SIGUSR1, raise_alarm):

        @engine.callback
        def descend(depth: int) -> Any:
            return 1 if depth == 0 else engine.eval(script, depth - 1)

        def run(place: SignalAt) -> Any:
            with place:
                return engine.eval(script, 1)

        assert engine.eval(script, 1) == 1
        for nth, end in after_every_instruction(signal.SIGUSR1, run, step=3):
            assert isinstance(end, Alarm), f"at instruction {nth}: {end!r}"


def test_an_interrupt_at_any_instruction_of_run_comes_out_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    script = (
        "for i = 1, 2 do local ok, value = pcall(f, i) if not ok or value ~= 1 then return 'wrong' end end return 1"
    )
    with luawait.SyncEngine(executor="host") as engine, handled(signal.SIGUSR1, raise_alarm):
        engine.register_callback("f", answer)

        def run(place: SignalAt) -> Any:
            nonlocal eval_
            eval_ = engine.start(script)
            with place:
                while engine.run(1):
                    pass

        eval_ = engine.start(script)
        for nth, end in after_every_instruction(signal.SIGUSR1, run):
            assert isinstance(end, Alarm), f"at instruction {nth}: {end!r}"
            while engine.run(1):
                pass
            with suppress(luawait.EvalCancelled):
                assert eval_.wait(0) == 1, f"at instruction {nth}"


def test_a_function_that_catches_an_interrupt_has_caught_it() -> None:
    def patient() -> int:
        try:
            signal.raise_signal(signal.SIGUSR1)
        except Alarm:
            return 1
        return 0

    with luawait.SyncEngine() as engine, handled(signal.SIGUSR1, raise_alarm):
        engine.register_callback("patient", patient)
        assert engine.eval("return patient()") == 1


def test_what_raises_without_a_signal_fails_the_call_alone() -> None:
    with luawait.SyncEngine() as engine, handled(signal.SIGUSR1, raise_alarm):
        engine.register_callback("f", lambda: raise_alarm(0, None))
        assert engine.eval("local _, e = pcall(f) return e.host_type") == "Alarm"


def test_the_programs_hook_for_unraisable_exceptions_is_its_own_again_after_an_eval() -> None:
    hook = sys.unraisablehook
    with luawait.SyncEngine() as engine, handled(signal.SIGINT, signal.default_int_handler):
        engine.register_callback("f", lambda: signal.raise_signal(signal.SIGINT))
        engine.eval("return 1")
        assert sys.unraisablehook is hook
        with pytest.raises(KeyboardInterrupt):
            engine.eval("f()")
        assert sys.unraisablehook is hook


def test_exceptions_of_other_objects_reach_the_programs_hook_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: told.append(unraisable.exc_type))

    class Odd:
        def __del__(self) -> None:
            raise LookupError

    with luawait.SyncEngine() as engine:
        engine.register_callback("f", lambda: Odd() and None)
        assert engine.eval("return f() == nil")
    assert told == [LookupError]


def test_a_failure_that_cannot_be_told_ends_the_eval_on_a_thread_of_the_librarys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: told.append(unraisable.exc_type))

    def without_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(luawait._thunks, "send_report", without_memory)
    with luawait.SyncEngine() as engine:
        engine.register_callback("f", fail)
        with pytest.raises(luawait.EvalCancelled, match="host function 'f' gave no answer"):
            engine.start("pcall(f, 1) return 'went on'").wait()
        assert told == [MemoryError]
        with pytest.raises(MemoryError):
            engine.eval("pcall(f, 1) return 'went on'")


def stack_depth() -> int:
    frame, depth = sys._getframe(), 0
    while frame.f_back is not None:
        frame, depth = frame.f_back, depth + 1
    return depth


def test_re_entering_eval_to_any_depth_gives_a_script_no_wrong_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter's stack ends at one frame after the other, in a callback's way in, its way out, and on its way to
    tell that it has ended."""
    # Where there is no room to hand an exception over, the interpreter has none to tell it, either.
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: None)
    wrong: list[Any] = []
    failed: list[str] = []
    script = """
        local ok, value = pcall(descend, n + 1)
        if ok and value ~= 'bottom' then note(type(value)) end
        if not ok then fail(tostring(value)) end
        return 'bottom'
    """
    limit = sys.getrecursionlimit()
    with luawait.SyncEngine() as engine:
        engine.register_callback("note", wrong.append)
        engine.register_callback("fail", failed.append)

        @engine.callback
        def descend(n: int) -> Any:
            return engine.eval(script, n=n)

        for room in range(60, 160):
            try:
                sys.setrecursionlimit(stack_depth() + room)
                assert engine.eval(script, n=0) == "bottom"
            except (RecursionError, luawait.EvalError):
                continue
            finally:
                sys.setrecursionlimit(limit)
        assert wrong == []
        assert any("recursion" in message for message in failed)
        assert engine.eval("return 1") == 1


def interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


class SignalInLoop(SignalAt):
    """The same in this package's own code, as asyncio's cannot be interrupted everywhere; and only where Python handles
    signals: when a function begins, and at a call that has returned."""

    def _profile(self, frame: FrameType, event: str, arg: object) -> None:
        if event in ("call", "return", "c_return") and frame.f_code.co_filename.startswith(PACKAGE):
            self._pass()

    def __enter__(self) -> Any:
        sys.setprofile(self._profile)
        return self

    def __exit__(self, *exception: object) -> None:
        sys.setprofile(None)


# One that is interrupted between making a coroutine and handing it to the loop cannot await it.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_an_interrupt_anywhere_in_the_event_loop_gives_a_script_no_wrong_value() -> None:
    wrong: list[str] = []
    script = """
        for i = 1, 2 do
            local ok, value = pcall(later, i)
            if ok and value ~= 1 then note('later') end
            ok, value = pcall(now, i)
            if ok and value ~= 2 then note('now') end
        end
        return 'done'
    """

    async def main(place: SignalAt) -> Any:
        async with luawait.Engine() as engine:
            engine.register_callback("note", wrong.append)
            engine.register("now", lambda _: 2)

            @engine.function
            async def later(_: int) -> int:
                await asyncio.sleep(0)
                return 1

            with SignalInLoop(place.number, place.left) as inner:
                try:
                    return await engine.eval(script)
                finally:
                    place.sent = inner.sent

    with handled(signal.SIGUSR1, interrupt):
        for nth, end in after_every_instruction(signal.SIGUSR1, lambda place: asyncio.run(main(place))):
            assert isinstance(end, KeyboardInterrupt) or end == "done", f"at instruction {nth}: {end!r}"
            assert wrong == [], f"at instruction {nth}"


def test_events_that_a_call_was_interrupted_with_are_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with luawait.SyncEngine() as engine:
        engine.register("ask")
        evals = [engine.start("return ask()") for _ in range(3)]
        left = len(evals)
        while left > 0:
            with monkeypatch.context() as patch:
                patch.setattr(_events, "string_at", interrupted)
                with pytest.raises(KeyboardInterrupt):
                    engine.next_events()
            for event in engine.next_events(0):
                if isinstance(event, luawait.Request):
                    event.answer("told")
                left -= isinstance(event, luawait.Finished)
        assert [eval_.wait() for eval_ in evals] == ["told"] * 3
