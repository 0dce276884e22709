"""The blocking API: plain threads that start, answer, wait and close, without an event loop."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import luawait

HANG_GUARD_S = 60


class Thread:
    """A thread whose exception is the test's."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._result: Any = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:  # noqa: BLE001 - raised again in join
            self._error = error

    def join(self) -> Any:
        self._thread.join(HANG_GUARD_S)
        assert not self._thread.is_alive()
        if self._error is not None:
            raise self._error
        return self._result


def echo(engine: luawait.SyncEngine) -> None:
    """Answers each request with its first argument, until the engine is closed."""
    try:
        while True:
            for event in engine.next_events():
                if isinstance(event, luawait.Request):
                    event.answer(event.args[0])
    except luawait.ClosedError:
        return


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + HANG_GUARD_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_eval_gives_the_value_or_raises() -> None:
    with luawait.SyncEngine() as engine:
        assert engine.eval("return x + ...", 2, x=1) == 3
        assert engine.with_options(name="sum", globals={"end": 1}).eval("return _G['end']") == 1
        with pytest.raises(luawait.ScriptRuntimeError) as caught:
            engine.with_options(name="sum").eval("error('no')")
        assert caught.value.chunk == "sum"
        engine.register("ask")
        with pytest.raises(luawait.EvalError, match="luawait_start"):
            engine.eval("ask()")


def test_one_thread_serves_and_others_wait() -> None:
    with luawait.SyncEngine() as engine:
        engine.register("echo")
        server = Thread(lambda: echo(engine))
        script = "local sum = 0 for i = 1, 20 do sum = sum + echo(i) end return sum + n"
        waiting = [Thread(lambda n=n: engine.start(script, n=n).wait(HANG_GUARD_S)) for n in range(8)]
        assert [thread.join() for thread in waiting] == [210 + n for n in range(8)]
        engine.close()
        server.join()


def test_one_thread_starts_serves_and_collects() -> None:
    with luawait.SyncEngine(print="event") as engine:
        engine.register("echo")
        evals = {engine.start("print(n) return echo(n)", n=n).id: n for n in range(200)}
        values: dict[int, Any] = {}
        lines: dict[int, str] = {}
        while len(values) < len(evals):
            for event in engine.next_events(HANG_GUARD_S):
                match event:
                    case luawait.Request(name="echo", args=[value]):
                        assert lines[event.eval_id] == str(value)
                        assert event.answer(value)
                        assert not event.answer(value)
                    case luawait.Finished(eval_id, value, None):
                        values[eval_id] = value
                    case luawait.Output(eval_id, text):
                        lines[eval_id] = text
                    case _:
                        raise AssertionError(event)
        assert values == evals
        assert engine.next_events(0) == []


def test_requests_are_answered_on_any_thread_in_any_order() -> None:
    with luawait.SyncEngine() as engine:
        engine.register("ask")
        evals = [engine.start("return ask(...)", n) for n in range(30)]
        requests: list[luawait.Request] = []
        while len(requests) < 30:
            requests += [event for event in engine.next_events(limit=7) if isinstance(event, luawait.Request)]
        for request in reversed(requests):
            Thread(lambda request=request: request.answer(request.args)).join()
        assert [eval_.wait(HANG_GUARD_S) for eval_ in evals] == [[n] for n in range(30)]


def test_a_request_can_fail_or_be_refused_an_answer_that_is_no_json() -> None:
    with luawait.SyncEngine() as engine:
        engine.register("ask")
        eval_ = engine.start("local _, e = pcall(ask, 1); return e.message, e.host_type, e.data")
        (request,) = engine.next_events()
        assert isinstance(request, luawait.Request)
        for value in (object(), 2**64):
            with pytest.raises(luawait.JSONError, match="what ask returned"):
                request.answer(value)
        assert request.fail(luawait.HostFault("broken", type="machine", data=[1]))
        assert not request.fail(ValueError("late"))
        assert eval_.wait(HANG_GUARD_S) == ["broken", "machine", [1]]


def test_a_withdrawn_request_is_told_and_its_answer_is_in_vain() -> None:
    with luawait.SyncEngine() as engine:
        engine.register("slow")
        request: object = None
        limit_ms = 20
        while not isinstance(request, luawait.Request):  # a limit that was up before it could be taken is doubled
            eval_ = engine.with_options(call_timeout_ms=limit_ms).start("local _, e = pcall(slow); return e.type")
            (request,) = engine.next_events(HANG_GUARD_S, limit=1)
            limit_ms *= 2
        (withdrawn,) = engine.next_events(HANG_GUARD_S, limit=1)
        assert withdrawn == luawait.Withdrawn(request.id, eval_.id, "slow")
        assert not request.answer(1)
        assert eval_.wait(HANG_GUARD_S) == "timeout"


def test_a_wait_that_takes_too_long_is_a_timeout_and_the_eval_goes_on() -> None:
    with luawait.SyncEngine() as engine:
        engine.register("ask")
        eval_ = engine.start("return ask()")
        for timeout in (0, -1, 0.01, 0.25):
            with pytest.raises(TimeoutError, match="still in progress"):
                eval_.wait(timeout)
        assert not eval_.done()
        (request,) = engine.next_events()
        assert isinstance(request, luawait.Request)
        request.answer("now")
        assert eval_.wait(HANG_GUARD_S) == "now"
        assert eval_.done()
        assert (eval_.wait(), eval_.wait(0)) == ("now", "now")


def test_an_outcome_is_had_as_an_event_or_by_waiting_and_the_eval_knows_it_either_way() -> None:
    with luawait.SyncEngine() as engine:
        told, waited = engine.start("return 'told'"), engine.start("return 'waited'")
        assert waited.wait(HANG_GUARD_S) == "waited"
        assert engine.next_events(HANG_GUARD_S) == [luawait.Finished(told.id, "told", None)]
        assert (told.done(), told.wait()) == (True, "told")
        assert engine.next_events(0) == []


def test_threads_that_wait_for_one_eval_all_get_its_outcome_whoever_takes_it() -> None:
    with luawait.SyncEngine() as engine:
        engine.register("ask")
        for taken_as_event in (False, True):
            eval_ = engine.start("return ask()")
            (request,) = engine.next_events()
            assert isinstance(request, luawait.Request)
            waiting = [Thread(eval_.wait) for _ in range(4)]
            if taken_as_event:
                waiting.append(Thread(lambda: engine.next_events(1)))
            request.answer("all")
            assert {thread.join() for thread in waiting[:4]} == {"all"}
            for thread in waiting[4:]:
                thread.join()


def test_ends_taken_by_another_thread_before_start_has_returned_are_not_lost() -> None:
    with luawait.SyncEngine() as engine:
        ended: list[int] = []

        def collect() -> None:
            while len(ended) < 2000:
                ended.extend(event.eval_id for event in engine.next_events(HANG_GUARD_S))

        collector = Thread(collect)
        evals = [engine.start("return ...", n) for n in range(2000)]
        collector.join()
        assert [eval_.wait(HANG_GUARD_S) for eval_ in evals] == list(range(2000))
        assert (engine._evals, engine._early) == ({}, {})


def test_cancel_ends_an_endless_loop() -> None:
    with luawait.SyncEngine(cpu_ms=0) as engine:
        eval_ = engine.start("while true do end")
        until(lambda: engine.stats()["evals"]["running"] == 1)
        assert eval_.cancel()
        with pytest.raises(luawait.EvalCancelled):
            eval_.wait(HANG_GUARD_S)
        assert not eval_.cancel()


def test_closing_wakes_every_thread_that_waits() -> None:
    engine = luawait.SyncEngine(cpu_ms=0)
    engine.register("ask")
    evals = [engine.start(script) for script in ("ask()", "while true do end")]
    assert len(engine.next_events()) == 1
    entered = threading.Barrier(5)

    def inside(work: Callable[[], Any]) -> Thread:
        def enter() -> Any:
            entered.wait()
            return work()

        return Thread(enter)

    waiting = [inside(eval_.wait) for eval_ in evals]
    taking = [inside(lambda: [engine.next_events() for _ in range(100)]) for _ in range(2)]
    entered.wait()
    engine.close()
    for thread in waiting:
        with pytest.raises(luawait.EvalCancelled):
            thread.join()
    for thread in taking:
        with pytest.raises(luawait.ClosedError):
            thread.join()
    engine.close()
    assert engine.closed
    with pytest.raises(luawait.EvalCancelled):
        evals[0].wait()
    for call in (engine.next_events, engine.fileno, lambda: engine.start("return 1"), lambda: engine.eval("return 1")):
        with pytest.raises(luawait.ClosedError):
            call()


def test_shutdown_lets_evals_end_and_cancels_the_rest() -> None:
    with luawait.SyncEngine(cpu_ms=0) as engine:
        engine.register("echo")
        server = Thread(lambda: echo(engine))
        patient = [engine.start("for i = 1, 10 do echo(i) end return 'done'") for _ in range(5)]
        engine.shutdown()
        assert [eval_.wait(0) for eval_ in patient] == ["done"] * 5 or all(eval_.done() for eval_ in patient)
        with pytest.raises(luawait.ShutdownError):
            engine.start("return 1")
        engine.close()
        server.join()
    with luawait.SyncEngine(cpu_ms=0) as engine:
        endless = engine.start("while true do end")
        engine.shutdown(0.01)
        with pytest.raises(luawait.EvalCancelled):
            endless.wait(HANG_GUARD_S)


@pytest.mark.parametrize(
    ("blocked_in", "where"),
    [("eval_.wait()", ("_core.py", "wait")), ("engine.next_events()", ("sync.py", "_wait_readable"))],
)
def test_ctrl_c_ends_a_wait_in_the_main_thread(blocked_in: str, where: tuple[str, str]) -> None:
    program = f"""
import os, signal, sys, threading, time
import luawait

def interrupt():
    while True:
        code = sys._current_frames()[threading.main_thread().ident].f_code
        if (os.path.basename(code.co_filename), code.co_name) == {where}:
            break
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGINT)

# What is started in the background of a shell has it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
engine = luawait.SyncEngine(cpu_ms=0)
eval_ = engine.start("while true do end")
threading.Thread(target=interrupt).start()
try:
    {blocked_in}
except KeyboardInterrupt:
    print("interrupted")
engine.close()
"""
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env=environment)
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr


# ----------------------------------------------------------------------------------------------- the host's thread --


@pytest.mark.parametrize("watchdog", [True, False])
def test_scripts_run_inside_run_and_nowhere_else(watchdog: bool) -> None:
    with luawait.SyncEngine(executor="host", watchdog=watchdog) as engine:
        threads: set[int] = set()
        engine.register_callback("here", lambda: threads.add(threading.get_ident()))
        engine.register("echo")
        evals = [engine.start("here() return echo(...)", n) for n in range(10)]
        assert engine.next_timeout() == 0
        assert threads == set()
        while not all(eval_.done() for eval_ in evals):
            engine.run(0.001)
            for event in engine.next_events(engine.next_timeout()):
                if isinstance(event, luawait.Request):
                    event.answer(event.args[0])
        assert threads == {threading.get_ident()}
        assert [eval_.wait() for eval_ in evals] == list(range(10))


def test_run_comes_back_from_an_endless_loop() -> None:
    with luawait.SyncEngine(executor="host", cpu_ms=0) as engine:
        endless = engine.start("while true do end")
        for _ in range(3):
            assert engine.run(0.0002)
            assert engine.next_events(0) == []
        endless.cancel()
        with pytest.raises(luawait.EvalCancelled):
            endless.wait(HANG_GUARD_S)
        while engine.run(0.0002):  # what it leaves behind is freed here, too
            pass
        assert engine.next_timeout() is None


def test_next_events_tells_that_scripts_are_ready() -> None:
    with luawait.SyncEngine(executor="host") as engine:
        engine.register("nap")
        request: object = None
        limit_ms = 20
        while not isinstance(request, luawait.Request):  # a limit that was up before it could be taken is doubled
            eval_ = engine.with_options(call_timeout_ms=limit_ms).start("return pcall(nap)")
            assert engine.next_events() == []  # comes back: it is time to run
            while engine.run(0.01):
                pass
            (request,) = engine.next_events(0)
            limit_ms *= 2
        while not eval_.done():
            engine.next_events()  # comes back for the deadline, though no other thread does anything
            engine.run(0.01)
        assert eval_.wait()[0] is False


def test_run_is_for_the_host_executor() -> None:
    with luawait.SyncEngine() as engine:
        with pytest.raises(luawait.ExecutorError, match="host"):
            engine.run(0.001)
        assert engine.next_timeout() is None


# ------------------------------------------------------------------------------------------------- the main thread --


def test_requests_for_the_main_thread_are_seen_there_alone() -> None:
    with luawait.SyncEngine() as engine:
        engine.register("draw", thread="main")
        engine.register("load", thread="any")
        engine.bind_main_thread()
        evals = [engine.start("return draw(...)", n) for n in range(5)]
        until(lambda: engine.stats()["requests"]["pending"] == 5)
        assert Thread(lambda: engine.next_events(0.01)).join() == []
        events = engine.next_events()
        assert [event.name for event in events if isinstance(event, luawait.Request)] == ["draw"] * 5
        for event in events:
            assert isinstance(event, luawait.Request)
            Thread(lambda event=event: event.answer(event.args[0])).join()  # any thread may answer
        assert [eval_.wait(HANG_GUARD_S) for eval_ in evals] == list(range(5))

        loading = engine.start("return load('other')")
        (request,) = Thread(engine.next_events).join()
        request.answer("loaded")
        assert loading.wait(HANG_GUARD_S) == "loaded"


def test_a_thread_that_is_no_option_is_refused() -> None:
    with luawait.SyncEngine() as engine, pytest.raises(luawait.OptionError, match="thread"):
        engine.register("f", thread="other")  # type: ignore[arg-type]
