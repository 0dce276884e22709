"""A named context of the library, as its Python object, the runners made of it and its evals share it."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Mapping
from typing import Any, Protocol

from ._core import Core
from .errors import ClosedError
from .evals import HostFunction


class EvalInFlight(Protocol):
    """What a world knows of an eval in progress in it: whose end to wait for, and what is at work for it."""

    future: asyncio.Future[Any]
    serving: dict[int, asyncio.Future[Any]]


class World:
    """A Lua world that many evals share."""

    # For a context that the library has refused to make.
    freed = True

    def __init__(
        self, core: Core, options: dict[str, Any], functions: Mapping[str, HostFunction] | None = None
    ) -> None:
        self._core = core
        self.id = core.new_context(options)
        self.freed = False
        # The library lets its scripts see the functions that were registered when it was made. They are these.
        self.functions: Mapping[str, HostFunction] = {} if functions is None else functions
        # Of an event loop's engine: its evals in progress, and the host functions at work for them or still unwinding.
        self.evals: set[EvalInFlight] = set()
        self.tasks: set[asyncio.Future[Any]] = set()

    @property
    def closed(self) -> bool:
        """Whether nothing can be started in it any more."""
        return self.freed or self._core.closed

    def free(self) -> bool:
        """Cancels its evals and frees it; False when that has been done, perhaps with the engine."""
        self.freed = True
        try:
            return self._core.free_context(self.id)
        except ClosedError:
            return False

    def __del__(self) -> None:
        # What nobody can start anything in any more takes memory until the engine is closed.
        if not self.freed and not self._core.was_told_to_close:
            warnings.warn(f"unclosed luawait context {self.id}", ResourceWarning, source=self, stacklevel=2)
