"""Taking events in batches: the library's array of structs, read into Python values in one pass."""

from __future__ import annotations

import ctypes
from ctypes import byref, c_size_t, string_at
from struct import Struct
from typing import NamedTuple

from . import _raw
from .errors import call_error

BATCH = 64
"""How many events one call takes at most."""

# The fields of `luawait_event`; reading them one by one through ctypes would cost several times as much.
_LAYOUT = Struct("@IiQQiIPNPNP")
assert _LAYOUT.size == ctypes.sizeof(_raw.Event)


class Event(NamedTuple):
    """An event as the library reports it; `luawait_event` in the header says what each field means for each kind."""

    kind: int
    eval_id: int
    request_id: int
    state: int
    name: str
    text: str


class Batch:
    """An array that events are taken into, one call at a time."""

    def __init__(self) -> None:
        # One memory, seen as structs by the library and as bytes by the unpacking.
        self._bytes = memoryview(bytearray(BATCH * _LAYOUT.size))
        self._events = (_raw.Event * BATCH).from_buffer(self._bytes)
        self._count = c_size_t()
        self._count_out = byref(self._count)

    def take(self, library: _raw.Library, engine: int, limit: int = BATCH) -> list[Event]:
        """The oldest events, at most `limit` of them; or those that a call was interrupted with, however many."""
        events = self._events
        if not self.is_held:
            events[0].struct_size = _LAYOUT.size
            status = library.next_events(engine, events, min(limit, BATCH), self._count_out)
            if status == _raw.NONE:
                return []
            if status != _raw.OK:
                raise call_error(status, "taking events failed")
        count = self._count.value
        fields = _LAYOUT.iter_unpack(self._bytes[: count * _LAYOUT.size])
        taken = [
            Event(
                kind,
                eval_id,
                request_id,
                state,
                # Both are UTF-8. Should one not be, the batch must not be lost for it.
                string_at(name, name_length).decode("utf-8", "replace") if name else "",
                string_at(text, text_length).decode("utf-8", "replace") if text else "",
            )
            for _, kind, eval_id, request_id, state, _, name, name_length, text, text_length, _ in fields
        ]
        # First, so that an interrupt in between never has their memory read again.
        self._count.value = 0
        library.release_events(events, count)
        return taken

    @property
    def is_held(self) -> bool:
        """Whether it has events that a call was interrupted with, by a KeyboardInterrupt perhaps."""
        return self._count.value != 0
