#!/usr/bin/env python3
"""Checks that the tables which several languages have say the same: statuses, states, event kinds, error types and
config keys. The header is where each is written down; the others follow it. Usage: scripts/check-tables.py
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILES = {
    "header": "Include/luawait.h",
    "names": "Sources/LuawaitABI/Exports+Library.swift",
    "boundary": "Sources/LuawaitABI/Boundary.swift",
    "outcome": "Sources/LuawaitRuntime/Values/Outcome.swift",
    "config": "Sources/LuawaitRuntime/Options/EngineConfig.swift",
    "description": "Sources/CLuaBridge/run/failure_description.c",
    "raw": "bindings/python/luawait/_raw.py",
    "errors": "bindings/python/luawait/errors.py",
    "options": "bindings/python/luawait/options.py",
}
TEXTS = {name: (ROOT / path).read_text() for name, path in FILES.items()}


def part(name: str, begin: str, end: str) -> str:
    """What is between two texts; it is an error when they are not there."""
    text = TEXTS[name]
    start = text.index(begin) + len(begin)
    return text[start : text.index(end, start)]


def numbers(name: str, pattern: str) -> dict[str, int]:
    """What `pattern` finds, a name and a number."""
    return {key: int(value) for key, value in re.findall(pattern, TEXTS[name], re.MULTILINE)}


def words(text: str, pattern: str) -> set[str]:
    return set(re.findall(pattern, text, re.MULTILINE))


def statuses() -> dict[str, object]:
    header = numbers("header", r"X\(LUAWAIT_(\w+), (-?\d+),")
    return {
        FILES["header"]: header,
        FILES["raw"]: {"OK": 0, "NONE": 1} | numbers("raw", r"^(ERR_\w+) = (-?\d+)"),
        f"{FILES['names']} (names)": {
            key: header.get(key) for key in re.findall(r'LUAWAIT_\w+: staticText\("LUAWAIT_(\w+)"\)', TEXTS["names"])
        },
        f"{FILES['boundary']} (errors)": {"OK": 0, "NONE": 1}
        | {key: header.get(key) for key in re.findall(r"case \.\w+: LUAWAIT_(ERR_\w+)", TEXTS["boundary"])},
    }


def states() -> dict[str, object]:
    names = "IN_PROGRESS|SUCCEEDED|FAILED|CANCELLED"
    return {
        FILES["header"]: numbers("header", r"^ +LUAWAIT_(IN_PROGRESS|[A-Z]+ED) = (\d+)"),
        FILES["raw"]: numbers("raw", rf"^({names}) = (\d+)"),
    }


def event_kinds() -> dict[str, object]:
    return {
        FILES["header"]: numbers("header", r"^ +LUAWAIT_(EVENT_\w+) = (\d+)"),
        FILES["raw"]: numbers("raw", r"^(EVENT_\w+) = (\d+)"),
    }


def error_types() -> dict[str, object]:
    swift = part("outcome", "case syntax", "\n")
    return {
        FILES["header"]: words(part("header", " *   type        ", " *   message "), r'"(\w+)"'),
        FILES["outcome"]: words("syntax" + swift.replace("`", ""), r"\w+"),
        FILES["errors"]: words(TEXTS["errors"], r'^    outcome = "(\w+)"'),
    }


def types_of_the_bridge() -> dict[str, object]:
    """Those that it tells apart itself; each has a name of the same word."""
    table = re.findall(r'\{"(\w+)", LWB_FAILURE_(\w+)\}', TEXTS["description"])
    cases = re.findall(r"case LWB_FAILURE_(\w+): self = \.(\w+)", TEXTS["outcome"])
    pairs = {(name, constant.lower()) for name, constant in table} | {(name, key.lower()) for key, name in cases}
    return {
        "each name": {f"{name} is {name}" for name, _ in pairs},
        "each constant": {f"{name} is {constant}" for name, constant in pairs},
    }


def config_keys() -> dict[str, object]:
    """The engine's config. The binding has no key less: what it does not pass on, it says so itself."""
    keys = part("header", " * The config is a JSON object;", "luawait_engine_new(")
    lists = re.findall(r"static let (?:worldKeys|keys) =\n? *(?:Limits\.keys \+ )?\[([^\]]*)\]", TEXTS["config"])
    return {
        FILES["header"]: words(keys, r"^ \*   ([a-z_]+) +\S"),
        FILES["config"]: words(" ".join(lists), r'"(\w+)"'),
        FILES["options"]: words(part("options", "class Config(", "\nclass "), r"^    (\w+): "),
    }


def difference(expected: object, found: object) -> tuple[list[object], list[object]]:
    """What only the first has, and what only the second has."""
    one, other = (set(table.items()) if isinstance(table, dict) else table for table in (expected, found))
    return sorted(one - other, key=str), sorted(other - one, key=str)


TABLES = (statuses, states, event_kinds, error_types, types_of_the_bridge, config_keys)


def main() -> int:
    failed = 0
    for table in TABLES:
        name = table.__name__
        (first, expected), *others = table().items()
        wrong = [] if expected else [f"nothing found in {first}"]
        for place, found in others:
            if found != expected:
                lacks, has = difference(expected, found)
                wrong.append(f"{place}: lacks {lacks}, has {has} more")
        if wrong:
            failed += 1
            print(f"FAILED {name}_are_the_same_everywhere")
            for line in wrong:
                print(f"    {line}")
        else:
            print(f"ok {name}_are_the_same_everywhere ({len(expected)})")
    print(f"{len(TABLES) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
