"""What starts evals with the same options, for each of the two engines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ._base import BaseRunner
from ._driver import Driver
from ._world import World
from .errors import OptionError
from .evals import Eval, EvalOutput, SyncEval


class LoopEngine(Protocol):
    """What runners and contexts want of an `Engine`."""

    _driver: Driver

    @property
    def closed(self) -> bool: ...

    def _start(
        self,
        script: str | bytes,
        options: dict[str, Any],
        on_output: EvalOutput | None = None,
        world: World | None = None,
    ) -> Eval: ...

    def _evaluate(self, script: str | bytes, options: dict[str, Any]) -> Any: ...

    def _check_output(self, on_output: EvalOutput | None) -> None: ...


class ThreadsEngine(Protocol):
    """What runners and contexts want of a `SyncEngine`."""

    def _start(self, script: str | bytes, options: dict[str, Any]) -> SyncEval: ...

    def _evaluate(self, script: str | bytes, options: dict[str, Any]) -> Any: ...


class Runner(BaseRunner[LoopEngine]):
    """Starts evals of an engine with the same options. Made by `Engine.with_options()` or `Context.with_options()`.

    Positional arguments are what the script finds in `...`; keywords become its global variables.
    """

    def __init__(
        self,
        engine: LoopEngine,
        options: Mapping[str, Any],
        on_output: EvalOutput | None = None,
        world: World | None = None,
    ) -> None:
        super().__init__(engine, options, world)
        self._on_output = on_output

    async def eval(self, script: str | bytes, /, *args: Any, **globals: Any) -> Any:
        """Runs a script and gives its value. See `Engine.eval`."""
        return await self.start(script, *args, **globals)

    def start(self, script: str | bytes, /, *args: Any, **globals: Any) -> Eval:
        """Starts a script and gives the eval. See `Engine.start`."""
        return self._engine._start(script, self._merge(args, globals), self._on_output, self._world)

    def eval_sync(self, script: str | bytes, /, *args: Any, **globals: Any) -> Any:
        """Runs a script on this thread. See `Engine.eval_sync`. In a context that is an `OptionError`."""
        if self._on_output is not None:
            raise OptionError("on_output: what eval_sync prints goes to the engine's on_output")
        return self._engine._evaluate(script, self._merge(args, globals))


class SyncRunner(BaseRunner[ThreadsEngine]):
    """Starts evals of an engine with the same options. Made by `SyncEngine.with_options()` or
    `SyncContext.with_options()`.
    """

    def eval(self, script: str | bytes, /, *args: Any, **globals: Any) -> Any:
        """Runs a script and gives its value: on this thread, see `SyncEngine.eval`. In a context it runs where the
        engine's scripts do, among the others of the context; this thread waits, as with `SyncEval.wait`.
        """
        if self._world is None:
            return self._engine._evaluate(script, self._merge(args, globals))
        run = self.start(script, *args, **globals)
        try:
            return run.wait()
        finally:
            # Left early, by a KeyboardInterrupt perhaps: nobody wants the outcome any more.
            run.cancel()

    def start(self, script: str | bytes, /, *args: Any, **globals: Any) -> SyncEval:
        """Starts a script and gives the eval. See `SyncEngine.start`."""
        return self._engine._start(script, self._merge(args, globals))
