"""The safe core: one class that owns an engine, the only code that touches pointers.

Text goes in as `str` or `bytes` and comes out as `bytes` or decoded JSON, with the library's memory freed on every way
out; a status that is an error becomes an exception; a closed engine is an exception, never a dangling pointer.
"""

from __future__ import annotations

import ctypes
import json
import os
import threading
import weakref
from ctypes import byref, c_int, c_int32, c_size_t, c_uint64, c_void_p, string_at
from typing import Any, NamedTuple

from . import _raw
from ._events import BATCH, Batch, Event
from .errors import ArgumentError, ClosedError, JSONError, call_error


class Ended(NamedTuple):
    """The end of an eval. `outcome` is JSON."""

    eval_id: int
    succeeded: bool
    outcome: str | bytes


def library_version() -> str:
    """The version of the loaded library."""
    version: bytes = _raw.load().version()
    return version.decode()


def encode_text(text: str | bytes, what: str) -> bytes:
    """UTF-8, as the library wants it."""
    if isinstance(text, bytes):
        return text
    if not isinstance(text, str):
        raise ArgumentError(f"{what} must be str or bytes, not {type(text).__name__}")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ArgumentError(f"{what} is not text that UTF-8 can express: {error}") from error


def encode_json(value: Any, what: str) -> bytes:
    """JSON, with the reason when `value` has none."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise JSONError(f"{what} is not JSON: {error}") from error


class _Handle:
    """The engine's pointer and the right to use it.

    Calls that give up the interpreter lock enter and leave, so that a close on another thread frees the engine only
    when the last of them is out.
    """

    def __init__(self, library: _raw.Library, pointer: int) -> None:
        self._library = library
        self._pointer = pointer
        self._lock = threading.Lock()
        self._users = 0
        self._process = os.getpid()
        self.closed = False

    def __enter__(self) -> int:
        with self._lock:
            if self.closed:
                raise ClosedError("the engine is closed")
            self._users += 1
        return self._pointer

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._users -= 1
            last = self.closed and self._users == 0
        if last:
            self._free()

    def close(self) -> None:
        """Frees the engine, or leaves that to the last call that is inside it. Closing again does nothing."""
        with self._lock:
            if self.closed:
                return
            self.closed = True
            idle = self._users == 0
        if idle:
            self._free()

    def _free(self) -> None:
        # A forked child has the memory but not the threads that freeing would wait for.
        if os.getpid() == self._process:
            self._library.engine_free(self._pointer)


class Core:
    """An engine of the library. Its methods may be called from any thread."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._library = _raw.load()
        text = encode_json(config, "the config")
        pointer = c_void_p()
        error = _new_error()
        status = self._library.engine_new(text, len(text), byref(pointer), byref(error))
        _check(status, error)
        assert pointer.value is not None
        self._handle = _Handle(self._library, pointer.value)
        # Whoever forgets to close: the engine is freed when nothing refers to this object, at the latest at exit.
        weakref.finalize(self, self._handle.close)
        self._batches: list[Batch] = []

    @property
    def closed(self) -> bool:
        """Whether the engine is closed."""
        return self._handle.closed

    def close(self) -> None:
        """Frees the engine, or leaves that to the last call inside it. Blocks until its threads have ended."""
        self._handle.close()

    # ------------------------------------------------------------------------------------------------- functions --

    def register(self, name: str, options: dict[str, Any]) -> None:
        """Declares a host function that is answered by request."""
        text, json_text = encode_text(name, "a function's name"), encode_json(options, f"the options of {name}")
        error = _new_error()
        with self._handle as engine:
            status = self._library.register(engine, text, len(text), json_text, len(json_text), byref(error))
        _check(status, error)

    def unregister(self, name: str) -> None:
        """Takes a function's name away."""
        text = encode_text(name, "a function's name")
        with self._handle as engine:
            status = self._library.unregister(engine, text, len(text))
        if status != _raw.OK:
            raise call_error(status, f"no function is registered as {name!r}")

    # ----------------------------------------------------------------------------------------------------- evals --

    def check(self, script: str | bytes, name: str) -> None:
        """Compiles a script without running it."""
        text, chunk = encode_text(script, "a script"), encode_text(name, "a script's name")
        error = _new_error()
        with self._handle as engine:
            status = self._library.check(engine, text, len(text), chunk, len(chunk), byref(error))
        _check(status, error)

    def start(self, script: str | bytes, options: dict[str, Any]) -> int:
        """Starts an eval and gives its id."""
        text, json_text = encode_text(script, "a script"), _encode_options(options)
        eval_id = c_uint64()
        error = _new_error()
        with self._handle as engine:
            status = self._library.start(
                engine, text, len(text), json_text, _length_of(json_text), byref(eval_id), byref(error)
            )
        _check(status, error)
        return eval_id.value

    def evaluate(self, script: str | bytes, options: dict[str, Any]) -> Ended:
        """Runs a script on the calling thread until its end."""
        text, json_text = encode_text(script, "a script"), _encode_options(options)
        state, outcome, length = c_int32(), c_void_p(), c_size_t()
        error = _new_error()
        with self._handle as engine:
            status = self._library.eval(
                engine,
                text,
                len(text),
                json_text,
                _length_of(json_text),
                byref(state),
                byref(outcome),
                byref(length),
                byref(error),
            )
        _check(status, error)
        return Ended(0, state.value == _raw.SUCCEEDED, self._take(outcome, length.value))

    def cancel(self, eval_id: int) -> bool:
        """Cancels an eval; False when its outcome has been taken."""
        with self._handle as engine:
            status = self._library.cancel(engine, eval_id)
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
            with self._handle as engine:
                return batch.take(self._library, engine, limit)
        finally:
            self._batches.append(batch)

    def provide_result(self, request_id: int, json_text: bytes) -> bool:
        """Answers a request; False when it is not open any more."""
        return self._provide(self._library.provide_result, request_id, json_text)

    def provide_error(self, request_id: int, json_text: bytes) -> bool:
        """Answers a request with an error; False when it is not open any more."""
        return self._provide(self._library.provide_error, request_id, json_text)

    def _provide(self, call: Any, request_id: int, json_text: bytes) -> bool:
        error = _new_error()
        with self._handle as engine:
            status = call(engine, request_id, json_text, len(json_text), byref(error))
        if status == _raw.ERR_NOT_FOUND:
            return False
        _check(status, error)
        return True

    # ------------------------------------------------------------------------------------------------------ rest --

    def event_fd(self) -> int:
        """The descriptor that is readable while there is something to take."""
        descriptor = c_int(-1)
        with self._handle as engine:
            status = self._library.event_fd(engine, byref(descriptor))
        if status != _raw.OK:
            raise call_error(status, "the engine has no event descriptor")
        return descriptor.value

    def stats(self) -> dict[str, Any]:
        """Figures for monitoring."""
        text, length = c_void_p(), c_size_t()
        with self._handle as engine:
            status = self._library.stats(engine, byref(text), byref(length))
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
