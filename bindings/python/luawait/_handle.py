"""Who may use an engine's pointer, and when it is freed."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any

from . import _raw
from .errors import ClosedError


class Handle:
    """The engine's pointer and the right to use it: `with handle.guard: library.stats(handle.engine, ...)`.

    Each thread that uses it holds a lock of its own meanwhile, so that a close on another thread frees the engine only
    when everybody is out. It is one of Python's locks, and no context manager written here: an exception from a signal
    handler may come between any two instructions of such a one, and leave it entered for ever.
    """

    def __init__(self, library: _raw.Library, pointer: int) -> None:
        self._library = library
        self._pointer = pointer
        self._process = os.getpid()
        self._mine = threading.local()
        self._guards: weakref.WeakSet[Any] = weakref.WeakSet()
        self._guards_lock = threading.Lock()
        # Whoever closes holds it: that a close has returned means that it is done, for each of several.
        self._closing = threading.RLock()
        # Taken by who frees the engine, and never given back.
        self._unfreed = threading.Lock()
        self.closed = False

    @property
    def guard(self) -> Any:
        """The lock that this thread holds while it uses the engine."""
        try:
            return self._mine.guard
        except AttributeError:
            guard = threading.RLock()
            with self._guards_lock:
                self._guards.add(guard)
            self._mine.guard = guard
            return guard

    @property
    def engine(self) -> int:
        """The pointer, for who holds the guard."""
        if self.closed:
            raise ClosedError("the engine is closed")
        return self._pointer

    def close(self) -> None:
        """Cancels what runs, waits until all other threads are out, and frees the engine. Closing again does nothing.

        Not for a thread that uses the engine.
        """
        self.closed = True
        if self._is_inherited():
            return
        with self._closing:
            if self._unfreed.locked():
                return
            # Ends the evals in progress, those of `luawait_eval` on other threads included.
            self._library.shutdown(self._pointer, 0)
            for guard in self._known_guards():
                with guard:
                    pass  # whoever comes after this finds `closed` set
            self._free()

    def close_elsewhere(self) -> None:
        """Does so on a thread of its own, when this one is not to wait."""
        self.closed = True
        threading.Thread(target=self.close, name="luawait-close").start()

    def close_if_idle(self) -> None:
        """Frees the engine if nobody uses it: at a program's end a daemon thread may, for which nobody waits."""
        self.closed = True
        if self._is_inherited():
            return
        for guard in self._known_guards():
            if not guard.acquire(blocking=False):
                return
            guard.release()
        self._free()

    def _known_guards(self) -> list[Any]:
        with self._guards_lock:
            return list(self._guards)

    def _is_inherited(self) -> bool:
        # A forked child has the memory but not the threads that freeing would wait for, nor those that hold the locks.
        return os.getpid() != self._process

    def _free(self) -> None:
        if self._unfreed.acquire(blocking=False):
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
            handle.close_elsewhere()
            return
        except RuntimeError:  # the interpreter is shutting down; then it is its main thread that is here
            pass
    handle.close_if_idle()


def _is_foreign() -> bool:
    """Whether this thread was not started by Python: it may be one of the library's."""
    ident = threading.get_ident()
    known = next((thread for thread in threading.enumerate() if thread.ident == ident), None)
    # Python makes up an object for a foreign thread that asks who it is.
    return known is None or type(known).__name__ == "_DummyThread"
