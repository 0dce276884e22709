"""The asyncio API: the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from ._base import BaseEngine, merge, name_of
from ._driver import Driver
from ._world import World
from .contexts import Context
from .errors import ArgumentError, ClosedError, OptionError
from .evals import EngineOutput, Eval, EvalOutput, HostFunction
from .options import Config, ContextOptions, EvalOptions
from .runners import Runner

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

F = TypeVar("F", bound=HostFunction)


class Engine(BaseEngine):
    """An engine that runs Lua scripts for an asyncio host.

    Keywords are the config's keys, such as `workers=2` or `cpu_ms=500`. With `on_output`, what scripts print arrives
    there, in the event loop: `on_output(eval, text)` is called for each `print`, before the eval that printed is
    awaited; an eval may have a receiver of its own (`with_options`). It implies `print="event"`, which without a
    receiver prints by Python's `print`.

    With a pool as `executor`, such as a `ThreadPoolExecutor`, scripts run on its threads, a time slice at a time, and
    the library has none of its own for that; `workers` says how many at once.

    The first eval binds the engine to the running
    event loop, where its host functions run; like all of asyncio it is to be used from that loop's thread, except for
    `eval_sync`, `check` and `stats`, which any thread may call. Close it: with `async with` or `aclose()`, or where the
    loop may be blocked for a moment with `with` or `close()`.
    """

    def __init__(self, *, on_output: EngineOutput | None = None, **config: Unpack[Config]) -> None:
        if config.get("executor") == "host":
            # Its scripts would hold the loop up.
            raise OptionError("config.executor: an asyncio engine takes threads or a pool, not 'host'")
        if on_output is not None:
            if config.setdefault("print", "event") != "event":
                raise OptionError(f"config.print: {config['print']!r} does not go with on_output, which takes 'event'")
            _check_callable(on_output)
        self._reports_output = config.get("print") == "event"
        super().__init__(config)
        self._driver = Driver(self._core, on_output)
        # Replaced and never changed, so that an eval keeps the functions that it was started with.
        self._functions: Mapping[str, HostFunction] = {}

    # -------------------------------------------------------------------------------------------- host functions --

    @overload
    def function(self, function: F, /) -> F: ...

    @overload
    def function(self, name: str | None = None, /, *, timeout_ms: int | None = None) -> Callable[[F], F]: ...

    def function(self, subject: Any = None, /, *, timeout_ms: int | None = None) -> Any:
        """Decorator that makes a function callable from scripts: `@engine.function`, or with a name
        `@engine.function("db.users.find", timeout_ms=500)`.

        The function is called in the event loop with the script's arguments, decoded from JSON; what it returns, or for
        an `async def` what it returns in the end, goes back as JSON. An exception arrives in the script as an error
        that it can catch, with the class's name as `host_type`; raise `HostFault` to choose that and add data.
        """
        if callable(subject):
            return self.register(None, subject)
        return lambda function: self.register(subject, function, timeout_ms=timeout_ms)

    def register(self, name: str | None, function: F, *, timeout_ms: int | None = None) -> F:
        """Makes a function callable from scripts that are started later. Without a name, it is the function's own."""
        name = name_of(name, function)
        self._core.register(name, {} if timeout_ms is None else {"timeout_ms": timeout_ms})
        self._functions = {**self._functions, name: function}
        return function

    def unregister(self, name: str) -> None:
        """Takes a function away from scripts that are started later."""
        super().unregister(name)
        self._functions = {key: function for key, function in self._functions.items() if key != name}

    # ----------------------------------------------------------------------------------------------------- evals --

    async def eval(self, script: str | bytes, /, *args: Any, **globals: Any) -> Any:
        """Runs a script and gives its value: `await engine.eval("return x + y", x=1, y=2)`.

        Positional arguments are what the script finds in `...`, keywords its global variables; options such as a
        timeout are for `with_options()`. Raises an `EvalError` when the script does not succeed. When the awaiting task
        is cancelled, the script and the host functions running for it are cancelled too.
        """
        return await self.start(script, *args, **globals)

    def start(self, script: str | bytes, /, *args: Any, **globals: Any) -> Eval:
        """Starts a script at once and gives the eval, to await or to cancel. Arguments are those of `eval`."""
        return self._start(script, merge({}, args, globals))

    def eval_sync(self, script: str | bytes, /, *args: Any, **globals: Any) -> Any:
        """Runs a script on this thread, which waits, and gives its value. Needs no event loop.

        Of the host functions, the script can call callbacks; the others are answered by the event loop. What it prints
        to an engine with `on_output` arrives there once an event loop runs, with None as the eval.
        """
        return self._evaluate(script, merge({}, args, globals))

    def with_options(self, *, on_output: EvalOutput | None = None, **options: Unpack[EvalOptions]) -> Runner:
        """A runner whose evals have these options: `await engine.with_options(timeout_ms=500).eval(script, x=1)`.

        `globals` takes a mapping, for names that are no Python keywords and for variables that many evals share.
        `on_output` is called with each text that the script prints, such as `lines.append`; the engine must have been
        made with `print="event"` or an `on_output` of its own.
        """
        self._check_output(on_output)
        return Runner(self, options, on_output)

    def context(self, **options: Unpack[ContextOptions]) -> Context:
        """Makes a Lua world that many evals share: `async with engine.context(memory_bytes=1_000_000) as context`.

        `memory_bytes` is for all of its evals together, `globals` a mapping of what all of them see. They see the host
        functions that are registered now.
        """
        if self.closed:
            raise ClosedError("the engine is closed")
        return Context(self, World(self._core, dict(options), self._functions))

    def _start(
        self,
        script: str | bytes,
        options: dict[str, Any],
        on_output: EvalOutput | None = None,
        world: World | None = None,
    ) -> Eval:
        functions = self._functions if world is None else world.functions
        return self._driver.start(script, options, functions, on_output, world)

    def _check_output(self, on_output: EvalOutput | None) -> None:
        if on_output is not None:
            _check_callable(on_output)
            if not self._reports_output:
                raise OptionError("on_output: the engine's config says otherwise; make it with print='event'")

    # ------------------------------------------------------------------------------------------------------ rest --

    @property
    def closed(self) -> bool:
        """Whether the engine has been closed, or is about to be."""
        return self._driver.closed or self._core.closed

    def close(self) -> None:
        """Cancels what runs, host functions included, and frees the engine. Waits for the library's threads to end.

        Whoever awaits an eval gets `EvalCancelled`. Closing again does nothing.
        """
        self._driver.shut()
        self._core.close()

    async def aclose(self) -> None:
        """Like `close()`, without blocking the event loop; has returned when all host functions have unwound."""
        unwinding = self._driver.shut()
        try:
            if unwinding:
                await asyncio.wait(unwinding)
            await asyncio.get_running_loop().run_in_executor(None, self._core.close)
        except BaseException:
            # Whoever has been asked to stop waiting for the end does not wait here, either.
            self._core.close(wait=False)
            raise

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


def _check_callable(on_output: object) -> None:
    if not callable(on_output):
        raise ArgumentError(f"on_output: {on_output!r} cannot be called")
