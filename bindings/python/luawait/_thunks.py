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
from types import FrameType
from typing import Any

from . import _call_frame, _raw
from ._call_frame import CallFrame
from ._failure import Failure
from ._handle import on_loan
from ._text import answer_value, describe, send_report
from .errors import ArgumentError, ClosedError, OptionError, call_error

_log = logging.getLogger("luawait")

_kept: dict[int, Any] = {}
_keys = itertools.count(1)


class Callback:
    """A host function that answers at once. Only its owner refers to it, so that a function that refers to its engine
    does not keep the engine alive for ever."""

    def __init__(self, owner: Any, function: Callable[..., Any]) -> None:
        self._owner = weakref.ref(owner)
        owner.callbacks[self] = function

    @property
    def closed(self) -> bool:
        """Whether its engine is closed."""
        owner = self._owner()
        return owner is None or bool(owner.closed)

    def is_of(self, owner: Any) -> bool:
        """Whether it is a function of this engine's."""
        return self._owner() is owner

    def __call__(self, *args: Any) -> Any:
        owner = self._owner()
        if owner is None or owner.closed:
            raise ClosedError("the engine is closed")
        return owner.callbacks[self](*args)

    def release(self) -> None:
        """Lets the function go."""
        owner = self._owner()
        if owner is not None:
            owner.callbacks.pop(self, None)


def keep(target: Callable[..., Any]) -> int:
    """Keeps what a thunk is to call (a `Callback`, or a pool's `submit`), and gives its key."""
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


def check_callback(name: str, function: Callable[..., Any]) -> None:
    """Refuses what could not answer at once."""
    if not callable(function):
        raise ArgumentError(f"{name}: {function!r} cannot be called")
    code = getattr(function, "__code__", None)
    if code is not None and code.co_flags & 0x180:  # CO_COROUTINE, CO_ITERABLE_COROUTINE: inspect.iscoroutinefunction
        raise ArgumentError(f"{name}: a callback answers at once; an async function cannot")


def _on_call(key: int, call: Any) -> None:
    """`luawait_callback`. What is raised here is the caller's, or there was no room for another answer: the call stays
    without one, which ends the eval."""
    frame = None
    try:
        frame = _call_frame.current()
        _answer(key, call, frame)
    except BaseException as error:
        frame = frame or _call_frame.current()
        if frame is None:
            raise  # on a thread of the library's; Python prints it
        frame.interrupt = error
        _cancel(call)


def _answer(key: int, call: Any, frame: CallFrame | None) -> None:
    name = string_at(call.contents.name, call.contents.name_length).decode()
    try:
        target = _kept.get(key)
        if target is None:
            raise ClosedError("the engine is closed")
        value = target(*json.loads(string_at(call.contents.args, call.contents.args_length)))
        if target.closed:
            _cancel(call)  # the function itself has closed the engine, perhaps
        else:
            answer_value(functools.partial(_reply, _raw.load().call_return, call), name, value)
        return
    except BaseException as error:
        if frame is not None and _call_frame.is_callers(error):
            raise
        raised = error
    report = describe(raised)
    send_report(functools.partial(_reply, _raw.load().call_fail, call), name, report)
    if frame is not None:
        frame.failure = Failure(name, report["message"], report["type"], raised)


def _cancel(call: Any) -> None:
    _raw.load().call_cancel(call)


_call_frame.watch_for(_on_call, _cancel)
on_call = _raw.CALLBACK(_on_call)


def _reply(function: Any, call: Any, text: bytes) -> None:
    error = _raw.Error(struct_size=sizeof(_raw.Error))
    status = function(call, text, len(text), byref(error))
    if status != _raw.OK:
        raise call_error(status, error.message.decode(errors="replace"))


def is_at_work_for(owner: Any) -> bool:
    """Whether this thread, below the method of the owner's that asks, is inside another one, or inside something that
    the library has called for the owner: a callback, or a signal handler that came meanwhile, asks.

    Python's own stack says it: a note made and taken back would be one more thing that an interrupt leaves wrong.
    """
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        if code is forget.__code__ or code is _on_submit.__code__:
            return True  # whose, is not to be seen
        if code is _answer.__code__ and (target := frame.f_locals.get("target")) is not None and target.is_of(owner):
            return True
        if frame.f_locals.get("self") is owner:
            return True
        frame = frame.f_back
    return False


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
