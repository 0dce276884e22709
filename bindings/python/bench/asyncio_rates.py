#!/usr/bin/env python3
"""Evals and host calls per second through asyncio, beside what asyncio alone needs for as many tasks.

Usage: asyncio_rates.py [OTHER], where OTHER is the `bindings/python` of another checkout. Both are then measured in
alternating rounds, each in an interpreter of its own, and the last column is this one's rate over the other's. Figures
are medians of the rounds; absolute ones are those of one machine on one day. Both use the library that LUAWAIT_LIBRARY
names, or this checkout's.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[1]
LIBRARY = HERE.parents[1] / ".build" / "stage" / "lib" / "libluawait.so.0"
ROUNDS = 5

CALLS = "local last for i = 1, ... do last = call(i) end return last"


async def tasks_of_asyncio(count: int) -> float:
    """The yardstick: as many tasks, each with one turn through the loop."""

    async def task(value: int) -> int:
        await asyncio.sleep(0)
        return value

    begin = time.perf_counter()
    assert await asyncio.gather(*(task(n) for n in range(count))) == list(range(count))
    return time.perf_counter() - begin


async def evals_at_once(count: int) -> float:
    """Many evals in flight."""
    import luawait

    async with luawait.Engine() as engine:
        begin = time.perf_counter()
        assert await asyncio.gather(*(engine.eval("return ...", n) for n in range(count))) == list(range(count))
        return time.perf_counter() - begin


async def evals_one_by_one(count: int, parked: int = 0) -> float:
    """One eval at a time, while others are parked in a host function."""
    import luawait

    async with luawait.Engine() as engine:
        opened = asyncio.Event()
        engine.register("wait", opened.wait)
        waiting = [engine.start("return wait()") for _ in range(parked)]
        while engine.stats()["evals"]["parked"] < parked:  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0.01)
        begin = time.perf_counter()
        for n in range(count):
            assert await engine.eval("return ...", n) == n
        took = time.perf_counter() - begin
        opened.set()
        assert all(await asyncio.gather(*waiting))
        return took


async def evals_beside_parked(count: int) -> float:
    """One eval at a time, beside many that are parked."""
    return await evals_one_by_one(count, 2000)


async def calls(count: int, scripts: int, *, asynchronous: bool = False) -> float:
    """Calls of a function by some scripts at once."""
    import luawait

    async def later(n: int) -> int:
        await asyncio.sleep(0)
        return n

    async with luawait.Engine() as engine:
        engine.register("call", later if asynchronous else lambda n: n)
        begin = time.perf_counter()
        each = count // scripts
        assert await asyncio.gather(*(engine.eval(CALLS, each) for _ in range(scripts))) == [each] * scripts
        return time.perf_counter() - begin


CASES: list[tuple[str, Callable[[int], Coroutine[Any, Any, float]], int]] = [
    ("tasks of asyncio alone (yardstick)", tasks_of_asyncio, 5000),
    ("evals, 2,000 at once", evals_at_once, 2000),
    ("evals, one by one", evals_one_by_one, 1000),
    ("evals, one by one, beside 2,000 parked", evals_beside_parked, 500),
    ("calls of a plain function, one script", functools.partial(calls, scripts=1), 3000),
    ("calls of a plain function, 64 scripts", functools.partial(calls, scripts=64), 6400),
    ("calls of an async function, 64 scripts", functools.partial(calls, scripts=64, asynchronous=True), 6400),
]


def measure() -> dict[str, float]:
    """Rates per second, measured in this process."""
    asyncio.run(evals_at_once(100))  # loads and warms up
    rates = {}
    for name, case, count in CASES:
        rates[name] = count / asyncio.run(case(count))
    return rates


def measure_package(package: Path) -> dict[str, float]:
    """Rates of a package, in an interpreter of its own."""
    environment = {"LUAWAIT_LIBRARY": str(LIBRARY)} | os.environ | {"PYTHONPATH": str(package)}
    done = subprocess.run([sys.executable, __file__, "--measure"], env=environment, stdout=subprocess.PIPE, check=True)
    rates: dict[str, float] = json.loads(done.stdout)
    return rates


def main() -> None:
    """Measures and prints the report."""
    if sys.argv[1:] == ["--measure"]:
        json.dump(measure(), sys.stdout)
        return
    packages = [HERE, *(Path(argument).resolve() for argument in sys.argv[1:2])]
    rounds: list[list[dict[str, float]]] = [[] for _ in packages]
    for _ in range(ROUNDS):
        for package, found in zip(packages, rounds, strict=True):
            found.append(measure_package(package))
    for name, _, _ in CASES:
        ours, *other = (statistics.median(rates[name] for rates in found) for found in rounds)
        ratio = "".join(f"{rate:14,.0f} /s {ours / rate:8.2f} x" for rate in other)
        print(f"  {name:<42} {ours:14,.0f} /s{ratio}")


if __name__ == "__main__":
    main()
