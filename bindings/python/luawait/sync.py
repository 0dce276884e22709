"""The blocking API: an engine for programs of plain threads, without an event loop."""

from __future__ import annotations

import math
import os
import select
import threading
import time
import weakref
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from ._base import BaseEngine, merge
from ._events import BATCH
from ._outcomes import read_outcome
from ._world import World
from .contexts import SyncContext
from .errors import ClosedError, EvalCancelled, NotFoundError
from .evals import Settlement, SyncEval
from .events import Event, Finished, event_of
from .options import Config, ContextOptions, EvalOptions
from .runners import SyncRunner

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

# Python handles signals in its main thread alone, between two of its instructions: a wait inside the library would not
# let Ctrl-C through. So there, and only there, it is interrupted now and then; the end of an eval wakes it at once.
_SIGNALS_MS = 100


class SyncEngine(BaseEngine):
    """An engine that runs Lua scripts for a program of plain threads. Any thread may call all of it.

    Keywords are the config's keys. Scripts run on threads of the library's, on those of a pool (`executor=pool`), or
    inside `run()` (`executor="host"`). Host functions are either callbacks, called on the thread that runs the script,
    or declared with `register()`: then the script is parked, and a `Request` is among the `next_events()`, to be
    answered whenever there is an answer. Close it, best by `with`.
    """

    def __init__(self, **config: Unpack[Config]) -> None:
        super().__init__(config)
        self._runs_scripts = config.get("executor") == "host"
        self._closing = False
        # Guards the evals, and signals each one that is settled.
        self._settled = threading.Condition()
        self._evals: dict[int, SyncEval] = {}
        # Ends that were taken before the thread that started the eval had put it into the dictionary.
        self._early: dict[int, Settlement] = {}
        # Wakes the threads in `next_events` when the engine is closed. It stays open as long as one of them might be
        # about to poll it.
        self._closed_fd = os.eventfd(0)
        weakref.finalize(self, os.close, self._closed_fd)

    # -------------------------------------------------------------------------------------------- host functions --

    def register(
        self, name: str, *, timeout_ms: int | None = None, thread: Literal["any", "main"] | None = None
    ) -> None:
        """Declares a function that is answered by request, for scripts that are started later.

        Requests of a function with `thread="main"` are seen by one thread only: the one that called
        `bind_main_thread()`.
        """
        options = {"timeout_ms": timeout_ms, "thread": thread}
        self._core.register(name, {key: value for key, value in options.items() if value is not None})

    def bind_main_thread(self) -> None:
        """Makes the calling thread the one that gets the requests of functions with `thread="main"`."""
        self._core.bind_main_thread()

    # ----------------------------------------------------------------------------------------------------- evals --

    def eval(self, script: str | bytes, /, *args: Any, **globals: Any) -> Any:
        """Runs a script on this thread, which waits, and gives its value: `engine.eval("return x + y", x=1, y=2)`.

        The script may call callbacks; a call that has to be answered by request fails, as nobody could answer.
        """
        return self._evaluate(script, merge({}, args, globals))

    def start(self, script: str | bytes, /, *args: Any, **globals: Any) -> SyncEval:
        """Starts a script at once and gives the eval, to wait for or to cancel. Arguments are those of `eval`."""
        return self._start(script, merge({}, args, globals))

    def with_options(self, **options: Unpack[EvalOptions]) -> SyncRunner:
        """A runner whose evals have these options: `engine.with_options(timeout_ms=500).eval(script, x=1)`."""
        return SyncRunner(self, options)

    def context(self, **options: Unpack[ContextOptions]) -> SyncContext:
        """Makes a Lua world that many evals share: `with engine.context(memory_bytes=1_000_000) as context`.

        `memory_bytes` is for all of its evals together, `globals` a mapping of what all of them see. They see the host
        functions that are registered now.
        """
        return SyncContext(self, World(self._core, dict(options)))

    # ---------------------------------------------------------------------------------------------------- events --

    def next_events(self, timeout: float | None = None, *, limit: int = BATCH) -> list[Event]:
        """Waits until there is something to take, with a timeout in seconds for no longer than that, and gives the
        oldest events: `Request`, `Withdrawn`, `Finished` and (with `print="event"`) `Output`. Nothing when the time is
        up. Each event goes to one of the threads that ask.

        With `executor="host"` it also gives nothing when scripts are ready for `run()`. Raises `ClosedError` when the
        engine is closed meanwhile.
        """
        deadline = _deadline(timeout)
        while True:
            events = [event for taken in self._core.take_events(limit) if (event := event_of(self._core, taken))]
            if events:
                for event in events:
                    if isinstance(event, Finished):
                        self._settle(event.eval_id, (event.value, event.error))
                return events
            if not self._wait_readable(deadline) or self._runs_scripts:
                return []

    def fileno(self) -> int:
        """A descriptor that is readable while there is something for the calling thread to take, for `select` and its
        like. With `executor="host"` also when it is time for `run()`."""
        return self._core.event_fd()

    def _wait_readable(self, deadline: float | None) -> bool:
        """Waits for events, in a way that lets signals and a close from elsewhere through."""
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        poll.register(self._closed_fd, select.POLLIN)
        return bool(poll.poll(_left_ms(deadline)))

    # --------------------------------------------------------------------------------- scripts on this thread --

    def run(self, budget: float) -> bool:
        """Runs ready scripts on this thread for about so many seconds (`executor="host"`), and looks after deadlines.
        Whether more are ready. At least one gets a turn; an endless loop is interrupted, and goes on in the next run.
        """
        return self._core.run(max(0, round(budget * 1e6)))

    def next_timeout(self) -> float | None:
        """In how many seconds to `run()` again: 0 when scripts are ready, None when not before something happens."""
        timeout_ms = self._core.next_timeout_ms()
        return None if timeout_ms < 0 else timeout_ms / 1000

    # -------------------------------------------------------------------------------------------------- inside --

    def _start(self, script: str | bytes, options: dict[str, Any]) -> SyncEval:
        run = SyncEval(self, self._core.start(script, options))
        with self._settled:
            run._outcome = self._early.pop(run.id, None)
            if run._outcome is None:
                self._evals[run.id] = run
        if self._closing:
            self._cancel(run)
        return run

    def _cancel(self, run: SyncEval) -> bool:
        try:
            return self._core.cancel(run.id)
        except ClosedError:
            return False

    def _wait_for(self, run: SyncEval, timeout: float | None) -> None:
        deadline = _deadline(timeout)
        in_main_thread = threading.current_thread() is threading.main_thread()
        while not run.done():
            left_ms = _left_ms(deadline)
            wait_ms = -1 if left_ms is None else left_ms
            if in_main_thread and not 0 <= wait_ms <= _SIGNALS_MS:
                wait_ms = _SIGNALS_MS
            try:
                outcome = self._core.wait(run.id, wait_ms)
            except NotFoundError:
                # Another thread has taken the outcome, and is about to settle it.
                with self._settled:
                    self._settled.wait_for(run.done)
                return
            except ClosedError:
                self._settle_all()
                return
            if outcome is not None:
                self._settle(run.id, read_outcome(outcome))
            elif left_ms is not None and left_ms <= wait_ms:
                raise TimeoutError(f"eval {run.id} is still in progress")

    def _settle(self, eval_id: int, outcome: Settlement) -> None:
        with self._settled:
            run = self._evals.pop(eval_id, None)
            if run is None:
                self._early[eval_id] = outcome
                return
            run._outcome = outcome
            self._settled.notify_all()

    def _settle_all(self) -> None:
        """The engine is closed: nobody will hear of the evals any more."""
        with self._settled:
            for run in self._evals.values():
                run._outcome = (None, EvalCancelled("the engine was closed"))
            self._evals.clear()
            self._settled.notify_all()

    # ------------------------------------------------------------------------------------------------------ ends --

    def shutdown(self, timeout: float | None = None) -> None:
        """Starts nothing any more, and waits for the evals in progress to end; cancels what is left after so many
        seconds. Their requests have to be answered meanwhile, by other threads; outcomes can still be taken.
        """
        self._core.shutdown(-1 if timeout is None else _milliseconds(timeout))

    def close(self) -> None:
        """Cancels what runs and frees the engine; waits for the library's threads to end. Threads that wait for
        events get `ClosedError`, those that wait for an eval `EvalCancelled`. Closing again does nothing.
        """
        with self._settled:
            self._closing = True
            runs = list(self._evals.values())
        os.eventfd_write(self._closed_fd, 1)
        for run in runs:
            self._cancel(run)
        self._core.close()
        self._settle_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def _deadline(timeout: float | None) -> float | None:
    return None if timeout is None else time.monotonic() + timeout


def _left_ms(deadline: float | None) -> int | None:
    return None if deadline is None else _milliseconds(deadline - time.monotonic())


def _milliseconds(seconds: float) -> int:
    """Rounded up, so that nobody wakes up before the time."""
    return max(0, math.ceil(seconds * 1000))
