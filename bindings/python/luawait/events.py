"""What a `SyncEngine` has for its host to take."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass, field
from typing import Any

from . import _raw
from ._core import Core
from ._events import Event as RawEvent
from ._outcomes import Outcome, read_outcome
from ._text import answer_value, describe, send_report
from .errors import EvalError


@dataclass(frozen=True)
class Request:
    """A script called a function that was declared with `register()`, and waits for the answer."""

    id: int
    eval_id: int
    name: str
    json: str
    """The arguments as JSON."""
    _core: Core = field(repr=False, compare=False)

    @functools.cached_property
    def args(self) -> list[Any]:
        """The arguments. Decoded when they are asked for, so that odd ones do no harm to the batch they came with."""
        args: list[Any] = json.loads(self.json)
        return args

    def answer(self, value: Any = None) -> bool:
        """Answers with a result, any JSON value, on any thread. False when nobody waits for it any more: it was
        answered already, or withdrawn. Raises `JSONError` for a value that cannot go to a script; the request stays
        open then.
        """
        return answer_value(functools.partial(self._core.provide_result, self.id), self.name, value)

    def fail(self, error: BaseException) -> bool:
        """Answers with an error, which the script can catch: an exception as a host function would raise it, such as a
        `HostFault`. False when nobody waits for it any more.
        """
        return send_report(functools.partial(self._core.provide_error, self.id), self.name, describe(error))


@dataclass(frozen=True)
class Withdrawn:
    """A request that was handed out needs no answer any more: its call or eval ran out of time, or was cancelled."""

    request_id: int
    eval_id: int
    name: str


@dataclass(frozen=True)
class Finished:
    """An eval has ended. `error` says why it did not succeed; without one, `value` is the script's value."""

    eval_id: int
    value: Any
    error: EvalError | None


@dataclass(frozen=True)
class Output:
    """A script printed `text`. The eval's id is 0 for a script run by `eval()`."""

    eval_id: int
    text: str


Event = Request | Withdrawn | Finished | Output


def event_of(core: Core, event: RawEvent) -> Event | None:
    """An event of the library's as the host sees it; None for a kind that this package does not know."""
    if event.kind == _raw.EVENT_REQUEST:
        return Request(event.request_id, event.eval_id, event.name, event.text, core)
    if event.kind == _raw.EVENT_WITHDRAWN:
        return Withdrawn(event.request_id, event.eval_id, event.name)
    if event.kind == _raw.EVENT_FINISHED:
        outcome = Outcome(event.eval_id, event.state == _raw.SUCCEEDED, event.text)
        return Finished(event.eval_id, *read_outcome(outcome))
    if event.kind == _raw.EVENT_OUTPUT:
        return Output(event.eval_id, event.text)
    return None
