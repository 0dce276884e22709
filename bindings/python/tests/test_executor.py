"""Scripts on the threads of a pool of the host's: run there alone, and lost nowhere."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support import Gate, run, until

import luawait

HANG_GUARD_S = 60


def names(engine: luawait.Engine | luawait.SyncEngine) -> set[str]:
    """The names of the threads on which scripts call `here()`."""
    seen: set[str] = set()
    engine.register_callback("here", lambda: seen.add(threading.current_thread().name))
    return seen


def thread_kinds() -> set[str]:
    """What the threads of this process call themselves."""
    return {(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()}


class HeldPool:
    """A pool that runs what it is given when the test says so; its futures are a ThreadPoolExecutor's."""

    def __init__(self) -> None:
        self.held: list[tuple[Future[Any], Callable[[], Any]]] = []
        self.refuses = False
        self._lock = threading.Lock()

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:
        with self._lock:
            if self.refuses:
                raise RuntimeError("not now")
            future: Future[Any] = Future()
            self.held.append((future, lambda: function(*args)))
            return future

    def run_held(self) -> int:
        """Runs on this thread what is held, and what comes of it. How many tasks that were."""
        count = 0
        while self.held:
            future, task = self.held.pop(0)
            if future.set_running_or_notify_cancel():
                future.set_result(task())
            count += 1
        return count


def test_scripts_run_on_the_pools_threads_and_the_library_has_none_for_them() -> None:
    async def main() -> None:
        with ThreadPoolExecutor(2, thread_name_prefix="pool") as pool:
            async with luawait.Engine(executor=pool) as engine:
                seen = names(engine)
                engine.register("sleep", asyncio.sleep)
                script = "here() sleep(0) here() return ..."
                values = await asyncio.gather(*(engine.eval(script, n) for n in range(50)))
                assert values == list(range(50))
                assert seen <= {"pool_0", "pool_1"}
                assert seen
                assert "luawait-worker" not in thread_kinds()
            # The pool is the host's, and is left as it was.
            assert pool.submit(lambda: 5).result() == 5

    run(main)


@pytest.mark.parametrize("threads", [1, 4])
def test_hundreds_of_evals_with_host_calls(threads: int) -> None:
    async def main() -> None:
        with ThreadPoolExecutor(threads) as pool:
            async with luawait.Engine(executor=pool, workers=threads) as engine:

                @engine.function
                async def later(value: int) -> int:
                    await asyncio.sleep(0)
                    return value

                engine.register("now", lambda value: value)
                engine.register_callback("at_once", lambda value: value)
                script = "local s = 0 for i = 1, 5 do s = s + later(i) + now(i) + at_once(i) end return s + ..."
                values = await asyncio.gather(*(engine.eval(script, n) for n in range(400)))
                assert values == [45 + n for n in range(400)]
                assert engine.stats()["requests"]["open"] == 0

    run(main)


def test_a_pool_with_one_thread_is_shared_fairly() -> None:
    async def main() -> None:
        with ThreadPoolExecutor(1) as pool:
            async with luawait.Engine(executor=pool, cpu_ms=0, slice_us=1000) as engine:
                endless = [engine.start("while true do end") for _ in range(3)]
                assert await engine.eval("return 'had its turn'") == "had its turn"
                # The pool's other work has its turn too: a script takes a slice, not the thread.
                assert await asyncio.wrap_future(pool.submit(lambda: "other work")) == "other work"
                for eval_ in endless:
                    eval_.cancel()
                outcomes = await asyncio.gather(*endless, return_exceptions=True)
                assert {type(outcome) for outcome in outcomes} == {luawait.EvalCancelled}

    run(main)


def test_the_blocking_api_takes_a_pool_too() -> None:
    with ThreadPoolExecutor(2, thread_name_prefix="pool") as pool, luawait.SyncEngine(executor=pool) as engine:
        seen = names(engine)
        evals = [engine.start("here() return ...", n) for n in range(100)]
        assert [eval_.wait(HANG_GUARD_S) for eval_ in evals] == list(range(100))
        assert seen <= {"pool_0", "pool_1"}
        with pytest.raises(luawait.ExecutorError):
            engine.run(0.001)


def test_a_pool_that_was_shut_down_refuses_and_nothing_is_started() -> None:
    async def main() -> None:
        pool = ThreadPoolExecutor(1)
        async with luawait.Engine(executor=pool) as engine:
            assert await engine.eval("return 1") == 1
            pool.shutdown()
            for _ in range(3):
                with pytest.raises(luawait.ExecutorError) as caught:
                    engine.start("return 1")
                assert caught.value.status == -9
            assert engine.stats()["evals"]["queued"] == 0
            assert engine.eval_sync("return 'on this thread'") == "on this thread"

    run(main)


def test_an_eval_that_was_parked_when_its_pool_went_away_is_not_lost() -> None:
    async def main() -> None:
        pool = ThreadPoolExecutor(1)
        async with luawait.Engine(executor=pool) as engine:
            gate = engine.register("wait", Gate())
            stranded = [engine.start("return wait(...)", n) for n in range(5)]
            await gate.has(5)
            short = engine.with_options(timeout_ms=200).start("return wait()")
            await until(lambda: gate.entered == 6 or short.done())
            pool.shutdown()
            gate.open()
            with pytest.raises(luawait.ScriptTimeout):
                await short
            assert not any(eval_.done() for eval_ in stranded)
            for eval_ in stranded:
                assert eval_.cancel()
            outcomes = await asyncio.gather(*stranded, return_exceptions=True)
            assert {type(outcome) for outcome in outcomes} == {luawait.EvalCancelled}

    run(main)


def test_an_eval_goes_on_when_a_pool_that_refused_takes_tasks_again() -> None:
    pool = HeldPool()
    with luawait.SyncEngine(executor=pool) as engine:  # type: ignore[arg-type]
        engine.register("ask")
        eval_ = engine.start("return ask()")
        assert pool.run_held() >= 1
        (request,) = engine.next_events()
        assert isinstance(request, luawait.Request)
        pool.refuses = True
        request.answer("went on")
        assert pool.held == []
        pool.refuses = False
        with pytest.raises(TimeoutError):
            eval_.wait(0)
        while not eval_.done():  # the library asks again by itself
            pool.run_held()
            try:
                eval_.wait(0.01)
            except TimeoutError:
                continue
        assert eval_.wait() == "went on"


def test_tasks_that_the_pool_takes_back_are_run_all_the_same() -> None:
    pool = ThreadPoolExecutor(1)
    with luawait.SyncEngine(executor=pool, workers=4) as engine:
        blocked, proceed = threading.Event(), threading.Event()

        def block() -> None:
            blocked.set()
            proceed.wait()

        pool.submit(block)
        blocked.wait()
        evals = [engine.start("return ...", n) for n in range(4)]
        pool.shutdown(wait=False, cancel_futures=True)
        assert [eval_.wait(HANG_GUARD_S) for eval_ in evals] == list(range(4))
        proceed.set()
        pool.shutdown()


def test_an_engine_can_be_closed_while_its_tasks_wait_in_the_pool() -> None:
    pool = HeldPool()
    engine = luawait.SyncEngine(executor=pool)  # type: ignore[arg-type]
    seen = names(engine)
    evals = [engine.start("here()") for _ in range(10)]
    assert pool.held
    engine.close()
    for eval_ in evals:
        with pytest.raises(luawait.EvalCancelled):
            eval_.wait(HANG_GUARD_S)
    # The tasks are the engine's no more: running them does nothing.
    assert pool.run_held() >= 1
    assert seen == set()


def test_an_engine_can_be_closed_while_its_scripts_run_on_the_pool() -> None:
    async def main() -> None:
        with ThreadPoolExecutor(2) as pool:
            engine = luawait.Engine(executor=pool, cpu_ms=0)
            engine.register_callback("tick", lambda: None)
            evals = [engine.start("while true do tick() end") for _ in range(20)]
            await until(lambda: engine.stats()["evals"]["running"] > 0)
            await engine.aclose()
            outcomes = await asyncio.gather(*evals, return_exceptions=True)
            assert {type(outcome) for outcome in outcomes} == {luawait.EvalCancelled}
            assert pool.submit(lambda: "free again").result(HANG_GUARD_S) == "free again"

    run(main)


def test_several_engines_share_a_pool() -> None:
    async def main() -> None:
        with ThreadPoolExecutor(2) as pool:
            engines = [luawait.Engine(executor=pool) for _ in range(5)]
            for number, engine in enumerate(engines):
                engine.register_callback("number", lambda number=number: number)
            values = await asyncio.gather(*(engine.eval("return number()") for engine in engines for _ in range(20)))
            assert values == [number for number in range(5) for _ in range(20)]
            for engine in engines:
                await engine.aclose()

    run(main)


def test_a_program_that_closes_neither_engine_nor_pool_ends_all_the_same() -> None:
    program = """
import luawait
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(2)
engine = luawait.SyncEngine(executor=pool, cpu_ms=0)
engine.register_callback("tick", lambda: None)
for _ in range(3):
    engine.start("while true do tick() end")
print(engine.start("return 'ran'").wait())
"""
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env=environment)
    assert (done.returncode, done.stdout) == (0, "ran\n"), done.stderr
    assert "Fatal" not in done.stderr


def test_what_cannot_run_scripts_is_refused() -> None:
    for bad, message in ((object(), "submit"), ("custom", "pool itself"), ("elsewhere", "pool itself")):
        config: Any = {"executor": bad}
        with pytest.raises(luawait.OptionError, match=message):
            luawait.Engine(**config)
    with ProcessPoolExecutor(1) as processes, pytest.raises(luawait.OptionError, match="process"):
        luawait.Engine(executor=processes)
