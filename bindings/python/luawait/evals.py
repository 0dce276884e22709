"""One run of a script, as its host sees it, and how the library's outcome becomes a value or an exception."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any

from ._outcomes import Ended, read_outcome
from ._text import Fault
from .errors import EvalCancelled, EvalError

if TYPE_CHECKING:
    from ._driver import Driver
    from ._world import World

HostFunction = Callable[..., Any]

EngineOutput = Callable[["Eval | None", str], object]
"""An engine's `on_output`: the eval that printed, None for one of `eval_sync`, and what it printed."""

EvalOutput = Callable[[str], object]
"""An eval's `on_output`: what it printed."""


class Eval(Awaitable[Any]):
    """An eval in flight. Awaiting it gives the script's value or raises an `EvalError`.

    One task awaits it. When that task is cancelled, the eval and the host functions running for it are cancelled too.
    """

    __slots__ = (
        "__weakref__",
        "_context",
        "_driver",
        "_fault",
        "_functions",
        "_future",
        "_on_output",
        "_serving",
        "_world",
        "id",
    )

    def __init__(
        self,
        driver: Driver,
        eval_id: int,
        functions: Mapping[str, HostFunction],
        on_output: EvalOutput | None,
        future: asyncio.Future[Any],
        world: World | None,
    ) -> None:
        self.id = eval_id
        self._driver = driver
        self._functions = functions
        self._on_output = on_output
        self._future = future
        self._world = world
        # Host functions see the context variables of whoever started the script.
        self._context = contextvars.copy_context()
        # The host functions that are at work for it, by request.
        self._serving: dict[int, asyncio.Future[Any]] = {}
        self._fault: Fault | None = None

    def done(self) -> bool:
        """Whether it has ended, as far as the event loop has heard."""
        return self._future.done()

    def cancel(self) -> bool:
        """Cancels the script, whatever it is doing, and its host functions: who awaits the eval gets `EvalCancelled`.

        Returns False when it had ended already.
        """
        return not self._future.done() and self._driver.cancel(self)

    def __await__(self) -> Generator[Any, None, Any]:
        try:
            return (yield from self._future.__await__())
        finally:
            # Left early: the awaiting task was cancelled, or its coroutine closed. Nobody wants the outcome any more.
            if self._future.cancelled() or not self._future.done():
                self._future.cancel()
                self._driver.cancel(self)

    def __repr__(self) -> str:
        return f"<luawait.Eval {self.id} {'done' if self.done() else 'in progress'}>"

    def _settle(self, ended: Ended) -> None:
        """Delivers the outcome, if it is still wanted."""
        if self._future.done():
            return
        value, error = read_outcome(ended)
        if error is None:
            self._future.set_result(value)
        else:
            if self._fault is not None:
                self._fault.name_as_cause(error)
            self._fail(error)
        # It holds the frames of the host function.
        self._fault = None

    def _fail(self, error: EvalError) -> None:
        if self._future.done():
            return
        self._future.set_exception(error)
        if isinstance(error, EvalCancelled):
            # Somebody asked for this: not awaiting the eval as well is no reason for asyncio to report it.
            self._future.exception()
