"""Named contexts: Lua worlds that many evals share, for each of the two engines."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING

from ._world import World
from .evals import EvalOutput
from .options import ContextEvalOptions
from .runners import LoopEngine, Runner, SyncRunner, ThreadsEngine

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack


class Context(Runner):
    """A Lua world that many evals share: a session, or thousands of small scripts. Made by `Engine.context()`.

    Its evals take turns, one at a time, each with its own outcome, limits and globals, over a common memory. With
    `with_options(globals_shared=True)` their globals are the context's. They see the host functions that were
    registered when it was made. `eval_sync` is refused, as its thread would have to wait for the others' turns.

    Close it: with `async with` or `aclose()`, or with `with` or `close()`. The engine does so at its end.
    """

    def __init__(self, engine: LoopEngine, world: World) -> None:
        super().__init__(engine, {}, world=world)
        self._world: World = world

    def with_options(self, *, on_output: EvalOutput | None = None, **options: Unpack[ContextEvalOptions]) -> Runner:
        """A runner whose evals run in this context with these options: those of `Engine.with_options()` but for
        `memory_bytes`, which is the context's, and `globals_shared`.
        """
        self._engine._check_output(on_output)
        return Runner(self._engine, options, on_output, self._world)

    @property
    def closed(self) -> bool:
        """Whether the context or its engine has been closed."""
        return self._world.closed or self._engine.closed

    def close(self) -> None:
        """Cancels its evals, host functions included. Whoever awaits one gets `EvalCancelled`.

        Closing again does nothing.
        """
        self._engine._driver.close_context(self._world)

    async def aclose(self) -> None:
        """Like `close()`; has returned when its evals have ended and all their host functions have unwound."""
        ending = self._engine._driver.close_context(self._world)
        if ending:
            await asyncio.wait(ending)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<luawait.Context {self._world.id} {'closed' if self.closed else 'open'}>"


class SyncContext(SyncRunner):
    """A Lua world that many evals share. Made by `SyncEngine.context()`; any thread may use it.

    Its evals take turns, one at a time, each with its own outcome, limits and globals, over a common memory. With
    `with_options(globals_shared=True)` their globals are the context's. They see the host functions that were
    registered when it was made. Close it, best by `with`; the engine does so at its end.
    """

    def __init__(self, engine: ThreadsEngine, world: World) -> None:
        super().__init__(engine, {}, world)
        self._world: World = world

    def with_options(self, **options: Unpack[ContextEvalOptions]) -> SyncRunner:
        """A runner whose evals run in this context with these options: those of `SyncEngine.with_options()` but for
        `memory_bytes`, which is the context's, and `globals_shared`.
        """
        return SyncRunner(self._engine, options, self._world)

    @property
    def closed(self) -> bool:
        """Whether the context or its engine has been closed."""
        return self._world.closed

    def close(self) -> None:
        """Cancels its evals: their outcome is then `EvalCancelled`. Closing again does nothing."""
        self._world.free()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<luawait.SyncContext {self._world.id} {'closed' if self.closed else 'open'}>"
