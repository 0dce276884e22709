"""What one wake of the event loop does, stepped by hand over a core without a library."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

import pytest
from support import run

from luawait import _raw
from luawait._driver import Driver
from luawait._events import BATCH, Event


class SteppedCore:
    """A core whose events are the test's, and which notes what it was told."""

    def __init__(self) -> None:
        self.closed = False
        self.started = 0
        self.batches: list[list[Event]] = []
        self.takes = 0
        self.results: dict[int, bytes] = {}
        self.errors: dict[int, bytes] = {}
        self._pipe = os.pipe()

    def event_fd(self) -> int:
        return self._pipe[0]  # never readable: only the test wakes the driver

    def start(self, script: str, options: dict[str, Any]) -> int:
        self.started += 1
        return self.started

    def take_events(self, limit: int) -> list[Event]:
        if not self.batches:
            return []
        self.takes += 1
        batch = self.batches[0]
        taken, batch[:limit] = batch[:limit], []
        if not batch:
            self.batches.pop(0)
        return taken

    def provide_result(self, request_id: int, text: bytes) -> bool:
        self.results[request_id] = text
        return True

    def provide_error(self, request_id: int, text: bytes) -> bool:
        self.errors[request_id] = text
        return True

    def cancel(self, eval_id: int) -> bool:
        return True

    def close(self) -> None:
        for descriptor in self._pipe:
            os.close(descriptor)


def stepped(test: Callable[[SteppedCore, Driver], Any], on_output: Any = None) -> None:
    """Runs a test with a driver over a stepped core."""

    async def main() -> None:
        core: Any = SteppedCore()
        driver = Driver(core, on_output)
        try:
            await test(core, driver)
        finally:
            unwinding = driver.shut()
            if unwinding:
                await asyncio.wait(unwinding)
            core.close()

    run(main)


def request(request_id: int, eval_id: int, name: str, args: str = "[]") -> Event:
    return Event(_raw.EVENT_REQUEST, eval_id, request_id, 0, name, args)


def withdrawn(request_id: int, eval_id: int, name: str) -> Event:
    return Event(_raw.EVENT_WITHDRAWN, eval_id, request_id, 0, name, "")


def finished(eval_id: int, outcome: str) -> Event:
    return Event(_raw.EVENT_FINISHED, eval_id, 0, _raw.SUCCEEDED, "", outcome)


def output(eval_id: int, text: str) -> Event:
    return Event(_raw.EVENT_OUTPUT, eval_id, 0, 0, "", text)


FUNCTIONS = {"plain": lambda: 7, "wait": lambda: asyncio.get_running_loop().create_future()}


def test_a_wake_handles_no_more_than_a_batch_and_leaves_the_rest_to_the_next() -> None:
    async def test(core: SteppedCore, driver: Driver) -> None:
        evals = [driver.start("", {}, FUNCTIONS) for _ in range(BATCH + 2)]
        core.batches = [[finished(n + 1, str(n)) for n in range(BATCH + 2)]]
        driver._on_ready()
        assert [eval_.done() for eval_ in evals] == [True] * BATCH + [False] * 2
        driver._on_ready()
        assert [await eval_ for eval_ in evals] == list(range(BATCH + 2))

    stepped(test)


def test_a_wake_that_served_a_request_looks_for_the_next_one_and_others_do_not() -> None:
    async def test(core: SteppedCore, driver: Driver) -> None:
        evals = [driver.start("", {}, FUNCTIONS) for _ in range(2)]
        core.batches = [[request(n, 1, "plain")] for n in range(3)] + [[finished(n, str(n))] for n in (1, 2)]
        driver._on_ready()
        assert list(core.results) == [0, 1, 2]
        assert [eval_.done() for eval_ in evals] == [True, False]
        driver._on_ready()
        assert [await eval_ for eval_ in evals] == [1, 2]

    stepped(test)


def test_no_stream_of_requests_hides_the_end_of_an_eval() -> None:
    async def test(core: SteppedCore, driver: Driver) -> None:
        busy, other = driver.start("", {}, FUNCTIONS), driver.start("", {}, FUNCTIONS)
        asks = [[request(n, busy.id, "plain")] for n in range(1, 3 * BATCH)]
        core.batches = [*asks, [finished(other.id, '"ended"')], *asks]
        wakes = 0
        while not other.done():
            driver._on_ready()
            wakes += 1
        assert wakes == 3
        assert await other == "ended"

    stepped(test)


def test_events_are_handled_in_the_order_in_which_they_came() -> None:
    told: list[Any] = []

    async def test(core: SteppedCore, driver: Driver) -> None:
        eval_ = driver.start("", {}, {"note": told.append})
        core.batches = [[output(1, "a"), request(1, 1, "note", '["b"]'), output(1, "c"), finished(1, "null")]]
        driver._on_ready()
        assert told == ["a", "b", "c"]
        assert eval_.done()

    stepped(test, lambda eval_, text: told.append(text))


def test_a_withdrawn_request_cancels_its_function_and_no_other() -> None:
    async def test(core: SteppedCore, driver: Driver) -> None:
        eval_ = driver.start("", {}, FUNCTIONS)
        core.batches = [[request(1, 1, "wait"), request(2, 1, "wait")]]
        driver._on_ready()
        first, second = driver._flights[eval_.id].serving.values()
        core.batches = [[withdrawn(1, 1, "wait")]]
        driver._on_ready()
        assert (first.cancelled(), second.done()) == (True, False)
        second.set_result("answer")
        await asyncio.sleep(0)
        assert core.results == {2: b'"answer"'}

    stepped(test)


def test_a_request_withdrawn_before_its_function_began_never_runs_it() -> None:
    async def test(core: SteppedCore, driver: Driver) -> None:
        calls: list[int] = []

        async def call() -> None:
            calls.append(1)

        driver.start("", {}, {"call": call})
        core.batches = [[request(1, 1, "call"), withdrawn(1, 1, "call")]]
        driver._on_ready()
        await asyncio.wait(tuple(driver._tasks))
        assert calls == []

    stepped(test)


def test_a_function_that_is_told_to_stop_twice_is_cancelled_once() -> None:
    async def test(core: SteppedCore, driver: Driver) -> None:
        cancels: list[int] = []
        unwinding, proceed = asyncio.Event(), asyncio.Event()

        async def slow() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                unwinding.set()
                try:
                    await proceed.wait()
                except asyncio.CancelledError:
                    cancels.append(2)
                    raise
                cancels.append(1)

        eval_ = driver.start("", {}, {"slow": slow})
        core.batches = [[request(1, 1, "slow")]]
        driver._on_ready()
        await asyncio.sleep(0)
        assert eval_.cancel()
        await unwinding.wait()
        core.batches = [[withdrawn(1, 1, "slow")]]
        driver._on_ready()
        proceed.set()
        await asyncio.wait(tuple(driver._tasks))
        assert cancels == [1]

    stepped(test)


def test_an_interrupt_in_a_function_loses_none_of_the_batch() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    async def test(core: SteppedCore, driver: Driver) -> None:
        evals = [driver.start("", {}, {"interrupt": interrupt}) for _ in range(2)]
        core.batches = [[request(1, 1, "interrupt"), finished(2, "2"), finished(1, "1")]]
        with pytest.raises(KeyboardInterrupt):
            driver._on_ready()
        assert b"KeyboardInterrupt" in core.errors[1]
        # The descriptor tells nothing of what has been taken: the driver comes back by itself.
        assert await asyncio.gather(*evals) == [1, 2]
        assert core.takes == 1

    stepped(test)


def test_a_function_that_closes_the_engine_ends_the_batch() -> None:
    async def test(core: SteppedCore, driver: Driver) -> None:
        def close() -> None:
            driver.shut()
            core.closed = True

        calls: list[int] = []
        driver.start("", {}, {"close": close, "call": lambda: calls.append(1)})
        core.batches = [[request(1, 1, "close"), request(2, 1, "call")]]
        driver._on_ready()
        driver._on_ready()
        assert (calls, core.takes, core.results) == ([], 1, {})

    stepped(test)


def test_a_request_of_an_unknown_eval_is_answered_with_an_error() -> None:
    async def test(core: SteppedCore, driver: Driver) -> None:
        driver.start("", {}, FUNCTIONS)
        core.batches = [[request(1, 99, "plain"), request(2, 1, "unknown")]]
        driver._on_ready()
        assert b"no function plain" in core.errors[1]
        assert b"no function unknown" in core.errors[2]

    stepped(test)


def test_kinds_of_events_that_are_not_known_are_skipped() -> None:
    async def test(core: SteppedCore, driver: Driver) -> None:
        eval_ = driver.start("", {}, FUNCTIONS)
        core.batches = [[Event(99, 1, 0, 0, "", "new"), finished(1, "1")]]
        driver._on_ready()
        assert await eval_ == 1

    stepped(test)
