"""Calls of the library inside which callbacks may run, and exceptions that are the caller's and not the script's.

Python runs signal handlers between any two instructions of its main thread. What a handler raises there ends the script
and comes out of the call that runs it, as from any other call; the script never hears of it.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from ._failure import Failure

T = TypeVar("T")


class CallFrame:
    """One such call, and what its callbacks leave for it on its thread."""

    def __init__(self) -> None:
        self.failure: Failure | None = None
        self.interrupt: BaseException | None = None

    def run(self, function: Callable[..., T], *args: Any) -> T:
        """Calls the library. Afterwards, `raise_interrupt`."""
        outer = current()
        try:
            _current.frame = self
            _watch(self)
            return function(*args)
        finally:
            _current.frame = outer
            _unwatch(self)

    def raise_interrupt(self) -> None:
        """Raises what ended the script and is the caller's."""
        interrupt, self.interrupt = self.interrupt, None
        if interrupt is not None:
            try:
                raise interrupt
            finally:
                del interrupt  # its traceback refers to this frame


_current = threading.local()


def current() -> CallFrame | None:
    """The innermost call of this thread; None on the library's threads and a pool's."""
    frame: CallFrame | None = getattr(_current, "frame", None)
    return frame


def is_callers(error: BaseException) -> bool:
    """Whether an exception that a callback met is the caller's: an interrupt, or raised by a signal's handler."""
    return not isinstance(error, Exception) or _comes_from_a_signal(error.__traceback__)


def _comes_from_a_signal(tb: TracebackType | None) -> bool:
    """Whether a signal handler has raised it: a function that was given the frame that it interrupted, the one before
    its own in the traceback."""
    while tb is not None and tb.tb_next is not None:
        interrupted, handler = tb.tb_frame, tb.tb_next.tb_frame
        for value in handler.f_locals.values():
            if value is interrupted or (
                type(value) is tuple and len(value) == 2 and value[1] is interrupted
            ):  # (number, frame), *args
                return True
        tb = tb.tb_next
    return False


# ------------------------------------------------------------------------------------------------------- the thunk --

# An exception may come before a thunk's first instruction or after its last, where nothing written in Python catches
# it. ctypes hands it to `sys.unraisablehook`; the call is unanswered then, which for the library is the eval's end.

_watched: set[CallFrame] = set()
_thunk: Any = None
_cancel: Callable[[Any], object] | None = None
_other_hook: Callable[[Any], object] = sys.unraisablehook


def watch_for(thunk: Any, cancel: Callable[[Any], object]) -> None:
    """Says which thunk's exceptions are meant, and how its call is cancelled."""
    global _thunk, _cancel
    _thunk, _cancel = thunk, cancel


def _watch(frame: CallFrame) -> None:
    global _other_hook
    _watched.add(frame)
    if sys.unraisablehook is not _on_unraisable:
        _other_hook = sys.unraisablehook
        sys.unraisablehook = _on_unraisable


def _unwatch(frame: CallFrame) -> None:
    _watched.discard(frame)
    if not _watched and sys.unraisablehook is _on_unraisable:
        sys.unraisablehook = _other_hook


def _on_unraisable(unraisable: Any) -> None:
    frame = current()
    if frame is None or not _is_thunks(unraisable):
        _other_hook(unraisable)
        return
    frame.interrupt = unraisable.exc_value
    # It may have been answered already.
    thunk = unraisable.exc_traceback.tb_frame if unraisable.exc_traceback is not None else None
    if thunk is not None and _cancel is not None:
        _cancel(thunk.f_locals["call"])


def _is_thunks(unraisable: Any) -> bool:
    # Python 3.13 names the function in the message alone.
    return unraisable.object is _thunk or (unraisable.object is None and repr(_thunk) in (unraisable.err_msg or ""))
