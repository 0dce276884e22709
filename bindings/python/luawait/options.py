"""The keys of an engine's config and of an eval's options, for type checkers and editors.

What they mean and their defaults are written in `luawait.h`; the library itself refuses unknown keys and bad values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, Literal, TypedDict

Library = Literal["io", "os", "package", "debug", "bytecode"]
"""What trusted scripts may be given beside the sandbox's libraries."""


class Config(TypedDict, total=False):
    """Keywords of `Engine()` and `SyncEngine()`: the config of `luawait_engine_new`.

    Where the library's `executor` is "custom", this package takes the pool itself, a `ThreadPoolExecutor` for instance.
    """

    executor: Literal["threads", "host"] | Executor
    workers: int
    timeout_ms: int
    cpu_ms: int
    call_timeout_ms: int
    memory_bytes: int
    output_bytes: int
    max_host_calls: int
    max_coroutines: int
    max_script_bytes: int
    libraries: Sequence[Library]
    max_depth: int
    slice_us: int
    warm_contexts: int
    nulls: Literal["drop", "keep"]
    print: Literal["stdout", "event", "none"]
    preemption: Literal["signal", "count"]
    signal: int
    seed: int
    max_evals: int
    max_queued: int
    max_unread: int
    max_requests: int
    max_blocked: int
    watchdog: bool
    lua_warning: bool


class CommonOptions(TypedDict, total=False):
    """What every eval takes: the options of `luawait_start`, but for `args`, `detached` and `context`."""

    name: str
    globals: Mapping[str, Any]
    timeout_ms: int
    cpu_ms: int
    call_timeout_ms: int
    max_host_calls: int
    nulls: Literal["drop", "keep"]


class EvalOptions(CommonOptions, total=False):
    """Keywords of an engine's `with_options()`."""

    memory_bytes: int
    max_coroutines: int
    libraries: Sequence[Library]


class ContextEvalOptions(CommonOptions, total=False):
    """Keywords of a context's `with_options()`. Memory is the context's, and so are the globals if they are shared."""

    globals_shared: bool


class ContextOptions(TypedDict, total=False):
    """Keywords of `context()`: the options of `luawait_context_new`."""

    memory_bytes: int
    max_coroutines: int
    libraries: Sequence[Library]
    globals: Mapping[str, Any]
