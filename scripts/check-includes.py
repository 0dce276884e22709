#!/usr/bin/env python3
"""Checks what the bridge's files include of each other, and prints which room uses which.

A room is a folder of Sources/CLuaBridge. A file may include headers of its own room and of those below it; what must
look up is in UPWARD, with the reason. No header may lead back to itself. Usage: scripts/check-includes.py [FOLDER]
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

BRIDGE = Path(__file__).resolve().parent.parent / "Sources" / "CLuaBridge"
PUBLIC = "CLuaBridge.h"

# From the bottom up.
ROOMS = ["core", "stop", "values", "tables", "patterns", "libraries", "run"]

# The allocator is where a script's work is counted, and where it is seen that memory runs low. What is to be done about
# either the hook does, which is a matter of stops; and stops need the context, errors and the place in memory.
UPWARD = {
    ("core/memory.c", "stop/preemption.h"),
    ("core/memory_place.c", "stop/preemption.h"),
}

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def includes_of(bridge: Path) -> dict[str, list[str]]:
    """What each file includes with quotes, in its order. Files are named from the bridge's folder."""
    files = sorted(path for path in bridge.rglob("*") if path.suffix in {".c", ".cpp", ".h"})
    return {
        PUBLIC if path.name == PUBLIC else path.relative_to(bridge).as_posix(): INCLUDE.findall(path.read_text())
        for path in files
    }


def circle_in(graph: dict[str, list[str]]) -> list[str]:
    """Files each of which includes the next, and the last is the first; none if there is no circle."""
    finished: set[str] = set()

    def search(file: str, way: list[str]) -> list[str]:
        if file in way:
            return [*way[way.index(file) :], file]
        if file in finished:
            return []
        for included in graph.get(file, []):
            if found := search(included, [*way, file]):
                return found
        finished.add(file)
        return []

    return next((found for file in graph if (found := search(file, []))), [])


def room_of(file: str) -> str:
    """The folder a file is in; the public header is in none."""
    return file.partition("/")[0] if "/" in file else ""


def main() -> int:
    """Prints the rooms, then what is wrong; fails when anything is."""
    bridge = Path(sys.argv[1]) if len(sys.argv) > 1 else BRIDGE
    graph = includes_of(bridge)
    wrong: list[str] = []
    uses: dict[str, set[str]] = defaultdict(set)
    upward: set[tuple[str, str]] = set()

    for file, included_files in graph.items():
        room = room_of(file)
        if file != PUBLIC and room not in ROOMS:
            wrong.append(f"{file}: in none of the rooms {', '.join(ROOMS)}")
            continue
        for included in included_files:
            if included not in graph:
                wrong.append(f'{file}: includes "{included}", which is neither {PUBLIC} nor a room\'s ROOM/FILE.h')
            elif file == PUBLIC:
                wrong.append(f"{file}: includes {included}, which Swift is not to see")
            elif included != PUBLIC and room_of(included) != room:
                uses[room].add(room_of(included))
                if ROOMS.index(room_of(included)) > ROOMS.index(room):
                    upward.add((file, included))

    wrong += [f"{file}: includes {included}, of a room above" for file, included in sorted(upward - UPWARD)]
    wrong += [f"{file}: no longer includes {included}; take it from UPWARD" for file, included in UPWARD - upward]
    if circle := circle_in({file: included for file, included in graph.items() if file.endswith(".h")}):
        wrong.append(f"headers include each other: {' -> '.join(circle)}")

    for room in ROOMS:
        files = [file for file in graph if room_of(file) == room]
        used = [other for other in ROOMS if other in uses[room]]
        print(f"{room:9} {len(files):2} files, uses {', '.join(used) or 'nothing'}")
    for line in wrong:
        print(f"FAILED {line}")
    if wrong:
        return 1
    print(f"{len(graph)} files of the bridge; no circle, {len(upward)} includes of a room above, which are known")
    return 0


if __name__ == "__main__":
    sys.exit(main())
