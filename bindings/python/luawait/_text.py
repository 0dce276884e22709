"""Text and values on their way into the library, and errors as a script is told of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from ._stage import is_callers
from .errors import ArgumentError, CallError, EvalError, HostError, HostFault, JSONError

T = TypeVar("T")

# Made once: json.dumps with these would make one each time, which costs more than encoding a small value.
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


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
        return _encode(value).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise JSONError(f"{what} is not JSON: {error}") from error


def describe(error: BaseException) -> dict[str, Any]:
    """A Python exception as the error that a script sees."""
    kind = type(error).__name__
    if isinstance(error, HostFault):
        told = {"message": _printable(error.message), "type": _printable(error.type)}
        return told if error.data is None else told | {"data": error.data}
    try:
        message = str(error)
    except Exception as problem:
        if is_callers(problem):
            raise
        message = f"{kind}, whose message cannot be read: {type(problem).__name__}"
    return {"message": _printable(message or kind), "type": _printable(kind)}


def _printable(text: Any) -> str:
    """Text that UTF-8 can express: a lone surrogate (a file name's odd byte, say) is spelled out."""
    return str(text).encode("utf-8", "backslashreplace").decode()


def answer_value(provide: Callable[[bytes], T], function: str, value: Any) -> T:
    """Answers a call of a function with what it returned; raises `JSONError` when that cannot go to a script."""
    what = f"what {function} returned"
    text = encode_json(value, what)
    try:
        return provide(text)
    except CallError as error:
        # JSON in Python's eyes and not in the library's: too deep, an integer beyond 64 bits, a key twice.
        raise JSONError(f"{what} cannot go to a script: {error.message}") from error


def tell(provide: Callable[[bytes], T], function: str, told: dict[str, Any]) -> T:
    """Answers a call of a function with an error."""
    try:
        return provide(encode_json(told, f"the data of {function}'s error"))
    except CallError as error:
        # Only the data can be at fault. The script gets the error without it, and why.
        message = f"{told['message']} ({_printable(error.message)})"
        return provide(encode_json(told | {"message": message, "data": None}, "error"))


class Fault:
    """What a host function raised and how it was told to the script, to be named as the cause should it come back."""

    __slots__ = ("error", "function", "host_type", "message")

    def __init__(self, function: str, message: str, host_type: str, error: BaseException) -> None:
        self.function = function
        self.message = message
        self.host_type = host_type
        self.error = error

    def name_as_cause(self, error: EvalError) -> None:
        """Makes the exception the cause of a script's error, if the script ended with this one and not another."""
        told = (error.function, error.message, error.host_type)
        if isinstance(error, HostError) and told == (self.function, self.message, self.host_type):
            error.__cause__ = self.error
