"""The exceptions of this package: one family, in the two layers that the library keeps apart.

A `CallError` says that a call was wrong; there is one class per status of the library. An `EvalError` says how a script
ended; there is one class per outcome type. All derive from `LuawaitError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class LuawaitError(Exception):
    """Base of every exception that this package raises."""


class LibraryError(LuawaitError):
    """The shared library was not found, could not be loaded, or is not the one this package was written for."""


class ClosedError(LuawaitError):
    """The engine is closed, or the context."""


class LoopError(LuawaitError):
    """The engine belongs to another event loop, or there is none running."""


class HostFault(LuawaitError):  # noqa: N818 - it is raised by hosts to answer a script, and caught by none
    """Raised by a host function to choose what the script sees: the message, its `type`, and `data` (any JSON value).

    Any other exception arrives in the script with its class's name as the type and without data.
    """

    def __init__(self, message: str, *, type: str | None = None, data: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.type = type if type is not None else self.__class__.__name__
        self.data = data


# ------------------------------------------------------------------------------------------------ calls that failed --


class CallError(LuawaitError):
    """A call of the library failed; `status` is what it returned."""

    status: int = 0

    def __init__(self, message: str, *, status: int | None = None, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        """The line in the JSON or the script, from 1; 0 when there is none."""
        self.column = column
        """The column in the JSON, from 1; 0 when there is none."""
        if status is not None:
            self.status = status


class ArgumentError(CallError, ValueError):
    """A name, text or value that is not usable."""

    status = -1


class OutOfMemoryError(CallError, MemoryError):
    """The library could not allocate."""

    status = -2


class JSONError(CallError, ValueError):
    """A value that is not JSON, or JSON of the wrong shape."""

    status = -3


class OptionError(CallError, ValueError):
    """An unknown key, a wrong type or a bad value in a config or in options."""

    status = -4


class NotFoundError(CallError, LookupError):
    """There is no such eval, open request or function."""

    status = -5


class ExistsError(CallError):
    """The name is taken."""

    status = -6


class SyntaxCheckError(CallError):
    """A script given to `check` does not compile; `line` says where."""

    status = -7


class SystemFailure(CallError):  # noqa: N818 - the family's name for what the operating system refused
    """The operating system refused a thread, a descriptor or a signal."""

    status = -8


class ExecutorError(CallError):
    """The engine's executor does not do this."""

    status = -9


class QueueLimitError(CallError):
    """One of the engine's limits on what may be waiting is reached, such as `max_evals`."""

    status = -10


class ShutdownError(CallError):
    """The engine has been shut down and starts nothing any more."""

    status = -11


class ForkedError(CallError):
    """The engine belongs to the parent of this process."""

    status = -12


_BY_STATUS: dict[int, type[CallError]] = {
    kind.status: kind
    for kind in (
        ArgumentError,
        OutOfMemoryError,
        JSONError,
        OptionError,
        NotFoundError,
        ExistsError,
        SyntaxCheckError,
        SystemFailure,
        ExecutorError,
        QueueLimitError,
        ShutdownError,
        ForkedError,
    )
}


def call_error(status: int, message: str, line: int = 0, column: int = 0) -> CallError:
    """The exception for a status; a status that this package does not know is a plain `CallError`."""
    return _BY_STATUS.get(status, CallError)(message, status=status, line=line, column=column)


# -------------------------------------------------------------------------------------------------------- outcomes --


class EvalError(LuawaitError):
    """A script did not succeed. `str()` is the message: Lua's own words where Lua has some."""

    outcome: ClassVar[str | None] = None
    """The outcome type that this class stands for."""

    def __init__(
        self,
        message: str,
        *,
        type: str | None = None,
        chunk: str | None = None,
        line: int | None = None,
        traceback: str | None = None,
        function: str | None = None,
        host_type: str | None = None,
        data: Any = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.type = type if type is not None else (self.outcome or "internal")
        self.chunk = chunk
        """The name of the script in which it happened, if there is such a place."""
        self.line = line
        self.traceback = traceback
        """Lua's stack traceback, if there was a stack."""
        self.function = function
        """The host function, where one is to blame."""
        self.host_type = host_type
        """Of a `HostError`: the `type` that the host function gave, for an exception its class's name."""
        self.data = data
        """Of a `HostError`: the data that the host function gave; of a `ScriptRuntimeError`: the table given to
        `error()`."""

    def __repr__(self) -> str:
        shown = ("chunk", "line", "function", "host_type", "data")
        rest = "".join(f", {key}={value!r}" for key in shown if (value := getattr(self, key)) is not None)
        return f"{self.__class__.__name__}({self.message!r}{rest})"


class ScriptSyntaxError(EvalError):
    """The script does not compile."""

    outcome = "syntax"


class ScriptRuntimeError(EvalError):
    """The script raised an error that it did not catch."""

    outcome = "runtime"


class HostError(EvalError):
    """A host function answered with an error that the script did not catch.

    When the answer was an exception of a Python function, that exception is the `__cause__`.
    """

    outcome = "host"


class ScriptTimeout(EvalError):  # noqa: N818 - says what happened, as the outcome type does
    """The eval took longer than its `timeout_ms`, or a host call longer than the host has for an answer."""

    outcome = "timeout"


class CPULimitError(EvalError):
    """The script used more than its `cpu_ms` of processor time."""

    outcome = "cpu"


class MemoryLimitError(EvalError):
    """The script allocated more than its `memory_bytes`."""

    outcome = "memory"


class ConversionError(EvalError):
    """A value that cannot go from Lua to JSON; the message names its path."""

    outcome = "conversion"


class LimitError(EvalError):
    """The script passed another limit, such as `output_bytes`."""

    outcome = "limit"


class EvalCancelled(EvalError):  # noqa: N818 - says what happened, as the outcome type does
    """The eval was cancelled, or its engine or context closed."""

    outcome = "cancelled"


class InternalError(EvalError):
    """The library met a situation that it should not have."""

    outcome = "internal"


_BY_OUTCOME: dict[str, type[EvalError]] = {
    kind.outcome: kind
    for kind in (
        ScriptSyntaxError,
        ScriptRuntimeError,
        HostError,
        ScriptTimeout,
        CPULimitError,
        MemoryLimitError,
        ConversionError,
        LimitError,
        EvalCancelled,
        InternalError,
    )
    if kind.outcome is not None
}


def eval_error(outcome: Mapping[str, Any]) -> EvalError:
    """The exception for an outcome's error object; keys that this package does not know are left out."""
    kind = _BY_OUTCOME.get(outcome["type"], EvalError)
    known = ("type", "chunk", "line", "traceback", "function", "host_type", "data")
    return kind(outcome["message"], **{key: outcome[key] for key in known if key in outcome})
