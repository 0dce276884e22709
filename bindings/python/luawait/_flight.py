"""An eval in flight, as the driver has it: what the host sees of it, and what is at work for it."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Mapping
from dataclasses import dataclass, field

from ._failure import Failure
from ._outcomes import Outcome, read_outcome
from ._world import World
from .errors import EvalCancelled, EvalError
from .evals import Eval, EvalOutput, HostFunction


@dataclass(eq=False, slots=True)
class Flight:
    """One record for each eval of an event loop, from its start to its end."""

    handle: Eval
    future: asyncio.Future[object]
    """Its outcome, which the handle awaits."""
    functions: Mapping[str, HostFunction]
    on_output: EvalOutput | None
    world: World | None
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    """Host functions see the context variables of whoever started the script."""
    serving: dict[int, asyncio.Future[object]] = field(default_factory=dict)
    """The host functions that are at work for it, by request."""
    failure: Failure | None = None

    def settle(self, outcome: Outcome) -> None:
        """Delivers the outcome, if it is still wanted."""
        if self.future.done():
            return
        value, error = read_outcome(outcome)
        if error is None:
            self.future.set_result(value)
        else:
            if self.failure is not None:
                self.failure.name_as_cause(error)
            self.fail(error)
        # It holds the frames of the host function.
        self.failure = None

    def fail(self, error: EvalError) -> None:
        """Delivers an error in place of an outcome."""
        if self.future.done():
            return
        self.future.set_exception(error)
        if isinstance(error, EvalCancelled):
            # Somebody asked for this: not awaiting the eval as well is no reason for asyncio to report it.
            self.future.exception()
