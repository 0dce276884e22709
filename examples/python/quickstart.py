#!/usr/bin/env python3
"""An asyncio host that runs several Lua scripts at once against a small HTTP server of its own.

The scripts, in scripts/, are written as if a request took no time; while one waits, the host and the others go on. One
of them never ends and is cancelled. A ticker in the same event loop shows whether anything ever held the loop up. The
host computes every result from the same records once more and exits with status 1 when one differs.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
try:
    import luawait
except ModuleNotFoundError:  # not installed: the one of this checkout
    sys.path.insert(0, str(HERE.parents[1] / "bindings" / "python"))
    import luawait

import local_http  # noqa: E402 - it imports luawait too

KEYS = {"countries": "code", "un_admissions": "code", "elements": "symbol"}
LATENCY_S = 0.010
ENDLESS_FOR_S = 2.0
TICK_S = 0.001

Data = dict[str, list[dict[str, Any]]]


@dataclass
class Run:
    """How one script went."""

    label: str
    took_s: float
    value: Any


class Ticker:
    """Wakes every millisecond and notes how late it is: what holds the loop up shows here."""

    def __init__(self) -> None:
        self.lags_ms: list[float] = []

    async def run(self) -> None:
        """Ticks until cancelled."""
        while True:
            begin = time.perf_counter()
            await asyncio.sleep(TICK_S)
            self.lags_ms.append((time.perf_counter() - begin - TICK_S) * 1000)


def read_data() -> Data:
    """The records, by collection."""
    folder = HERE.parent / "data"
    return {name: json.loads((folder / f"{name}.json").read_text("utf-8")) for name in KEYS}


def log(template: str, *values: Any) -> None:
    """For scripts: prints a line."""
    print("  log     " + template % values)


async def run_script(engine: luawait.Engine, name: str, label: str, **globals: Any) -> Run:
    """Runs one of the scripts to its end."""
    source = (HERE / "scripts" / f"{name}.lua").read_text("utf-8")
    begin = time.perf_counter()
    value = await engine.with_options(name=f"{name}.lua").eval(source, **globals)
    return Run(label, time.perf_counter() - begin, value)


async def run_endless(engine: luawait.Engine) -> Run:
    """Starts the script that never ends, and cancels it after a while. The value is how long its end took, in ms."""
    source = (HERE / "scripts" / "endless.lua").read_text("utf-8")
    begin = time.perf_counter()
    endless = engine.with_options(name="endless.lua").start(source)
    await asyncio.sleep(ENDLESS_FOR_S)
    cancelled = time.perf_counter()
    endless.cancel()
    try:
        await endless
    except luawait.EvalCancelled:
        end = time.perf_counter()
        return Run("endless", end - begin, (end - cancelled) * 1000)
    raise RuntimeError("the endless loop has ended by itself")


async def run_all(data: Data) -> tuple[list[Run], Ticker, int]:
    """Runs all scripts at once beside the ticker."""
    server, ticker = local_http.RecordServer(data, KEYS, LATENCY_S), Ticker()
    async with server.running() as base, luawait.Engine() as engine:
        engine.register("http.get", local_http.get, timeout_ms=5000)
        engine.register("sleep", asyncio.sleep)
        engine.register("log", log)

        print(f"{sum(map(len, data.values()))} records at {base}, {LATENCY_S * 1000:.0f} ms per answer\n")
        ticking = asyncio.create_task(ticker.run())
        regions = sorted({country["region"] for country in data["countries"]})
        runs = await asyncio.gather(
            run_script(engine, "members", "members", base=base),
            *(run_script(engine, "region", region, base=base, region=region) for region in regions),
            run_script(engine, "elements", "elements", base=base),
            run_script(engine, "missing", "missing", base=base),
            run_script(engine, "patient", "patient"),
            run_endless(engine),
        )
        ticking.cancel()
        await asyncio.wait([ticking])
    return runs, ticker, server.served


def expected_members(data: Data) -> dict[str, Any]:
    """What members.lua should return."""
    admitted = {record["code"]: record["admitted"] for record in data["un_admissions"]}
    result: dict[str, Any] = {}
    for region in {country["region"] for country in data["countries"]}:
        inside = [country for country in data["countries"] if country["region"] == region]
        latest = max(inside, key=lambda country: admitted[country["code"]])  # the first of several
        result[region] = {
            "members": len(inside),
            "founders": sum(admitted[country["code"]] == 1945 for country in inside),
            "latest": {"year": admitted[latest["code"]], "name": latest["name"]},
        }
    return result


def expected_region(data: Data, region: str) -> dict[str, Any]:
    """What region.lua should return."""
    admitted = {record["code"]: record["admitted"] for record in data["un_admissions"]}
    inside = [country for country in data["countries"] if country["region"] == region]
    first = min(inside, key=lambda country: admitted[country["code"]])
    decades = Counter(f"{admitted[country['code']] // 10 * 10}s" for country in inside)
    first_told = {"year": admitted[first["code"]], "name": first["name"]}
    return {"members": len(inside), "decades": dict(decades), "first": first_told}


def expected_elements(data: Data) -> dict[str, Any]:
    """What elements.lua should return."""
    elements = data["elements"]
    periods = Counter(element["period"] for element in elements)
    names = {country["code"]: country["name"] for country in data["countries"]}
    return {
        "periods": [periods[period] for period in sorted(periods)],
        "latin": sorted(e["symbol"] for e in elements if e["symbol"][0] != e["name"][0]),
        "namesakes": {e["name"]: names[e["symbol"].upper()] for e in elements if e["symbol"].upper() in names},
    }


def expected_values(data: Data) -> dict[str, Any]:
    """What each script should return, computed here from the same records."""
    france = next(country for country in data["countries"] if country["code"] == "FR")
    regions = {country["region"] for country in data["countries"]}
    return {
        "members": expected_members(data),
        **{region: expected_region(data, region) for region in regions},
        "elements": expected_elements(data),
        "missing": {"type": "host", "kind": "http", "status": 404, "instead": france["name"]},
        "patient": 20,
    }


def summary(label: str, value: Any) -> str:
    """A result in a line."""
    match label:
        case "members":
            founders = ", ".join(f"{name} {region['founders']}" for name, region in sorted(value.items()))
            return f"{sum(r['members'] for r in value.values())} members; those of 1945: {founders}"
        case "elements":
            return f"per period {value['periods']}; symbols from other names: {' '.join(value['latin'])}"
        case "missing":
            return f"caught {value['kind']} error {value['status']}, then found {value['instead']}"
        case "patient":
            return f"{value} naps of 50 ms"
        case "endless":
            return f"cancelled by the host, ended {value:.2f} ms later"
        case _:
            decade, count = max(value["decades"].items(), key=lambda item: item[1])
            return f"{value['members']} members, first {value['first']['name']}; {count} joined in the {decade}"


def main() -> int:
    """Runs the scripts, prints the report, and says whether every part of it is right."""
    data = read_data()
    begin = time.perf_counter()
    runs, ticker, served = asyncio.run(run_all(data))
    took_s = time.perf_counter() - begin

    print("\n  script    took     returned")
    for run in runs:
        print(f"  {run.label:<9} {run.took_s:5.2f} s  {summary(run.label, run.value)}")
    lags = ticker.lags_ms
    print(
        f"\n  {served} HTTP requests, {len(lags)} ticks of a 1 ms ticker in {took_s:.2f} s: "
        f"lag {statistics.median(lags):.2f} ms in the median, {max(lags):.2f} ms at most"
    )

    results = {run.label: run.value for run in runs}
    expected = expected_values(data)
    wrong = [label for label, value in expected.items() if results.get(label) != value]
    for label in wrong:
        print(f"\n{label} is wrong: {results.get(label)!r}\ninstead of {expected[label]!r}", file=sys.stderr)
    if not wrong:
        print(f"  all {len(expected)} results are right, and the endless loop was stopped")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
