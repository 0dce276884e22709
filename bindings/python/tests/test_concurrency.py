"""Many evals at once: parked by the thousand, answered in any order, without threads of their own."""

from __future__ import annotations

import asyncio
import os
import random

from support import Gate, run, until

import luawait


def threads() -> int:
    """Threads of this process."""
    return len(os.listdir("/proc/self/task"))


def test_thousands_of_evals_park_at_once_without_a_thread_each() -> None:
    async def main() -> None:
        async with luawait.Engine(workers=2) as engine:
            gate = engine.register("wait", Gate())
            await engine.eval("return 1")
            before = threads()
            evals = [engine.start("return wait(...) + 1", n) for n in range(2000)]
            await gate.has(2000)
            await until(lambda: engine.stats()["evals"]["parked"] == 2000)
            assert threads() <= before
            gate.open()
            assert await asyncio.gather(*evals) == [n + 1 for n in range(2000)]

    run(main)


def test_parked_evals_end_in_whatever_order_they_are_answered() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:
            answers: dict[int, asyncio.Future[int]] = {}

            @engine.function
            def ask(n: int) -> asyncio.Future[int]:
                answers[n] = asyncio.get_running_loop().create_future()
                return answers[n]

            evals = [engine.start("local v = ask(...); return v + ask(...)", n) for n in range(200)]
            order = list(range(200))
            for shuffle in range(2):
                await until(lambda: len(answers) == 200)
                now = dict(answers)
                answers.clear()
                random.Random(shuffle).shuffle(order)
                for n in order:
                    now[n].set_result(n)
            assert await asyncio.gather(*evals) == [2 * n for n in range(200)]

    run(main)


def test_one_finished_eval_among_thousands_parked_is_delivered() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:
            gate = engine.register("wait", Gate())
            parked = [engine.start("wait()") for _ in range(1000)]
            await gate.has(1000)
            assert [await engine.eval("return ...", n) for n in range(50)] == list(range(50))
            assert not any(eval_.done() for eval_ in parked)
            gate.open()
            await asyncio.gather(*parked)

    run(main)


def test_scripts_go_on_side_by_side() -> None:
    async def main() -> None:
        async with luawait.Engine(workers=2) as engine:
            rounds: list[asyncio.Event] = [asyncio.Event() for _ in range(50)]
            arrived = [0] * 50

            @engine.function
            async def meet(round_: int) -> None:
                arrived[round_] += 1
                if arrived[round_] == 10:
                    rounds[round_].set()
                await rounds[round_].wait()

            # Nobody gets beyond a round before all ten are in it: one after the other they would never end.
            await asyncio.gather(*(engine.eval("for i = 0, 49 do meet(i) end") for _ in range(10)))
            assert arrived == [10] * 50

    run(main)


def test_endless_loops_do_not_starve_short_scripts() -> None:
    async def main() -> None:
        async with luawait.Engine(workers=1, cpu_ms=0, slice_us=100) as engine:
            endless = [engine.start("while true do end") for _ in range(300)]
            assert [await engine.eval("return ...", n) for n in range(3)] == list(range(3))
            assert not any(eval_.done() for eval_ in endless)

    run(main)


def test_many_engines_share_a_loop() -> None:
    async def main() -> None:
        engines = [luawait.Engine(workers=1) for _ in range(8)]
        for number, engine in enumerate(engines):
            engine.register("number", lambda number=number: number)
        results = await asyncio.gather(*(engine.eval("return number()") for engine in engines for _ in range(20)))
        assert results == [number for number in range(8) for _ in range(20)]
        for engine in engines:
            await engine.aclose()

    run(main)
