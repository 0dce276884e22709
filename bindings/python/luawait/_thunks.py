"""What the library calls back: host functions that answer at once, and pools that run scripts.

The C functions are made once and live as long as the process. What they act on is found by a key, the `user_data` of
the C side, and kept until the library says that it will not use it again (`drop`).
"""

from __future__ import annotations

import functools
import itertools
import json
import logging
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from ctypes import byref, sizeof, string_at
from typing import Any

from . import _raw
from ._handle import on_loan
from ._text import Fault, answer_value, describe, tell
from .errors import ArgumentError, ClosedError, OptionError, call_error

_log = logging.getLogger("luawait")

_kept: dict[int, Callable[..., Any]] = {}
_keys = itertools.count(1)


class Callback:
    """A host function that answers at once. Only its owner refers to it, so that a function that refers to its engine
    does not keep the engine alive for ever."""

    def __init__(self, owner: Any, function: Callable[..., Any]) -> None:
        self._owner = weakref.ref(owner)
        owner.callbacks[self] = function

    def __call__(self, *args: Any) -> Any:
        owner = self._owner()
        if owner is None:
            raise ClosedError("the engine is closed")
        return owner.callbacks[self](*args)

    def release(self) -> None:
        """Lets the function go."""
        owner = self._owner()
        if owner is not None:
            owner.callbacks.pop(self, None)


def keep(target: Callable[..., Any]) -> int:
    """Keeps what a thunk is to call, and gives its key."""
    key = next(_keys)
    _kept[key] = target
    return key


def forget(key: int) -> None:
    """Undoes `keep`: for a key that the library was not given after all, or will not use again."""
    target = _kept.pop(key, None)
    if isinstance(target, Callback):
        target.release()


drop = _raw.DROP(forget)


# ------------------------------------------------------------------------------------------------------- callbacks --


class Stage:
    """A call of the library inside which callbacks may run, and what they leave for it, on its thread."""

    def __init__(self) -> None:
        self.fault: Fault | None = None
        self.interrupt: BaseException | None = None
        self._outer: Stage | None = None

    def __enter__(self) -> Stage:
        self._outer, _current.stage = getattr(_current, "stage", None), self
        return self

    def __exit__(self, *exception: object) -> None:
        _current.stage = self._outer


_current = threading.local()


def check_callback(name: str, function: Callable[..., Any]) -> None:
    """Refuses what could not answer at once."""
    if not callable(function):
        raise ArgumentError(f"{name}: {function!r} cannot be called")
    code = getattr(function, "__code__", None)
    if code is not None and code.co_flags & 0x180:  # CO_COROUTINE, CO_ITERABLE_COROUTINE: inspect.iscoroutinefunction
        raise ArgumentError(f"{name}: a callback answers at once; an async function cannot")


def _on_call(key: int, call: Any) -> None:
    """`luawait_callback`. Nothing may be raised here: ctypes would print it, and the script would get nil."""
    name = string_at(call.contents.name, call.contents.name_length).decode()
    try:
        target = _kept.get(key)
        if target is None:
            raise ClosedError("the engine is closed")
        value = target(*json.loads(string_at(call.contents.args, call.contents.args_length)))
        answer_value(functools.partial(_reply, _raw.load().call_return, call), name, value)
    except BaseException as error:  # noqa: BLE001 - whatever it is, the script is told
        told = describe(error)
        tell(functools.partial(_reply, _raw.load().call_fail, call), name, told)
        stage: Stage | None = getattr(_current, "stage", None)
        if stage is not None:
            stage.fault = Fault(name, told["message"], told["type"], error)
            if not isinstance(error, Exception):
                stage.interrupt = error


on_call = _raw.CALLBACK(_on_call)


def _reply(function: Any, call: Any, text: bytes) -> None:
    error = _raw.Error(struct_size=sizeof(_raw.Error))
    status = function(call, text, len(text), byref(error))
    if status != _raw.OK:
        raise call_error(status, error.message.decode(errors="replace"))


# ----------------------------------------------------------------------------------------------------------- pools --


def check_executor(executor: Any) -> None:
    """Refuses what could not run scripts."""
    if isinstance(executor, str):
        raise OptionError(f'config.executor: {executor!r} is no executor here; for "custom" give the pool itself')
    if not callable(getattr(executor, "submit", None)):
        raise OptionError(f"config.executor: {executor!r} has no submit()")
    processes = sys.modules.get("concurrent.futures.process")
    if processes is not None and isinstance(executor, processes.ProcessPoolExecutor):
        raise OptionError("config.executor: scripts run in this process; other processes cannot lend threads")


def _on_submit(key: int, run: int, task: int) -> int:
    """`luawait_executor.submit`: whatever a pool raises means that it refuses, which the library reports."""
    try:
        future = _kept[key](_run, run, task)
        if isinstance(future, Future):
            future.add_done_callback(functools.partial(_keep_promise, run, task))
    except BaseException as error:  # noqa: BLE001
        _log.debug("the pool refuses to run a script", exc_info=error)
        return 1
    return 0


on_submit = _raw.SUBMIT(_on_submit)


@functools.lru_cache(maxsize=4)
def _task_function(run: int) -> Any:
    return _raw.RUN_TASK(run)


def _run(run: int, task: int) -> None:
    """Runs scripts for about a time slice, without the interpreter lock."""
    on_loan.now = True
    try:
        _task_function(run)(task)
    finally:
        on_loan.now = False


def _keep_promise(run: int, task: int, future: Future[Any]) -> None:
    """A pool has taken a task back: `shutdown(cancel_futures=True)`. The library counts on it to be run.

    Not here: the pool may be holding a lock that the task's next submit needs.
    """
    if future.cancelled():
        threading.Thread(target=_run, args=(run, task), name="luawait-leftover").start()
