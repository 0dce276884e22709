#!/usr/bin/env python3
"""A host of plain threads, without an event loop: one thread serves the scripts, others start them and wait.

The serving thread takes events and gives each request to a pool, which does the work, here an SQLite query, and
answers from its own thread. The main thread starts scripts and waits for them as for any function; one that never ends
gets half a second. The host computes every result in Python once more and exits with status 1 when one differs.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
try:
    import luawait
except ModuleNotFoundError:  # not installed: the one of this checkout
    sys.path.insert(0, str(HERE.parents[1] / "bindings" / "python"))
    import luawait

ADMITTED = """
local members, founders, last = 0, 0, { year = 0 }
for _, country in ipairs(query("SELECT code, name FROM countries WHERE region = ? ORDER BY name", region)) do
    local year = query("SELECT admitted FROM admissions WHERE code = ?", country[1])[1][1]
    members = members + 1
    if year == 1945 then founders = founders + 1 end
    if year > last.year then last = { year = year, name = country[2] } end
end
print(region .. ": " .. members .. " members")
return { members = members, founders = founders, last = last }
"""

MISTAKEN = """
local ok, problem = pcall(query, "SELECT nothing FROM nowhere")
return ok, problem.host_type
"""

ENDLESS = "while true do pcall(function() while true do end end) end"

Records = list[dict[str, Any]]


def read(name: str) -> Records:
    """The records of a collection."""
    records: Records = json.loads((HERE.parent / "data" / f"{name}.json").read_text("utf-8"))
    return records


def fill(path: str, countries: Records, admissions: Records) -> None:
    """Makes the database."""
    with closing(sqlite3.connect(path, uri=True)) as database, database:
        database.execute("CREATE TABLE countries (code TEXT, name TEXT, region TEXT)")
        database.execute("CREATE TABLE admissions (code TEXT, admitted INTEGER)")
        database.executemany("INSERT INTO countries VALUES (:code, :name, :region)", countries)
        database.executemany("INSERT INTO admissions VALUES (:code, :admitted)", admissions)


def answer(request: luawait.Request, path: str) -> None:
    """In a thread of the pool: asks the database, and tells the script what it said."""
    statement, *parameters = request.args
    try:
        with closing(sqlite3.connect(path, uri=True)) as database:
            request.answer(database.execute(statement, parameters).fetchall())
    except sqlite3.Error as error:
        request.fail(error)


def serve(engine: luawait.SyncEngine, pool: ThreadPoolExecutor, path: str, lines: list[str]) -> None:
    """The serving thread: takes what scripts ask and print, until the engine is closed."""
    try:
        while True:
            for event in engine.next_events():
                match event:
                    case luawait.Request(name="query"):
                        pool.submit(answer, event, path)
                    case luawait.Output(text=text):
                        lines.append(text)
    except luawait.ClosedError:
        return


def run_scripts(engine: luawait.SyncEngine, regions: list[str]) -> dict[str, Any]:
    """Starts everything at once, then waits for one after the other."""
    by_region = {region: engine.with_options(name="admitted.lua").start(ADMITTED, region=region) for region in regions}
    mistaken = engine.start(MISTAKEN)
    endless = engine.start(ENDLESS)
    results = {region: eval_.wait() for region, eval_ in by_region.items()}
    results["mistaken"] = mistaken.wait()
    try:
        endless.wait(timeout=0.5)
    except TimeoutError:
        endless.cancel()
    try:
        results["endless"] = endless.wait()
    except luawait.EvalCancelled:
        results["endless"] = "cancelled"
    return results


def expected_results(countries: Records, admissions: Records, regions: list[str]) -> dict[str, Any]:
    """What the scripts should return, computed here from the same records."""
    admitted = {record["code"]: record["admitted"] for record in admissions}
    expected: dict[str, Any] = {"mistaken": [False, "OperationalError"], "endless": "cancelled"}
    for region in regions:
        inside = sorted((c for c in countries if c["region"] == region), key=lambda country: country["name"])
        last = max(inside, key=lambda country: admitted[country["code"]])  # the first of several
        expected[region] = {
            "members": len(inside),
            "founders": sum(admitted[country["code"]] == 1945 for country in inside),
            "last": {"year": admitted[last["code"]], "name": last["name"]},
        }
    return expected


def main() -> int:
    """Runs the scripts, prints what came of them, and says whether all of it is right."""
    countries, admissions = read("countries"), read("un_admissions")
    regions = sorted({country["region"] for country in countries})
    # In memory, and shared by the threads' connections as long as this one is open.
    path = "file:members?mode=memory&cache=shared"
    lines: list[str] = []
    with closing(sqlite3.connect(path, uri=True)), ThreadPoolExecutor(4) as pool:
        fill(path, countries, admissions)
        with luawait.SyncEngine(print="event", cpu_ms=0) as engine:
            engine.register("query")
            server = threading.Thread(target=serve, args=(engine, pool, path, lines))
            server.start()
            results = run_scripts(engine, regions)
        server.join()

    for region in regions:
        result = results[region]
        last = result["last"]
        print(f"{region:<9} {result['founders']:2} founders, last {last['name']} in {last['year']}")
    expected = expected_results(countries, admissions, regions)
    expected_lines = [f"{region}: {expected[region]['members']} members" for region in regions]
    wrong = [label for label, value in expected.items() if results[label] != value]
    for label in wrong:
        print(f"{label} is wrong: {results[label]!r} instead of {expected[label]!r}", file=sys.stderr)
    if sorted(lines) != expected_lines:
        wrong.append("output")
        print(f"the output is wrong: {lines!r} instead of {expected_lines!r}", file=sys.stderr)
    if not wrong:
        print(f"all {len(expected)} results are right, and the endless loop was stopped")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
