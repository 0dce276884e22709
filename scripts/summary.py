#!/usr/bin/env python3
"""Adds up what the parts of `make lint test` report: a line for each part, then `N passed, N failed`.

Reads .build/logs: NAME.status holds the exit status of a part, NAME.log what it printed. The counts are those of the
test runners; a part that prints none (a formatter, a script of checks) counts as one. A part that failed without
naming a failed test counts as one failure more. Usage: scripts/summary.py STATUS, the exit status of make itself:
when it failed and no part did, something before the parts went wrong (the build), and that is one failure too.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

LOGS = Path(__file__).resolve().parent.parent / ".build" / "logs"

SWIFT_TOTAL = re.compile(r"Test run with (\d+) tests?\b.*\b(?:passed|failed) after")
SWIFT_FAILED = re.compile(r"^\S+ +Test (?!run |case ).+ failed after ", re.MULTILINE)
PYTEST = re.compile(r"^=* ?((?:\d+ \w+,? ?)+)in [\d.]+s.*$", re.MULTILINE)
PLAIN = re.compile(r"^(?:.*\D)?(\d+) passed, (\d+) failed\b", re.MULTILINE)


def counts_of(log: str) -> tuple[int, int] | None:
    """Tests passed and failed according to the closing line of the runner that wrote the log."""
    if totals := SWIFT_TOTAL.findall(log):
        failed = len(SWIFT_FAILED.findall(log))
        return max(int(totals[-1]) - failed, 0), failed
    if lines := PYTEST.findall(log):
        counts = {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", lines[-1])}
        return counts.get("passed", 0), counts.get("failed", 0) + counts.get("error", 0) + counts.get("errors", 0)
    if plain := PLAIN.findall(log):
        return int(plain[-1][0]), int(plain[-1][1])
    return None


def main() -> int:
    """Prints the summary; fails when anything did."""
    make_status = int(sys.argv[1])
    all_passed = all_failed = 0
    for path in sorted(LOGS.glob("*.status")):
        status = int(path.read_text(encoding="utf-8"))
        log = path.with_suffix(".log").read_text(encoding="utf-8", errors="replace")
        passed, failed = counts_of(log) or (0 if status else 1, 0)
        if status and not failed:
            failed = 1
        print(f"{path.stem:<16} {passed:>5} passed {failed:>5} failed")
        all_passed += passed
        all_failed += failed
    if make_status and not all_failed:
        print(f"{'make':<16} {0:>5} passed {1:>5} failed")
        all_failed += 1
    print(f"{all_passed} passed, {all_failed} failed")
    return 1 if all_failed or not all_passed else 0


if __name__ == "__main__":
    sys.exit(main())
