"""What the tests share: running a coroutine under a hang guard, and waiting for a condition without guessing a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import luawait

HANG_GUARD_S = 60


def run(main: Callable[[], Awaitable[Any]]) -> Any:
    """Runs a test's coroutine; afterwards no task of it may be left."""

    async def guarded() -> Any:
        result = await asyncio.wait_for(main(), HANG_GUARD_S)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks are left: {left}"
        return result

    return asyncio.run(guarded())


def run_script(script: str | bytes, /, *args: Any, **globals: Any) -> Any:
    """Runs one script on an engine of its own."""

    async def main() -> Any:
        async with luawait.Engine() as engine:
            return await engine.eval(script, *args, **globals)

    return run(main)


async def until(condition: Callable[[], bool]) -> None:
    """Lets the loop go on until a condition holds; the hang guard of `run` ends a wait in vain."""
    while not condition():  # noqa: ASYNC110 - conditions of the library's, of which no event tells
        await asyncio.sleep(0.001)


class Gate:
    """A host function that stays in progress until it is opened, and says who is inside."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self.entered = 0
        self.cancelled = 0

    async def __call__(self, value: Any = None) -> Any:
        self.entered += 1
        try:
            await self._open.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return value

    def open(self) -> None:
        """Lets everybody through."""
        self._open.set()

    async def has(self, count: int) -> None:
        """Waits until so many calls have come in."""
        await until(lambda: self.entered >= count)
