#!/usr/bin/env python3
"""Evals and host calls per second through asyncio, beside what asyncio alone needs for as many tasks.

Usage: asyncio_rates.py [OTHER], where OTHER is the `bindings/python` of another checkout. Both are then measured in
alternating rounds, each in an interpreter of its own, and the last column is this one's rate over the other's. Figures
are medians of the rounds; absolute ones are those of one machine on one day. Both use the library that LUAWAIT_LIBRARY
names, or this checkout's.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
LIBRARY = HERE.parents[1] / ".build" / "stage" / "lib" / "libluawait.so.0"
ROUNDS = 5

CALLS = "local last for i = 1, ... do last = call(i) end return last"


async def tasks_of_asyncio(count: int) -> None:
    """The yardstick: as many tasks, each with one turn through the loop."""

    async def task(value: int) -> int:
        await asyncio.sleep(0)
        return value

    assert await asyncio.gather(*(task(n) for n in range(count))) == list(range(count))


async def evals_at_once(count: int) -> None:
    """Many evals in flight."""
    import luawait

    async with luawait.Engine() as engine:
        assert await asyncio.gather(*(engine.eval("return ...", n) for n in range(count))) == list(range(count))


async def evals_one_by_one(count: int) -> None:
    """One eval at a time."""
    import luawait

    async with luawait.Engine() as engine:
        for n in range(count):
            assert await engine.eval("return ...", n) == n


async def evals_beside_parked(count: int) -> None:
    """One eval at a time, while 2,000 others are parked in a host function."""
    import luawait

    async with luawait.Engine() as engine:
        opened = asyncio.Event()
        engine.register("wait", opened.wait)
        parked = [engine.start("return wait()") for _ in range(2000)]
        for n in range(count):
            assert await engine.eval("return ...", n) == n
        opened.set()
        assert all(await asyncio.gather(*parked))


async def calls_of_one_script(count: int) -> None:
    """One script that calls a plain function."""
    import luawait

    async with luawait.Engine() as engine:
        engine.register("call", lambda n: n)
        assert await engine.eval(CALLS, count) == count


async def calls_of_64_scripts(count: int) -> None:
    """Many scripts that call a plain function."""
    import luawait

    async with luawait.Engine() as engine:
        engine.register("call", lambda n: n)
        assert await asyncio.gather(*(engine.eval(CALLS, count // 64) for _ in range(64))) == [count // 64] * 64


async def async_calls_of_64_scripts(count: int) -> None:
    """Many scripts that call an asynchronous function."""
    import luawait

    async with luawait.Engine() as engine:

        @engine.function
        async def call(n: int) -> int:
            await asyncio.sleep(0)
            return n

        assert await asyncio.gather(*(engine.eval(CALLS, count // 64) for _ in range(64))) == [count // 64] * 64


CASES: list[tuple[str, Callable[[int], Awaitable[None]], int]] = [
    ("tasks of asyncio alone (yardstick)", tasks_of_asyncio, 5000),
    ("evals, 2,000 at once", evals_at_once, 2000),
    ("evals, one by one", evals_one_by_one, 1000),
    ("evals, one by one, beside 2,000 parked", evals_beside_parked, 500),
    ("calls of a plain function, one script", calls_of_one_script, 3000),
    ("calls of a plain function, 64 scripts", calls_of_64_scripts, 6400),
    ("calls of an async function, 64 scripts", async_calls_of_64_scripts, 6400),
]


def measure() -> dict[str, float]:
    """Rates per second, measured in this process."""
    asyncio.run(evals_at_once(100))  # loads and warms up
    rates = {}
    for name, case, count in CASES:
        begin = time.perf_counter()
        asyncio.run(case(count))  # type: ignore[arg-type]
        rates[name] = count / (time.perf_counter() - begin)
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
