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
from collections import deque
from collections.abc import Mapping
from typing import Any

from . import _raw
from ._core import Core
from ._events import BATCH, Event
from ._failure import Failure
from ._flight import Flight
from ._outcomes import Outcome
from ._text import answer_value, describe, send_report
from ._world import World
from .errors import ClosedError, EvalCancelled, JSONError, LoopError
from .evals import EngineOutput, Eval, EvalOutput, HostFunction

_log = logging.getLogger("luawait")


class Driver:
    """The evals in flight of one engine in one event loop, and the host functions running for them."""

    def __init__(self, core: Core, on_output: EngineOutput | None = None) -> None:
        self._core = core
        self._on_output = on_output
        self._loop: asyncio.AbstractEventLoop | None = None
        self._descriptor = -1
        self._flights: dict[int, Flight] = {}
        self._tasks: set[asyncio.Future[Any]] = set()
        # Taken from the library and not handled yet. Empty between wakes, unless an interrupt ended one.
        self._taken: deque[Event] = deque()
        self._wakes = 0
        self.closed = False

    # ----------------------------------------------------------------------------------------------------- evals --

    def start(
        self,
        script: str | bytes,
        options: dict[str, Any],
        functions: Mapping[str, HostFunction],
        on_output: EvalOutput | None = None,
        world: World | None = None,
    ) -> Eval:
        """Starts an eval that sees these functions."""
        loop = self._bind()
        future: asyncio.Future[Any] = loop.create_future()
        handle = Eval(self._core.start(script, options), future, self.cancel)
        flight = Flight(handle, future, functions, on_output, world)
        self._flights[handle.id] = flight
        if world is not None:
            world.evals.add(flight)
        return handle

    def cancel(self, eval_id: int) -> bool:
        """Cancels an eval and the host functions running for it; False when it had ended already."""
        flight = self._flights.get(eval_id)
        if self._core.closed or flight is None:
            return False
        self._core.cancel(eval_id)
        # Now, not when the library reports that the requests are withdrawn: who cancels sees them asked to stop.
        for request_id in tuple(flight.serving):
            self._withdraw(flight, request_id)
        return True

    def shut(self) -> list[asyncio.Future[Any]]:
        """Ends everything in the loop, so that the engine can be freed. Gives the host functions still to unwind."""
        loop = self._loop
        self._check_loop("the engine")
        if self.closed:
            return []
        self.closed = True
        if loop is None or loop.is_closed():
            return []
        loop.remove_reader(self._descriptor)
        self._taken.clear()
        for flight in list(self._flights.values()):
            self._forget(flight)
            self._core.cancel(flight.handle.id)
            flight.fail(EvalCancelled("the engine was closed"))
        # The function that closes the engine is not asked to stop; it has seen that the engine is closed.
        current = _current_task()
        unwinding = [task for task in self._tasks if task is not current]
        for task in unwinding:
            task.cancel()
        return unwinding

    def close_context(self, world: World) -> list[asyncio.Future[Any]]:
        """Cancels a context's evals and frees it. Gives what has still to end: these evals and their host functions."""
        self._check_loop("its context")
        if not world.free() or self._loop is None or self._loop.is_closed():
            return []
        # As when the engine is closed: now, and not the function that closes the context.
        current = _current_task()
        for flight in world.evals:
            for task in flight.serving.values():
                if task is not current:
                    task.cancel()
            flight.serving.clear()
        return [*(flight.future for flight in world.evals), *(task for task in world.tasks if task is not current)]

    def _check_loop(self, what: str) -> None:
        loop = self._loop
        if loop is not None and loop.is_running() and _running_loop() is not loop:
            raise LoopError(f"close {what} in the event loop that the engine runs in")

    def _forget(self, flight: Flight) -> None:
        del self._flights[flight.handle.id]
        if flight.world is not None:
            flight.world.evals.discard(flight)

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
        """Handles a batch of events and, while scripts were answered, what they have asked meanwhile, but no more than
        a batch in all. The descriptor is level-triggered: the loop comes back for the rest, after its other callbacks
        have had their turn."""
        self._wakes += 1
        finished = False
        try:
            self._drain()
            finished = not self._taken
        finally:
            # Left by a KeyboardInterrupt or SystemExit, which are the host's: the descriptor says nothing of what has
            # been taken.
            if not finished and self._loop is not None:
                self._loop.call_soon(self._on_ready)

    def _drain(self) -> None:
        taken = self._taken
        left = BATCH
        look = True
        while left > 0 and not self.closed:
            if not taken:
                if not look:
                    return
                taken.extend(self._core.take_events(left))
                if not taken:
                    return
                look = False
            left -= 1
            event = taken.popleft()
            # A script that is answered at once has often called again by the time the others are served. To look costs
            # less than to go through the loop's selector.
            look = look or event.kind == _raw.EVENT_REQUEST
            self._handle(event)

    def _handle(self, event: Event) -> None:
        flight = self._flights.get(event.eval_id)
        if event.kind == _raw.EVENT_REQUEST:
            self._serve(event, flight)
        elif event.kind == _raw.EVENT_FINISHED:
            if flight is not None:
                self._forget(flight)
                flight.settle(Outcome(event.eval_id, event.state == _raw.SUCCEEDED, event.text))
        elif event.kind == _raw.EVENT_OUTPUT:
            self._put_out(event.text, flight)
        elif event.kind == _raw.EVENT_WITHDRAWN and flight is not None:
            self._withdraw(flight, event.request_id)

    def _put_out(self, text: str, flight: Flight | None) -> None:
        """Hands on what a script printed: to its eval's receiver, the engine's, or else to Python's print."""
        try:
            if flight is not None and flight.on_output is not None:
                flight.context.run(flight.on_output, text)
            elif self._on_output is None:
                print(text)
            elif flight is not None:
                flight.context.run(self._on_output, flight.handle, text)
            else:
                self._on_output(None, text)
        except Exception as error:  # noqa: BLE001 - the script has gone on; the loop reports it
            assert self._loop is not None
            message = "a receiver of luawait's script output failed"
            self._loop.call_exception_handler({"message": message, "exception": error})

    # -------------------------------------------------------------------------------------------------- requests --

    def _serve(self, request: Event, flight: Flight | None) -> None:
        """Calls the host function, whose answer follows now or when what it returned is done."""
        function = flight.functions.get(request.name) if flight is not None else None
        if flight is None or function is None:
            self._answer_error(
                request, {"message": f"the host has no function {request.name}", "type": "NotFoundError"}
            )
            return
        try:
            value = flight.context.run(function, *json.loads(request.text))
            if inspect.isawaitable(value):
                task = flight.context.run(functools.partial(asyncio.ensure_future, value, loop=self._loop))
                self._await(request, flight, task)
            else:
                self._answer_value(request, flight, value)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever it is, the script hears of it
            self._answer_exception(request, flight, error)
        except BaseException as error:
            # KeyboardInterrupt and SystemExit are the host's; the script must not wait for an answer meanwhile.
            self._answer_exception(request, flight, error)
            raise

    def _await(self, request: Event, flight: Flight, task: asyncio.Future[Any]) -> None:
        flight.serving[request.request_id] = task
        self._tasks.add(task)
        if flight.world is not None:
            flight.world.tasks.add(task)
        # Not a coroutine around the function's: one that is cancelled before its first step would never answer.
        task.add_done_callback(functools.partial(self._on_done, request, flight))

    def _on_done(self, request: Event, flight: Flight, task: asyncio.Future[Any]) -> None:
        flight.serving.pop(request.request_id, None)
        self._tasks.discard(task)
        if flight.world is not None:
            flight.world.tasks.discard(task)
        if task.cancelled():
            self._answer_exception(request, flight, asyncio.CancelledError("the host function was cancelled"))
        elif (error := task.exception()) is not None:
            self._answer_exception(request, flight, error)
        else:
            self._answer_value(request, flight, task.result())

    def _withdraw(self, flight: Flight, request_id: int) -> None:
        """Cancels the function that serves a request which nobody waits for any more. Once: it may be unwinding."""
        task = flight.serving.pop(request_id, None)
        if task is not None:
            task.cancel()

    # --------------------------------------------------------------------------------------------------- answers --

    def _answer_value(self, request: Event, flight: Flight, value: Any) -> None:
        if self._core.closed:
            return
        try:
            answer_value(functools.partial(self._core.provide_result, request.request_id), request.name, value)
        except JSONError as error:
            self._answer_exception(request, flight, error)

    def _answer_exception(self, request: Event, flight: Flight, error: BaseException) -> None:
        if self._core.closed:
            return
        report = describe(error)
        if self._answer_error(request, report):
            flight.failure = Failure(request.name, report["message"], report["type"], error)
        else:
            _log.debug("%s failed, and nobody waits for its answer any more", request.name, exc_info=error)

    def _answer_error(self, request: Event, report: dict[str, Any]) -> bool:
        return send_report(functools.partial(self._core.provide_error, request.request_id), request.name, report)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _current_task() -> asyncio.Task[Any] | None:
    return asyncio.current_task() if _running_loop() is not None else None
