"""What one wake of the event loop does, stepped by hand over a core without a library."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from typing import Any

from support import run

from luawait._core import Ended, Request
from luawait._driver import Driver


class SteppedCore:
    """A core whose requests and ends are the test's, and which notes what it was asked."""

    def __init__(self) -> None:
        self.closed = False
        self.started = 0
        self.next_request: Callable[[], Request | None] = lambda: None
        self.ended: dict[int, bytes] = {}
        self.polled: list[int] = []
        self.answers: dict[int, bytes] = {}
        self._pipe = os.pipe()

    def event_fd(self) -> int:
        return self._pipe[0]  # never readable: only the test wakes the driver

    def start(self, script: str, options: dict[str, Any]) -> int:
        self.started += 1
        return self.started

    def take_request(self) -> Request | None:
        return self.next_request()

    def take_ended(self, eval_ids: Iterable[int], patience: int) -> list[Ended]:
        ids = list(eval_ids)
        self.polled += ids
        return [Ended(eval_id, True, self.ended.pop(eval_id)) for eval_id in ids if eval_id in self.ended]

    def provide_result(self, request_id: int, text: bytes) -> bool:
        self.answers[request_id] = text
        return True

    def cancel(self, eval_id: int) -> bool:
        return True

    def close(self) -> None:
        for descriptor in self._pipe:
            os.close(descriptor)


def stepped(test: Callable[[SteppedCore, Driver], Any]) -> None:
    """Runs a test with a driver over a stepped core."""

    async def main() -> None:
        core: Any = SteppedCore()
        driver = Driver(core)
        try:
            await test(core, driver)
        finally:
            unwinding = driver.shut()
            if unwinding:
                await asyncio.wait(unwinding)
            core.close()

    run(main)


def requests(*given: Request) -> Callable[[], Request | None]:
    """A source of just these requests."""
    left = list(given)
    return lambda: left.pop(0) if left else None


FUNCTIONS = {"plain": lambda: 7, "wait": lambda: asyncio.get_running_loop().create_future()}


def test_a_wake_looks_at_parked_evals_only_when_it_found_nothing_else() -> None:
    async def test(core: SteppedCore, driver: Driver) -> None:
        parked = [driver.start("", {}, FUNCTIONS) for _ in range(50)]
        core.next_request = requests(*(Request(n, run_.id, "wait", b"[]") for n, run_ in enumerate(parked)))
        driver._on_ready()
        active = driver.start("", {}, FUNCTIONS)
        core.ended[active.id] = b"1"
        core.polled.clear()
        driver._on_ready()
        assert core.polled == [active.id]
        assert await active == 1
        core.ended[parked[7].id] = b"2"
        driver._on_ready()
        assert await parked[7] == 2

    stepped(test)


def test_an_answered_eval_is_looked_at_by_the_next_wake() -> None:
    async def test(core: SteppedCore, driver: Driver) -> None:
        parked = [driver.start("", {}, FUNCTIONS) for _ in range(10)]
        core.next_request = requests(*(Request(n, run_.id, "wait", b"[]") for n, run_ in enumerate(parked)))
        driver._on_ready()
        (answered,) = parked[3]._tasks
        answered.set_result("done")
        await asyncio.sleep(0)
        assert core.answers == {3: b'"done"'}
        core.ended[parked[3].id] = b"3"
        core.polled.clear()
        driver._on_ready()
        assert core.polled == [parked[3].id]
        assert await parked[3] == 3

    stepped(test)


def test_no_stream_of_requests_hides_the_end_of_an_eval() -> None:
    async def test(core: SteppedCore, driver: Driver) -> None:
        busy, parked = driver.start("", {}, FUNCTIONS), driver.start("", {}, FUNCTIONS)
        core.next_request = requests(Request(1, parked.id, "wait", b"[]"))
        driver._on_ready()
        core.next_request = lambda: Request(2, busy.id, "plain", b"[]")
        core.ended = {parked.id: b"1", busy.id: b"2"}
        wakes = 0
        while not (busy.done() and parked.done()):
            driver._on_ready()
            wakes += 1
            assert wakes < 1000
        assert (await parked, await busy) == (1, 2)

    stepped(test)


def test_a_request_of_an_unknown_eval_is_answered_with_an_error() -> None:
    async def test(core: Any, driver: Driver) -> None:
        driver.start("", {}, FUNCTIONS)
        errors: list[bytes] = []
        core.provide_error = lambda _, text: errors.append(text) or True
        core.next_request = requests(Request(1, 99, "plain", b"[]"), Request(2, 1, "unknown", b"[]"))
        driver._on_ready()
        assert [b"no function plain" in errors[0], b"no function unknown" in errors[1]] == [True, True]

    stepped(test)
