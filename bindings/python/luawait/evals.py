"""One run of a script, as its host sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Any, Protocol

from .errors import EvalError

HostFunction = Callable[..., Any]

EngineOutput = Callable[["Eval | None", str], object]
"""An engine's `on_output`: the eval that printed, None for one of `eval_sync`, and what it printed."""

EvalOutput = Callable[[str], object]
"""An eval's `on_output`: what it printed."""

Settlement = tuple[Any, "EvalError | None"]
"""An outcome as Python has it: a value, or the error that says why there is none."""


class Eval(Awaitable[Any]):
    """An eval in flight. Awaiting it gives the script's value or raises an `EvalError`.

    One task awaits it. When that task is cancelled, the eval and the host functions running for it are cancelled too.
    """

    __slots__ = ("__weakref__", "_cancel", "_future", "id")

    def __init__(self, eval_id: int, future: asyncio.Future[Any], cancel: Callable[[int], bool]) -> None:
        self.id = eval_id
        self._future = future
        self._cancel = cancel

    def done(self) -> bool:
        """Whether it has ended, as far as the event loop has heard."""
        return self._future.done()

    def cancel(self) -> bool:
        """Cancels the script, whatever it is doing, and its host functions: who awaits the eval gets `EvalCancelled`.

        Returns False when it had ended already.
        """
        return not self._future.done() and self._cancel(self.id)

    def __await__(self) -> Generator[Any, None, Any]:
        try:
            return (yield from self._future.__await__())
        finally:
            # Left early: the awaiting task was cancelled, or its coroutine closed. Nobody wants the outcome any more.
            if self._future.cancelled() or not self._future.done():
                self._future.cancel()
                self._cancel(self.id)

    def __repr__(self) -> str:
        return f"<luawait.Eval {self.id} {'done' if self.done() else 'in progress'}>"


class SettlesEvals(Protocol):
    """What a `SyncEval` wants of its engine."""

    def _wait_for(self, run: SyncEval, timeout: float | None) -> None: ...

    def _cancel(self, run: SyncEval) -> bool: ...


class SyncEval:
    """An eval of a `SyncEngine`, in flight. Any thread may use it."""

    def __init__(self, engine: SettlesEvals, eval_id: int) -> None:
        self.id = eval_id
        self._engine = engine
        self._outcome: Settlement | None = None

    def done(self) -> bool:
        """Whether its end has been heard of: by `wait()`, or as an event."""
        return self._outcome is not None

    def wait(self, timeout: float | None = None) -> Any:
        """Waits for the end, with a timeout in seconds for no longer than that, and gives the script's value or raises
        an `EvalError`. When the time is up, that is a `TimeoutError`; the eval goes on.

        Other threads have to answer the eval's requests meanwhile, and to `run()` it with `executor="host"`. Who waits
        takes the outcome, so that no `Finished` event comes for it. Waiting again gives the same.
        """
        if self._outcome is None:
            self._engine._wait_for(self, timeout)
        assert self._outcome is not None
        value, error = self._outcome
        if error is not None:
            raise error
        return value

    def cancel(self) -> bool:
        """Cancels the script, whatever it is doing; its outcome is then `EvalCancelled`. False when it had ended."""
        return self._outcome is None and self._engine._cancel(self)

    def __repr__(self) -> str:
        return f"<luawait.SyncEval {self.id} {'done' if self.done() else 'in progress'}>"
