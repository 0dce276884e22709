"""The safe core: one class that owns an engine, the only code that touches pointers.

Text goes in as `str` or `bytes` and comes out as `bytes` or decoded JSON, with the library's memory freed on every way
out; a status that is an error becomes an exception; a closed engine is an exception, never a dangling pointer.
"""

from __future__ import annotations

import ctypes
import json
import weakref
from collections.abc import Callable
from ctypes import byref, c_int, c_int32, c_int64, c_size_t, c_uint64, c_void_p, string_at
from typing import Any

from . import _raw, _thunks
from ._call_frame import CallFrame
from ._events import BATCH, Batch, Event
from ._failure import Failure
from ._handle import Handle, close_forgotten
from ._outcomes import Outcome
from ._text import encode_json, encode_text
from .errors import ClosedError, call_error

# A callback that was interrupted has no value to give: the eval ends then, and the script cannot go on with nil.
_CALLBACK_OPTIONS = b'{"unanswered":"cancel"}'


def library_version() -> str:
    """The version of the loaded library."""
    version: bytes = _raw.load().version()
    return version.decode()


class Core:
    """An engine of the library. Its methods may be called from any thread."""

    def __init__(self, config: dict[str, Any]) -> None:
        pool = None
        if config.get("executor", "threads") not in ("threads", "host"):
            pool = config["executor"]
            _thunks.check_executor(pool)
            config = config | {"executor": "custom"}
        self._library = _raw.load()
        text = encode_json(config, "the config")
        pointer = c_void_p()
        error = _new_error()
        status = self._library.engine_new(text, len(text), byref(pointer), byref(error))
        _check(status, error)
        assert pointer.value is not None
        self._handle = Handle(self._library, pointer.value)
        # Whoever forgets to close: the engine is freed when nothing refers to this object, at the latest at exit.
        weakref.finalize(self, close_forgotten, self._handle)
        self.was_told_to_close = False
        self._batches: list[Batch] = []
        self._errors: list[_raw.Error] = []
        self.callbacks: dict[_thunks.Callback, Callable[..., Any]] = {}
        if pool is not None:
            self._set_executor(pool)

    @property
    def closed(self) -> bool:
        """Whether the engine is closed."""
        return self._handle.closed

    def close(self, wait: bool = True) -> None:
        """Cancels what runs, waits for the threads inside the engine and for its own, and frees it.

        Inside one of its callbacks, or without `wait`, another thread does that: nobody can wait for himself.
        """
        self.was_told_to_close = True
        if not wait or _thunks.is_at_work_for(self):
            self._handle.close_elsewhere()
        else:
            self._handle.close()

    # ------------------------------------------------------------------------------------------------- functions --

    def register(self, name: str, options: dict[str, Any]) -> None:
        """Declares a host function that is answered by request."""
        text, json_text = encode_text(name, "a function's name"), encode_json(options, f"the options of {name}")
        error = _new_error()
        with self._handle.guard:
            status = self._library.register(
                self._handle.engine, text, len(text), json_text, len(json_text), byref(error)
            )
        _check(status, error)

    def register_callback(self, name: str, function: Callable[..., Any]) -> None:
        """Declares a host function that is called on the thread that runs the script."""
        text = encode_text(name, "a function's name")
        _thunks.check_callback(name, function)
        key = _thunks.keep(_thunks.Callback(self, function))
        error = _new_error()
        try:
            with self._handle.guard:
                status = self._library.register_callback(
                    self._handle.engine,
                    text,
                    len(text),
                    _CALLBACK_OPTIONS,
                    len(_CALLBACK_OPTIONS),
                    _thunks.on_call,
                    key,
                    _thunks.drop,
                    byref(error),
                )
            _check(status, error)
        except Exception:
            _thunks.forget(key)
            raise

    def unregister(self, name: str) -> None:
        """Takes a function's name away."""
        text = encode_text(name, "a function's name")
        with self._handle.guard:
            status = self._library.unregister(self._handle.engine, text, len(text))
        if status != _raw.OK:
            raise call_error(status, f"no function is registered as {name!r}")

    # ----------------------------------------------------------------------------------------------------- evals --

    def check(self, script: str | bytes, name: str) -> None:
        """Compiles a script without running it."""
        text, chunk = encode_text(script, "a script"), encode_text(name, "a script's name")
        error = _new_error()
        with self._handle.guard:
            status = self._library.check(self._handle.engine, text, len(text), chunk, len(chunk), byref(error))
        _check(status, error)

    def start(self, script: str | bytes, options: dict[str, Any]) -> int:
        """Starts an eval and gives its id. Raises `ClosedError` when the context to start it in is gone."""
        text, json_text = encode_text(script, "a script"), _encode_options(options)
        eval_id = c_uint64()
        error = _new_error()
        with self._handle.guard:
            status = self._library.start(
                self._handle.engine, text, len(text), json_text, _length_of(json_text), byref(eval_id), byref(error)
            )
        if status == _raw.ERR_NOT_FOUND:
            raise ClosedError("the context is closed")
        _check(status, error)
        return eval_id.value

    def evaluate(self, script: str | bytes, options: dict[str, Any]) -> tuple[Outcome, Failure | None]:
        """Runs a script on the calling thread until its end. The failure is that of the callback that failed last."""
        text, json_text = encode_text(script, "a script"), _encode_options(options)
        state, outcome, length = c_int32(), c_void_p(), c_size_t()
        error = _new_error()
        frame = CallFrame()
        try:
            with self._handle.guard:
                status = frame.run(
                    self._library.eval,
                    self._handle.engine,
                    text,
                    len(text),
                    json_text,
                    _length_of(json_text),
                    byref(state),
                    byref(outcome),
                    byref(length),
                    byref(error),
                )
            frame.raise_interrupt()
            if status == _raw.ERR_SHUTDOWN and self.closed:
                raise ClosedError("the engine is closed")
            _check(status, error)
            return Outcome(0, state.value == _raw.SUCCEEDED, string_at(outcome, length.value)), frame.failure
        finally:
            self._library.free(outcome)

    def wait(self, eval_id: int, timeout_ms: int) -> Outcome | None:
        """Waits for the end of an eval; None when the time is up. Raises `NotFoundError` when it has been taken."""
        state, outcome, length = c_int32(), c_void_p(), c_size_t()
        with self._handle.guard:
            status = self._library.wait(
                self._handle.engine, eval_id, timeout_ms, byref(state), byref(outcome), byref(length)
            )
        if status != _raw.OK:
            raise call_error(status, f"eval {eval_id} cannot be waited for")
        if state.value == _raw.IN_PROGRESS:
            return None
        return Outcome(eval_id, state.value == _raw.SUCCEEDED, self._take(outcome, length.value))

    def cancel(self, eval_id: int) -> bool:
        """Cancels an eval; False when its outcome has been taken."""
        with self._handle.guard:
            status = self._library.cancel(self._handle.engine, eval_id)
        return bool(status == _raw.OK)

    # ------------------------------------------------------------------------------------------------- contexts --

    def new_context(self, options: dict[str, Any]) -> int:
        """Makes a named context and gives its id."""
        json_text = _encode_options(options)
        context_id = c_uint64()
        error = _new_error()
        with self._handle.guard:
            status = self._library.context_new(
                self._handle.engine, json_text, _length_of(json_text), byref(context_id), byref(error)
            )
        _check(status, error)
        return context_id.value

    def free_context(self, context_id: int) -> bool:
        """Cancels a context's evals and frees it; False when that has been done."""
        with self._handle.guard:
            status = self._library.context_free(self._handle.engine, context_id)
        if status not in (_raw.OK, _raw.ERR_NOT_FOUND):
            raise call_error(status, f"context {context_id} cannot be freed")
        return bool(status == _raw.OK)

    # --------------------------------------------------------------------------------------------------- events --

    def take_events(self, limit: int = BATCH) -> list[Event]:
        """The oldest events, at most `limit` of them and at most a batch."""
        # Each thread that takes has a batch of its own; as many are kept as ever took at once.
        try:
            batch = self._batches.pop()
        except IndexError:
            batch = Batch()
        try:
            with self._handle.guard:
                return batch.take(self._library, self._handle.engine, limit)
        finally:
            # One that still holds events is the next to be used.
            self._batches.insert(len(self._batches) if batch.is_held else 0, batch)

    def provide_result(self, request_id: int, json_text: bytes) -> bool:
        """Answers a request; False when it is not open any more."""
        return self._provide(self._library.provide_result, request_id, json_text)

    def provide_error(self, request_id: int, json_text: bytes) -> bool:
        """Answers a request with an error; False when it is not open any more."""
        return self._provide(self._library.provide_error, request_id, json_text)

    def _provide(self, call: Any, request_id: int, json_text: bytes) -> bool:
        # The most frequent call: each thread that makes it uses one error struct again and again.
        try:
            error = self._errors.pop()
        except IndexError:
            error = _new_error()
        try:
            with self._handle.guard:
                status = call(self._handle.engine, request_id, json_text, len(json_text), byref(error))
            if status == _raw.ERR_NOT_FOUND:
                return False
            _check(status, error)
        finally:
            self._errors.append(error)
        return True

    # --------------------------------------------------------------------------------------------------- threads --

    def _set_executor(self, pool: Any) -> None:
        key = _thunks.keep(pool.submit)
        executor = _raw.Executor(ctypes.sizeof(_raw.Executor), 0, key, _thunks.on_submit, _thunks.drop)
        error = _new_error()
        with self._handle.guard:
            status = self._library.set_executor(self._handle.engine, byref(executor), byref(error))
        if status != _raw.OK:
            _thunks.forget(key)
            self.close()
        _check(status, error)

    def run(self, budget_us: int) -> bool:
        """Runs scripts on this thread; whether more are ready."""
        more = c_int32()
        frame = CallFrame()
        with self._handle.guard:
            status = frame.run(self._library.run, self._handle.engine, budget_us, byref(more))
        frame.raise_interrupt()
        if status != _raw.OK:
            raise call_error(status, "scripts of this engine run elsewhere; only executor='host' takes run()")
        return more.value != 0

    def next_timeout_ms(self) -> int:
        """When to run scripts again; -1 for never."""
        timeout = c_int64()
        with self._handle.guard:
            status = self._library.next_timeout(self._handle.engine, byref(timeout))
        if status != _raw.OK:
            raise call_error(status, "the engine's next timeout cannot be read")
        return timeout.value

    def bind_main_thread(self) -> None:
        """Makes the calling thread the main one."""
        with self._handle.guard:
            status = self._library.bind_main_thread(self._handle.engine)
        if status != _raw.OK:
            raise call_error(status, "the thread cannot be bound")

    def shutdown(self, timeout_ms: int) -> None:
        """Waits for the evals to end, cancels the rest, and starts none any more."""
        frame = CallFrame()
        with self._handle.guard:
            status = frame.run(self._library.shutdown, self._handle.engine, timeout_ms)
        frame.raise_interrupt()
        if status != _raw.OK:
            raise call_error(status, "the engine cannot be shut down")

    # ------------------------------------------------------------------------------------------------------ rest --

    def event_fd(self) -> int:
        """The descriptor that is readable while there is something to take."""
        descriptor = c_int(-1)
        with self._handle.guard:
            status = self._library.event_fd(self._handle.engine, byref(descriptor))
        if status != _raw.OK:
            raise call_error(status, "the engine has no event descriptor")
        return descriptor.value

    def stats(self) -> dict[str, Any]:
        """Figures for monitoring."""
        text, length = c_void_p(), c_size_t()
        with self._handle.guard:
            status = self._library.stats(self._handle.engine, byref(text), byref(length))
        if status != _raw.OK:
            raise call_error(status, "the engine's figures cannot be read")
        figures: dict[str, Any] = json.loads(self._take(text, length.value))
        return figures

    def _take(self, pointer: c_void_p, length: int) -> bytes:
        """Copies a text of the library's and frees it."""
        try:
            return string_at(pointer, length)
        finally:
            self._library.free(pointer)


def _encode_options(options: dict[str, Any]) -> bytes | None:
    return encode_json(options, "the options (globals, args)") if options else None


def _length_of(text: bytes | None) -> int:
    return 0 if text is None else len(text)


def _new_error() -> _raw.Error:
    return _raw.Error(struct_size=ctypes.sizeof(_raw.Error))


def _check(status: int, error: _raw.Error) -> None:
    if status != _raw.OK:
        message = error.message.decode(errors="replace") or _raw.load().status_name(status).decode()
        raise call_error(status, message, error.line, error.column)
