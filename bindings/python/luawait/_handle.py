"""Who may use an engine's pointer, and when it is freed."""

from __future__ import annotations

import os
import threading

from . import _raw
from .errors import ClosedError


class Handle:
    """The engine's pointer and the right to use it.

    Calls that give up the interpreter lock enter and leave, so that a close on another thread frees the engine only
    when the last of them is out.
    """

    def __init__(self, library: _raw.Library, pointer: int) -> None:
        self._library = library
        self._pointer = pointer
        self._lock = threading.Lock()
        self._users = 0
        self._process = os.getpid()
        self.closed = False

    def __enter__(self) -> int:
        with self._lock:
            if self.closed:
                raise ClosedError("the engine is closed")
            self._users += 1
        return self._pointer

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._users -= 1
            last = self.closed and self._users == 0
        if last:
            self._free()

    def close(self) -> None:
        """Frees the engine, or leaves that to the last call that is inside it. Closing again does nothing."""
        with self._lock:
            if self.closed:
                return
            self.closed = True
            idle = self._users == 0
        if idle:
            self._free()

    def _free(self) -> None:
        # A forked child has the memory but not the threads that freeing would wait for.
        if os.getpid() == self._process:
            self._library.engine_free(self._pointer)


class _OnLoan(threading.local):
    """Whether the thread, a pool's, is running scripts for the library."""

    now = False


on_loan = _OnLoan()


def close_forgotten(handle: Handle) -> None:
    """Closes an engine that nothing refers to any more, on whatever thread the last reference went.

    That may be one that runs the engine's own scripts, after a callback. Freeing the engine there would wait for
    itself.
    """
    if on_loan.now or _is_foreign():
        try:
            threading.Thread(target=handle.close, name="luawait-close").start()
            return
        except RuntimeError:  # the interpreter is shutting down; then it is its main thread that is here
            pass
    handle.close()


def _is_foreign() -> bool:
    """Whether this thread was not started by Python: it may be one of the library's."""
    ident = threading.get_ident()
    known = next((thread for thread in threading.enumerate() if thread.ident == ident), None)
    # Python makes up an object for a foreign thread that asks who it is.
    return known is None or type(known).__name__ == "_DummyThread"
