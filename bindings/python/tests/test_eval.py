"""Running scripts: values, globals, arguments, options, and the synchronous way."""

from __future__ import annotations

import asyncio
import threading

import pytest
from support import run, run_script

import luawait


def test_a_script_gives_the_value_it_returns() -> None:
    assert run_script("return 6 * 7") == 42


def test_an_expression_gives_its_value() -> None:
    assert run_script("1 + 1") == 2


def test_a_script_without_a_value_gives_none() -> None:
    assert run_script("local x = 1") is None
    assert run_script("") is None


def test_several_values_come_as_a_list() -> None:
    assert run_script("return 1, 'two', true") == [1, "two", True]


def test_keywords_are_globals() -> None:
    assert run_script("return x + y.z", x=1, y={"z": 2}) == 3


def test_any_keyword_may_be_a_global() -> None:
    assert run_script("return script .. name .. options", script="a", name="b", options="c") == "abc"


def test_positional_arguments_are_the_dots() -> None:
    assert run_script("local a, b = ...; return select('#', ...), a, b.c", 1, {"c": 2}) == [2, 1, 2]


def test_a_script_may_be_bytes() -> None:
    assert run_script("return 'größer'".encode()) == "größer"


def test_options_apply_to_the_evals_of_their_runner() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:
            named = engine.with_options(name="report", globals={"if_": 1, "end_": 2})
            with pytest.raises(luawait.ScriptRuntimeError) as caught:
                await named.eval("error('no')")
            assert caught.value.chunk == "report"
            assert await named.eval("return if_ + end_ + more", more=3) == 6
            assert await named.eval("return ...", 7) == 7
            assert await engine.eval("return if_") is None

    run(main)


def test_an_evals_own_globals_win_over_its_runners() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:
            assert await engine.with_options(globals={"x": 1, "y": 1}).eval("return {x, y}", x=2) == [2, 1]

    run(main)


def test_null_members_are_kept_when_asked() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:
            script = "return o.a == nil, o.a == json.null"
            assert await engine.eval(script, o={"a": None}) == [True, False]
            assert await engine.with_options(nulls="keep").eval(script, o={"a": None}) == [False, True]

    run(main)


def test_evals_do_not_see_each_others_globals() -> None:
    async def main() -> None:
        async with luawait.Engine(workers=1) as engine:
            await engine.eval("leaked = 1; string.leaked = 1")
            assert await engine.eval("return tostring(leaked) .. tostring(string.leaked)") == "nilnil"

    run(main)


def test_start_gives_an_eval_to_await() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:
            first, second = engine.start("return 1"), engine.start("return 2")
            assert (first.id, first.done()) != (second.id, True)
            assert [await second, await first] == [2, 1]
            assert first.done()
            assert await first == 1

    run(main)


def test_eval_sync_needs_no_loop() -> None:
    with luawait.Engine() as engine:
        assert engine.eval_sync("return x * (...)", 7, x=6) == 42
        assert engine.with_options(name="here").eval_sync("return 1") == 1
        with pytest.raises(luawait.ScriptRuntimeError, match="no"):
            engine.eval_sync("error('no')")


def test_eval_sync_says_that_a_call_needs_start() -> None:
    with luawait.Engine() as engine:
        engine.register("ask", lambda: 1)
        with pytest.raises(luawait.EvalError, match="luawait_start"):
            engine.eval_sync("return ask()")


def test_eval_sync_runs_on_many_threads_at_once() -> None:
    with luawait.Engine() as engine:
        results: list[int] = []
        threads = [
            threading.Thread(target=lambda n=n: results.append(engine.eval_sync("return n * 2", n=n)))
            for n in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(results) == [n * 2 for n in range(20)]


def test_check_finds_a_syntax_error_and_its_line() -> None:
    with luawait.Engine() as engine:
        engine.check("return 1")
        with pytest.raises(luawait.SyntaxCheckError, match="main") as caught:
            engine.check("local x\nlocal = 1", name="main")
        assert caught.value.line == 2


def test_stats_count_evals() -> None:
    async def main() -> None:
        async with luawait.Engine(workers=3) as engine:
            await asyncio.gather(*(engine.eval("return 1") for _ in range(5)))
            figures = engine.stats()
            assert figures["workers"] == 3
            assert figures["evals"]["started"] == 5
            assert figures["evals"]["succeeded"] == 5
            assert figures["evals"]["finished_unread"] == 0

    run(main)


def test_the_library_says_its_version() -> None:
    assert luawait.library_version() == luawait.__version__
