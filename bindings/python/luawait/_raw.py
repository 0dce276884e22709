"""The raw layer: declarations of the functions of `luawait.h` that this package uses, and finding the library.

Nothing here knows what the functions are for; names and types are the header's, and a test compares the two.
"""

from __future__ import annotations

import ctypes
import functools
import os
from ctypes import POINTER, c_char, c_char_p, c_int, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from pathlib import Path
from typing import Any

from .errors import LibraryError

ABI_VERSION = 1
SONAME = "libluawait.so.0"

OK = 0
NONE = 1
ERR_ARGUMENT = -1
ERR_MEMORY = -2
ERR_JSON = -3
ERR_OPTION = -4
ERR_NOT_FOUND = -5
ERR_EXISTS = -6
ERR_SYNTAX = -7
ERR_SYSTEM = -8
ERR_EXECUTOR = -9
ERR_LIMIT = -10
ERR_SHUTDOWN = -11
ERR_FORKED = -12

IN_PROGRESS = 0
SUCCEEDED = 1
FAILED = 2
CANCELLED = 3

EVENT_REQUEST = 1
EVENT_WITHDRAWN = 2
EVENT_FINISHED = 3
EVENT_OUTPUT = 4


class Error(ctypes.Structure):
    """`luawait_error`: why a call failed."""

    _fields_ = (
        ("struct_size", c_uint32),
        ("status", c_int32),
        ("line", c_int32),
        ("column", c_int32),
        ("message", c_char * 256),
    )


class Event(ctypes.Structure):
    """`luawait_event`: something to take."""

    _fields_ = (
        ("struct_size", c_uint32),
        ("kind", c_int32),
        ("eval_id", c_uint64),
        ("request_id", c_uint64),
        ("state", c_int32),
        ("reserved", c_uint32),
        ("name", c_void_p),
        ("name_length", c_size_t),
        ("text", c_void_p),
        ("text_length", c_size_t),
        ("owner", c_void_p),
    )


class Call(ctypes.Structure):
    """`luawait_call`: a call in progress, as a callback sees it."""

    _fields_ = (
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("eval_id", c_uint64),
        ("name", c_void_p),
        ("name_length", c_size_t),
        ("args", c_void_p),
        ("args_length", c_size_t),
        ("reply", c_void_p),
    )


# What the library calls, and (`RUN_TASK`) what a pool is given to call.
CALLBACK = ctypes.CFUNCTYPE(None, c_void_p, POINTER(Call))
DROP = ctypes.CFUNCTYPE(None, c_void_p)
RUN_TASK = ctypes.CFUNCTYPE(None, c_void_p)
SUBMIT = ctypes.CFUNCTYPE(c_int32, c_void_p, c_void_p, c_void_p)


class Executor(ctypes.Structure):
    """`luawait_executor`: a pool of the host's."""

    _fields_ = (
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("data", c_void_p),
        ("submit", SUBMIT),
        ("drop", DROP),
    )


_TEXT_OUT = POINTER(c_void_p)
_SIZE_OUT = POINTER(c_size_t)
_STATE_OUT = POINTER(c_int32)
_ID_OUT = POINTER(c_uint64)
_ERROR = POINTER(Error)

# For texts that go in: a bytes object and its length.
_TEXT = (c_char_p, c_size_t)

DECLARATIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "luawait_version": (c_char_p, ()),
    "luawait_abi_version": (c_uint32, ()),
    "luawait_status_name": (c_char_p, (c_int32,)),
    "luawait_free": (None, (c_void_p,)),
    "luawait_engine_new": (c_int32, (*_TEXT, POINTER(c_void_p), _ERROR)),
    "luawait_engine_free": (None, (c_void_p,)),
    "luawait_shutdown": (c_int32, (c_void_p, c_int64)),
    "luawait_stats": (c_int32, (c_void_p, _TEXT_OUT, _SIZE_OUT)),
    "luawait_register": (c_int32, (c_void_p, *_TEXT, *_TEXT, _ERROR)),
    "luawait_register_callback": (c_int32, (c_void_p, *_TEXT, *_TEXT, CALLBACK, c_void_p, DROP, _ERROR)),
    "luawait_call_return": (c_int32, (POINTER(Call), *_TEXT, _ERROR)),
    "luawait_call_fail": (c_int32, (POINTER(Call), *_TEXT, _ERROR)),
    "luawait_call_cancel": (c_int32, (POINTER(Call),)),
    "luawait_unregister": (c_int32, (c_void_p, *_TEXT)),
    "luawait_check": (c_int32, (c_void_p, *_TEXT, *_TEXT, _ERROR)),
    "luawait_start": (c_int32, (c_void_p, *_TEXT, *_TEXT, _ID_OUT, _ERROR)),
    "luawait_wait": (c_int32, (c_void_p, c_uint64, c_int64, _STATE_OUT, _TEXT_OUT, _SIZE_OUT)),
    "luawait_cancel": (c_int32, (c_void_p, c_uint64)),
    "luawait_eval": (c_int32, (c_void_p, *_TEXT, *_TEXT, _STATE_OUT, _TEXT_OUT, _SIZE_OUT, _ERROR)),
    "luawait_context_new": (c_int32, (c_void_p, *_TEXT, _ID_OUT, _ERROR)),
    "luawait_context_free": (c_int32, (c_void_p, c_uint64)),
    "luawait_run": (c_int32, (c_void_p, c_uint64, _STATE_OUT)),
    "luawait_next_timeout": (c_int32, (c_void_p, POINTER(c_int64))),
    "luawait_set_executor": (c_int32, (c_void_p, POINTER(Executor), _ERROR)),
    "luawait_provide_result": (c_int32, (c_void_p, c_uint64, *_TEXT, _ERROR)),
    "luawait_provide_error": (c_int32, (c_void_p, c_uint64, *_TEXT, _ERROR)),
    "luawait_bind_main_thread": (c_int32, (c_void_p,)),
    "luawait_next_events": (c_int32, (c_void_p, POINTER(Event), c_size_t, _SIZE_OUT)),
    "luawait_release_events": (None, (POINTER(Event), c_size_t)),
    "luawait_event_fd": (c_int32, (c_void_p, POINTER(c_int))),
}

# Called with the interpreter lock held. They neither block nor call back, and in a host with busy Python threads giving
# the lock up and queueing for it again could cost milliseconds for each batch.
_LEAN = frozenset(
    {
        "luawait_next_events",
        "luawait_release_events",
        "luawait_free",
        "luawait_call_return",
        "luawait_call_fail",
        "luawait_call_cancel",
        "luawait_next_timeout",
    }
)


class Library:
    """The loaded library: each function of `DECLARATIONS` without its prefix, declared."""

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            free = ctypes.CDLL(path)
            holding = ctypes.PyDLL(path)
        except OSError as error:
            raise LibraryError(f"cannot load {path}: {error}") from error
        self._check_version(free)
        for name, (result, parameters) in DECLARATIONS.items():
            try:
                function = getattr(holding if name in _LEAN else free, name)
            except AttributeError as error:
                raise LibraryError(f"{path} has no function {name}") from error
            function.restype = result
            function.argtypes = parameters
            setattr(self, name.removeprefix("luawait_"), function)

    def __getattr__(self, name: str) -> Any:
        # For the type checker: the functions are set by name.
        raise AttributeError(name)

    @staticmethod
    def _check_version(library: ctypes.CDLL) -> None:
        try:
            abi_version = library.luawait_abi_version
        except AttributeError as error:
            raise LibraryError(f"{library._name} is not the luawait library") from error
        abi_version.restype = c_uint32
        if (found := abi_version()) != ABI_VERSION:
            raise LibraryError(
                f"{library._name} has ABI {found}, and this package needs ABI {ABI_VERSION}: "
                "install the version of the package that came with the library"
            )


def find() -> str:
    """What to load: `LUAWAIT_LIBRARY`, beside this package, a source checkout's build, or else the loader's choice."""
    if chosen := os.environ.get("LUAWAIT_LIBRARY"):
        return chosen
    here = Path(__file__).resolve().parent
    candidates = [here / SONAME]
    if len(here.parents) > 2 and (here.parents[2] / "Include" / "luawait.h").is_file():
        candidates.append(here.parents[2] / ".build" / "stage" / "lib" / SONAME)
    return next((str(path) for path in candidates if path.is_file()), SONAME)


@functools.cache
def load() -> Library:
    """The library, loaded at the first call."""
    path = find()
    try:
        return Library(path)
    except LibraryError as error:
        if path != SONAME:
            raise
        raise LibraryError(
            f"{error}. Looked beside the package, in a source checkout's build and with the system's loader; "
            "install libluawait, or set LUAWAIT_LIBRARY to the path of the library"
        ) from error.__cause__
