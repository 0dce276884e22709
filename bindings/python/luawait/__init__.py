"""Lua 5.4 scripts that wait on an asyncio host without blocking it."""

from ._core import library_version
from .engine import Engine, Runner
from .errors import (
    ArgumentError,
    CallError,
    ClosedError,
    ConversionError,
    CPULimitError,
    EvalCancelled,
    EvalError,
    ExistsError,
    HostError,
    HostFault,
    InternalError,
    JSONError,
    LibraryError,
    LimitError,
    LoopError,
    LuawaitError,
    MemoryLimitError,
    NotFoundError,
    OptionError,
    OutOfMemoryError,
    ScriptRuntimeError,
    ScriptSyntaxError,
    ScriptTimeout,
    SyntaxCheckError,
    SystemFailure,
)
from .evals import Eval
from .options import Config, EvalOptions

__version__ = "0.1.0"

__all__ = [
    "ArgumentError",
    "CPULimitError",
    "CallError",
    "ClosedError",
    "Config",
    "ConversionError",
    "Engine",
    "Eval",
    "EvalCancelled",
    "EvalError",
    "EvalOptions",
    "ExistsError",
    "HostError",
    "HostFault",
    "InternalError",
    "JSONError",
    "LibraryError",
    "LimitError",
    "LoopError",
    "LuawaitError",
    "MemoryLimitError",
    "NotFoundError",
    "OptionError",
    "OutOfMemoryError",
    "Runner",
    "ScriptRuntimeError",
    "ScriptSyntaxError",
    "ScriptTimeout",
    "SyntaxCheckError",
    "SystemFailure",
    "library_version",
]
