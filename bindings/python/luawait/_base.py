"""What engines have in common, with and without an event loop."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, overload

from ._core import Core
from ._outcomes import read_outcome
from ._world import World
from .errors import ArgumentError, OptionError
from .options import Config

F = TypeVar("F", bound=Callable[..., Any])
E = TypeVar("E")


class BaseRunner(Generic[E]):
    """Evals of an engine with the same options, and perhaps in the same context."""

    def __init__(self, engine: E, options: Mapping[str, Any], world: World | None = None) -> None:
        for key in ("args", "detached"):
            if key in options:
                raise OptionError(f"{key!r} is not an option here: arguments are positional, outcomes are awaited")
        if "context" in options:
            raise OptionError("'context' is not an option here: what engine.context() gives has methods of its own")
        self._engine = engine
        self._options = dict(options)
        self._world = world

    def _merge(self, args: tuple[Any, ...], globals: Mapping[str, Any]) -> dict[str, Any]:
        """The options of one eval."""
        merged = merge(self._options, args, globals)
        if self._world is not None:
            merged["context"] = self._world.id
        return merged


class BaseEngine:
    """An engine of the library, its callbacks, and what any thread may ask it."""

    def __init__(self, config: Config) -> None:
        self._core = Core(dict(config))

    @overload
    def callback(self, function: F, /) -> F: ...

    @overload
    def callback(self, name: str | None = None, /) -> Callable[[F], F]: ...

    def callback(self, subject: Any = None, /) -> Any:
        """Decorator that makes a function callable from scripts as a callback: `@engine.callback`, or with a name
        `@engine.callback("text.upper")`. See `register_callback`.
        """
        if callable(subject):
            return self.register_callback(None, subject)
        return lambda function: self.register_callback(subject, function)

    def register_callback(self, name: str | None, function: F) -> F:
        """Makes a function callable from scripts that are started later, which answers at once.

        It is called on the thread that runs the script, several at once perhaps, and that thread waits for it: a
        callback is for what takes no time. Arguments, result and exceptions are those of any host function.
        """
        name = name_of(name, function)
        self._core.register_callback(name, function)
        return function

    def unregister(self, name: str) -> None:
        """Takes a function away from scripts that are started later."""
        self._core.unregister(name)

    def check(self, script: str | bytes, *, name: str = "script") -> None:
        """Checks a script's syntax without running it; raises `SyntaxCheckError` with Lua's message and the line."""
        self._core.check(script, name)

    def stats(self) -> dict[str, Any]:
        """Figures for monitoring; `luawait_stats` in the header says which."""
        return self._core.stats()

    @property
    def closed(self) -> bool:
        """Whether the engine has been closed."""
        return self._core.closed

    def _evaluate(self, script: str | bytes, options: dict[str, Any]) -> Any:
        outcome, failure = self._core.evaluate(script, options)
        value, error = read_outcome(outcome)
        if error is None:
            return value
        if failure is not None:
            failure.name_as_cause(error)
        raise error

    def __repr__(self) -> str:
        return f"<luawait.{self.__class__.__name__} {'closed' if self.closed else 'open'}>"

    def __del__(self) -> None:
        core = getattr(self, "_core", None)  # absent when the config was refused
        # Not whether it is closed: of a cycle of garbage, the core may have been finalized before.
        if core is not None and not core.was_told_to_close:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=2)


def name_of(name: str | None, function: Any) -> str:
    """The name that a function is registered as: the one given, or its own."""
    if name is None:
        name = getattr(function, "__name__", None)
    if not isinstance(name, str):
        raise ArgumentError(f"a name is needed for {function!r}")
    if not callable(function):
        raise ArgumentError(f"{name}: {function!r} cannot be called")
    return name


def merge(options: Mapping[str, Any], args: tuple[Any, ...], globals: Mapping[str, Any]) -> dict[str, Any]:
    """The options of one eval."""
    merged = dict(options)
    if args:
        merged["args"] = args
    if globals:
        merged["globals"] = {**merged.get("globals", {}), **globals}
    return merged
