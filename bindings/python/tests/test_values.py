"""Values go from Python to Lua and back unchanged, or fail with the path of what cannot go."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest
from support import run, run_script

import luawait

ROUND_TRIPS: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    2**53 + 1,
    2**63 - 1,
    -(2**63),
    0.1,
    1.0,
    -0.0,
    1e308,
    sys.float_info.min,
    5e-324,
    math.pi,
    "",
    "text",
    "größer, 深い, 🂡",
    "a\x00b",
    '\u0001\x7f\\"/\n',
    [],
    {},
    [1, [2, [3]]],
    {"a": {"b": {"c": []}}},
    {"list": [1, 2.5, "three", False], "": "empty key", "1": "a key of digits"},
    list(range(1000)),
    [{"id": n, "name": f"n{n}"} for n in range(300)],
    "long " * 50_000,
]


@pytest.mark.parametrize("value", ROUND_TRIPS, ids=lambda value: repr(value)[:30])
def test_a_value_comes_back_as_it_went(value: Any) -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:

            @engine.function
            def echo(argument: Any) -> Any:
                seen.append(argument)
                return argument

            seen: list[Any] = []
            for result in (
                await engine.eval("return v", v=value),
                await engine.eval("return ...", value),
                await engine.eval("return echo(...)", value),
                seen[0],
            ):
                assert result == value
                assert type(result) is type(value)
                if isinstance(value, float):
                    assert math.copysign(1, result) == math.copysign(1, value)

    run(main)


def test_integers_stay_integers_and_floats_stay_floats() -> None:
    assert run_script("return math.type(i), math.type(f)", i=3, f=3.0) == ["integer", "float"]
    assert repr(run_script("return {3, 3.0, 10 // 2, 10 / 2}")) == "[3, 3.0, 5, 5.0]"


def test_null_in_an_array_is_json_null() -> None:
    assert run_script("return a[2] == json.null, a", a=[1, None, 3]) == [True, [1, None, 3]]


def test_an_empty_table_is_an_object_unless_it_was_an_array() -> None:
    assert run_script("return {}, json.array{}, a, o", a=[], o={}) == [{}, [], [], {}]


def test_tuples_go_as_arrays() -> None:
    assert run_script("return v", v=(1, (2,))) == [1, [2]]


@pytest.mark.parametrize(
    ("script", "path"),
    [
        ("return {items = {{}, {}, {owner = print}}}", r"items\[3\]\.owner"),
        ("local t = {}; t.a = {t}; return t", r"a\[1\]"),
        ("return {n = 0/0}", "n"),
        ("return {1, math.huge}", r"\[2\]"),
        ("return {[1] = 1, x = 2}", "result"),
        ("return {s = '\\xff'}", "s"),
    ],
)
def test_what_is_not_json_is_a_conversion_error_with_its_path(script: str, path: str) -> None:
    with pytest.raises(luawait.ConversionError, match=path):
        run_script(script)


def test_arguments_that_are_not_json_name_the_function() -> None:
    async def main() -> None:
        async with luawait.Engine() as engine:
            engine.register("show", lambda value: value)
            with pytest.raises(luawait.ConversionError) as caught:
                await engine.eval("return show(print)")
            assert caught.value.function == "show"

    run(main)
