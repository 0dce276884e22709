"""The keys of an engine's config and of an eval's options, for type checkers and editors.

What they mean and their defaults are written in `luawait.h`; the library itself refuses unknown keys and bad values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypedDict


class Config(TypedDict, total=False):
    """Keywords of `Engine()`: the config of `luawait_engine_new`."""

    executor: Literal["threads"]
    workers: int
    timeout_ms: int
    cpu_ms: int
    call_timeout_ms: int
    memory_bytes: int
    output_bytes: int
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


class EvalOptions(TypedDict, total=False):
    """Keywords of `Engine.with_options()`: the options of `luawait_start`, but for `args` and `detached`.

    `on_output` is this package's own: it receives what the eval prints.
    """

    name: str
    globals: Mapping[str, Any]
    timeout_ms: int
    cpu_ms: int
    call_timeout_ms: int
    memory_bytes: int
    nulls: Literal["drop", "keep"]
    on_output: Callable[[str], object]
