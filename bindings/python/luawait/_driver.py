"""What happens in the event loop: taking requests, serving them, and delivering outcomes.

The loop wakes the driver through the engine's event descriptor and nothing else does: no thread of the library ever
calls into Python, and nothing is polled while there is nothing to take.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import logging
from collections.abc import Mapping
from typing import Any

from ._core import Core, Request, encode_json
from .errors import CallError, ClosedError, EvalCancelled, HostFault, JSONError, LoopError
from .evals import Eval, Fault, HostFunction

_log = logging.getLogger("luawait")

# How much one wake does before the loop's other callbacks have their turn. The descriptor is level-triggered: what was
# left is a reason to be woken again at once.
_REQUESTS_PER_WAKE = 64
_PATIENCE = 256
# Every so many wakes all evals are looked at, however much else there was to do.
_THOROUGH = 64


class Driver:
    """The evals in flight of one engine in one event loop, and the host functions running for them.

    An eval is active, or parked in an asynchronous host function that has not answered. A parked one ends by itself
    only through a timeout, so the wakes that found nothing else look there; this keeps a wake cheap with thousands
    parked.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._loop: asyncio.AbstractEventLoop | None = None
        self._descriptor = -1
        self._active: dict[int, Eval] = {}
        self._parked: dict[int, Eval] = {}
        self._tasks: set[asyncio.Future[Any]] = set()
        self._wakes = 0
        self.closed = False

    # ----------------------------------------------------------------------------------------------------- evals --

    def start(self, script: str | bytes, options: dict[str, Any], functions: Mapping[str, HostFunction]) -> Eval:
        """Starts an eval that sees these functions."""
        loop = self._bind()
        run = Eval(self, self._core.start(script, options), functions, loop.create_future())
        self._active[run.id] = run
        return run

    def cancel(self, run: Eval) -> bool:
        """Cancels an eval and the host functions running for it; False when it had ended already."""
        if self._core.closed or (run.id not in self._active and run.id not in self._parked):
            return False
        self._core.cancel(run.id)
        self._activate(run)
        for task in tuple(run._tasks):
            task.cancel()
        return True

    def shut(self) -> list[asyncio.Future[Any]]:
        """Ends everything in the loop, so that the engine can be freed. Gives the host functions still to unwind."""
        loop, running = self._loop, _running_loop()
        if loop is not None and loop.is_running() and running is not loop:
            raise LoopError("close the engine in the event loop that it runs in")
        if self.closed:
            return []
        self.closed = True
        if loop is None or loop.is_closed():
            return []
        loop.remove_reader(self._descriptor)
        runs = [*self._active.values(), *self._parked.values()]
        self._active.clear()
        self._parked.clear()
        for run in runs:
            self._core.cancel(run.id)
            run._fail(EvalCancelled("the engine was closed"))
        # The function that closes the engine is not told to stop; it has seen that the engine is closed.
        current = asyncio.current_task() if running is not None else None
        unwinding = [task for task in self._tasks if task is not current]
        for task in unwinding:
            task.cancel()
        return unwinding

    def _bind(self) -> asyncio.AbstractEventLoop:
        loop = _running_loop()
        if loop is None:
            raise LoopError("there is no running event loop; eval_sync() needs none")
        if self.closed:
            raise ClosedError("the engine is closed")
        if self._loop is None:
            self._descriptor = self._core.event_fd()
            loop.add_reader(self._descriptor, self._on_ready)
            self._loop = loop
        elif self._loop is not loop:
            raise LoopError("the engine belongs to another event loop, the one that used it first")
        return loop

    # ------------------------------------------------------------------------------------------------- the drain --

    def _on_ready(self) -> None:
        self._wakes += 1
        thorough = self._wakes % _THOROUGH == 0
        taken = 0
        while taken < _REQUESTS_PER_WAKE and (request := self._core.take_request()) is not None:
            taken += 1
            self._serve(request)
        found = taken > 0
        if taken < _REQUESTS_PER_WAKE or thorough:
            found = self._collect(self._active) or found
        if not found or thorough:
            self._collect(self._parked)

    def _collect(self, runs: dict[int, Eval]) -> bool:
        ended = self._core.take_ended(list(runs), _PATIENCE)
        for end in ended:
            runs.pop(end.eval_id)._settle(end)
        return bool(ended)

    def _activate(self, run: Eval) -> None:
        if self._parked.pop(run.id, None) is not None:
            self._active[run.id] = run

    # -------------------------------------------------------------------------------------------------- requests --

    def _serve(self, request: Request) -> None:
        """Calls the host function, whose answer follows now or when what it returned is done."""
        run = self._active.get(request.eval_id) or self._parked.get(request.eval_id)
        function = run._functions.get(request.name) if run is not None else None
        if run is None or function is None:
            self._answer_error(
                request, {"message": f"the host has no function {request.name}", "type": "NotFoundError"}
            )
            return
        try:
            value = run._context.run(function, *json.loads(request.args))
            if inspect.isawaitable(value):
                task = run._context.run(functools.partial(asyncio.ensure_future, value, loop=self._loop))
                self._await(request, run, task)
                return
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever it is, the script is told
            self._answer_exception(request, run, error)
        except BaseException as error:
            # KeyboardInterrupt and SystemExit are the host's; the script must not wait for an answer meanwhile.
            self._answer_exception(request, run, error)
            raise
        else:
            self._answer_value(request, run, value)

    def _await(self, request: Request, run: Eval, task: asyncio.Future[Any]) -> None:
        run._tasks.add(task)
        self._tasks.add(task)
        if self._active.pop(run.id, None) is not None:
            self._parked[run.id] = run
        # Not a coroutine around the function's: one that is cancelled before its first step would never answer.
        task.add_done_callback(functools.partial(self._on_done, request, run))

    def _on_done(self, request: Request, run: Eval, task: asyncio.Future[Any]) -> None:
        run._tasks.discard(task)
        self._tasks.discard(task)
        if not run._tasks:
            self._activate(run)
        if task.cancelled():
            self._answer_exception(request, run, asyncio.CancelledError("the host function was cancelled"))
        elif (error := task.exception()) is not None:
            self._answer_exception(request, run, error)
        else:
            self._answer_value(request, run, task.result())

    # --------------------------------------------------------------------------------------------------- answers --

    def _answer_value(self, request: Request, run: Eval, value: Any) -> None:
        if self._core.closed:
            return
        what = f"what {request.name} returned"
        try:
            text = encode_json(value, what)
        except JSONError as error:
            self._answer_exception(request, run, error)
            return
        try:
            self._core.provide_result(request.id, text)
        except CallError as error:
            # JSON in Python's eyes and not in the library's: too deep, an integer beyond 64 bits, a key twice.
            self._answer_exception(request, run, JSONError(f"{what} cannot go to a script: {error.message}"))

    def _answer_exception(self, request: Request, run: Eval, error: BaseException) -> None:
        if self._core.closed:
            return
        told = _describe(error)
        if self._answer_error(request, told):
            run._fault = Fault(request.name, told["message"], told["type"], error)
        else:
            _log.debug("%s failed, and nobody waits for its answer any more", request.name, exc_info=error)

    def _answer_error(self, request: Request, told: dict[str, Any]) -> bool:
        try:
            return self._core.provide_error(request.id, encode_json(told, f"the data of {request.name}'s error"))
        except CallError as error:
            # Only the data can be at fault. The script gets the error without it, and why.
            message = f"{told['message']} ({_printable(error.message)})"
            return self._core.provide_error(request.id, encode_json(told | {"message": message, "data": None}, "error"))


def _describe(error: BaseException) -> dict[str, Any]:
    """A Python exception as the error that a script sees."""
    kind = type(error).__name__
    if isinstance(error, HostFault):
        told = {"message": _printable(error.message), "type": _printable(error.type)}
        return told if error.data is None else told | {"data": error.data}
    try:
        message = str(error)
    except Exception as problem:  # noqa: BLE001 - an exception that cannot even say what it is
        message = f"{kind}, whose message cannot be read: {type(problem).__name__}"
    return {"message": _printable(message or kind), "type": _printable(kind)}


def _printable(text: Any) -> str:
    """Text that UTF-8 can express: a lone surrogate (a file name's odd byte, say) is spelled out."""
    return str(text).encode("utf-8", "backslashreplace").decode()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
