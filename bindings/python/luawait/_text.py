"""Text and values on their way into the library, and errors as they are reported to a script."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from ._call_frame import is_callers
from .errors import ArgumentError, CallError, HostFault, JSONError

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
        report = {"message": _printable(error.message), "type": _printable(error.type)}
        return report if error.data is None else report | {"data": error.data}
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


def send_report(provide: Callable[[bytes], T], function: str, report: dict[str, Any]) -> T:
    """Answers a call of a function with an error."""
    try:
        return provide(encode_json(report, f"the data of {function}'s error"))
    except CallError as error:
        # Only the data can be at fault. The script gets the error without it, and why.
        message = f"{report['message']} ({_printable(error.message)})"
        return provide(encode_json(report | {"message": message, "data": None}, "error"))
