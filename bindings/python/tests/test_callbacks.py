"""Functions that answer at once, on the thread that runs the script."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import weakref
from typing import Any

import pytest
from support import run

import luawait


def test_a_callback_answers_scripts_of_the_loop_and_of_this_thread() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:

            @engine.callback
            def double(value: Any) -> Any:
                return value * 2

            @engine.callback("text.upper")
            def upper(text: str) -> str:
                return text.upper()

            script = "return double(21), text.upper('abc'), double('ä')"
            assert await engine.eval(script) == [42, "ABC", "ää"]
            assert engine.eval_sync(script) == [42, "ABC", "ää"]
            assert double(1) == 2

    run(main)


def test_it_runs_on_the_thread_that_runs_the_script() -> None:
    threads: list[int] = []
    with luawait.SyncEngine(workers=1) as engine:
        engine.register_callback("here", lambda: threads.append(threading.get_ident()))
        engine.eval("here()")
        engine.start("here()").wait()
    assert threads[0] == threading.get_ident()
    assert threads[1] != threading.get_ident()


def test_an_exception_is_an_error_that_the_script_can_catch_and_else_the_cause() -> None:
    raised = KeyError("nothing")

    def fail() -> None:
        raise raised

    def refuse() -> None:
        raise luawait.HostFault("refused", type="policy", data={"code": 7})

    with luawait.SyncEngine() as engine:
        engine.register_callback("fail", fail)
        engine.register_callback("refuse", refuse)
        caught = "local _, e = pcall(fail); local _, f = pcall(refuse); return e.host_type, f.host_type, f.data.code"
        assert engine.eval(caught) == ["KeyError", "policy", 7]
        with pytest.raises(luawait.HostError, match="nothing") as error:
            engine.eval("fail()")
        assert error.value.__cause__ is raised
        with pytest.raises(luawait.HostError, match="refused") as error:
            engine.start("refuse()").wait()
        assert error.value.data == {"code": 7}


@pytest.mark.parametrize("value", [object(), float("nan"), 2**64, {1: "a", "1": "b"}, "\ud800"])
def test_a_value_that_is_not_json_is_an_error_that_names_the_function(value: Any) -> None:
    with luawait.SyncEngine() as engine:
        engine.register_callback("sensor.read", lambda: value)
        with pytest.raises(luawait.HostError, match=r"what sensor\.read returned") as caught:
            engine.eval("return sensor.read()")
        assert caught.value.host_type == "JSONError"


def test_an_error_whose_data_cannot_be_told_still_answers() -> None:
    def unfit() -> None:
        raise luawait.HostFault("unfit", type="custom", data=object())

    with luawait.SyncEngine() as engine:
        engine.register_callback("unfit", unfit)
        with pytest.raises(luawait.HostError, match=r"unfit \(the data of unfit's error is not JSON") as caught:
            engine.eval("unfit()")
        assert caught.value.host_type == "custom"


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_inside_eval_is_the_hosts(interrupt: type[BaseException]) -> None:
    def stop() -> None:
        raise interrupt("enough")

    with luawait.SyncEngine() as engine:
        engine.register_callback("stop", stop)
        with pytest.raises(interrupt, match="enough"):
            engine.eval("pcall(stop); return 1")
        # On a thread of the library's it is the script's alone.
        assert engine.start("local _, e = pcall(stop); return e.host_type").wait() == interrupt.__name__


def test_scripts_of_callbacks_may_nest() -> None:
    with luawait.SyncEngine() as engine:

        @engine.callback
        def factorial(n: int) -> int:
            if n == 0:
                raise ValueError("zero")
            try:
                return n * engine.eval("return factorial(n - 1)", n=n)
            except luawait.HostError as error:
                assert isinstance(error.__cause__, ValueError)
                return 1

        assert engine.eval("return factorial(6)") == 720


def test_what_could_not_answer_at_once_is_refused() -> None:
    async def later() -> None:
        pass

    with luawait.SyncEngine() as engine:
        with pytest.raises(luawait.ArgumentError, match="async"):
            engine.callback(later)
        nothing: Any = 5
        with pytest.raises(luawait.ArgumentError, match="cannot be called"):
            engine.register_callback("f", nothing)
        engine.register_callback("f", len)
        with pytest.raises(luawait.ExistsError):
            engine.register_callback("f", len)
        assert engine.eval("return f('four')") == 4


def test_a_function_is_let_go_when_it_is_unregistered_or_its_engine_closed() -> None:
    class Function:
        def __call__(self) -> int:
            return 1

    def counted(engine: luawait.SyncEngine, name: str) -> weakref.ref[Function]:
        function = Function()
        engine.register_callback(name, function)
        return weakref.ref(function)

    with luawait.SyncEngine(warm_contexts=0) as engine:
        first, second = counted(engine, "first"), counted(engine, "second")
        assert engine.eval("return first() + second()") == 2
        engine.unregister("first")
        gc.collect()
        assert (first() is None, second() is None) == (True, False)
    gc.collect()
    assert second() is None


def test_a_callback_that_refers_to_its_engine_does_not_keep_it_alive() -> None:
    def forget() -> weakref.ref[luawait.SyncEngine]:
        engine = luawait.SyncEngine()
        engine.register_callback("check", lambda script: engine.check(script))
        engine.eval("check('return 1')")
        return weakref.ref(engine)

    with pytest.warns(ResourceWarning, match="unclosed"):
        forgotten = forget()
        gc.collect()
    assert forgotten() is None


def test_callbacks_of_many_threads_at_once_get_their_own_arguments() -> None:
    with luawait.SyncEngine(workers=4) as engine:
        engine.register_callback("pair", lambda a, b: [b, a])
        script = "for i = 1, 100 do local p = pair(n, i) assert(p[1] == i and p[2] == n) end return n"
        evals = [engine.start(script, n=n) for n in range(50)]
        assert [eval_.wait(60) for eval_ in evals] == list(range(50))


@pytest.mark.parametrize("threads", ["the library's", "a pool's"])
def test_an_engine_whose_last_reference_goes_in_its_own_callback_is_freed(threads: str) -> None:
    program = f"""
import gc, os, threading, time
from concurrent.futures import ThreadPoolExecutor
import luawait

entered, forgotten = threading.Event(), threading.Event()

def hold():
    entered.set()
    forgotten.wait()

def forget():
    executor = {"'threads'" if threads == "the library's" else "ThreadPoolExecutor(1)"}
    engine = luawait.SyncEngine(executor=executor, cpu_ms=0)
    engine.register_callback("hold", hold)
    engine.start("hold() while true do end")
    entered.wait()

def library_threads():
    found = 0
    for task in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{{task}}/comm") as name:
                found += name.read().startswith("luawait")
        except OSError:  # it has just ended
            continue
    return found

forget()
gc.collect()
assert library_threads() > 0
forgotten.set()
while library_threads() > 0:
    time.sleep(0.001)
print("freed")
"""
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, env=environment)
    assert (done.returncode, done.stdout) == (0, "freed\n"), done.stderr
