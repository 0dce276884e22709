"""Exceptions from signal handlers while a script runs: the script gets no wrong value, and the caller gets them."""

from __future__ import annotations

import itertools
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

import luawait


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
        self._number = number
        self._left = nth
        self.sent = False

    def _trace(self, frame: FrameType, event: str, arg: object) -> Any:
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        if event in ("call", "opcode"):
            self._left -= 1
            if self._left == 0:
                self.sent = True
                # Handled before it returns: what the handler raises, the traced instruction raises.
                signal.raise_signal(self._number)
        return self._trace

    def __enter__(self) -> SignalAt:
        self._outer = sys.gettrace()
        sys.settrace(self._trace)
        return self

    def __exit__(self, *exception: object) -> None:
        sys.settrace(self._outer)


def after_every_instruction(number: int, run: Callable[[SignalAt], Any]) -> Iterator[tuple[int, Any]]:
    """Runs something again and again, with a signal at its first instruction, its second, and so on to its last. Gives
    the value or the exception of each time."""
    for nth in itertools.count(1):
        end: Any
        place = SignalAt(number, nth)
        try:
            end = run(place)
        except BaseException as error:  # noqa: BLE001 - for the test to look at
            end = error
        if not place.sent:
            return
        yield nth, end


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
