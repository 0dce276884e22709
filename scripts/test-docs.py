#!/usr/bin/env python3
"""Runs the examples of README.md, docs/**/*.md and the public header against the staged library.

A fenced block is an example when it is

    c         and has a main(): compiled as strict C11 without warnings, then run
    python    run as a program that imports the binding
    lua       run as a script by the binding; its print output and, as JSON, its value are its output
    sh        only when marked with `<!-- test: run -->`: run by bash in the repository's root

Each is a program of its own and succeeds when it ends with status 0. An HTML comment on a line of its own says more
about the block that follows it:

    <!-- test: skip REASON -->     not run; the reason is printed
    <!-- test: run -->             run this sh block
    <!-- host: {"f": 1} -->        (lua) the host function f answers 1, any JSON value
    <!-- output -->                (text) exactly what the example before it prints

In the header an example stands between @code and @endcode; "prints `…`" before it says what it prints.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAGE = ROOT / ".build" / "stage"
HEADER = ROOT / "Include" / "luawait.h"
TIMEOUT_S = 120

FENCE = re.compile(r"^(?P<indent> {0,3})(?P<marks>`{3,}|~{3,})\s*(?P<language>[\w+-]*)(?P<rest>.*)$")
COMMENT = re.compile(r"^\s*<!--\s*(?P<kind>test:|host:|output(?=\s*-->))\s*(?P<text>.*?)\s*-->\s*$")

# Runs a lua block: the script's print output, then its value if it has one.
LUA_RUNNER = """
import asyncio, ctypes, json, sys
import luawait

def register(engine, name, answer):
    @engine.function(name)
    def function(*arguments):
        return answer

async def main():
    async with luawait.Engine() as engine:
        for name, answer in json.loads(sys.argv[2]).items():
            register(engine, name, answer)
        with open(sys.argv[1], encoding="utf-8") as file:
            value = await engine.eval(file.read())
    ctypes.CDLL(None).fflush(None)
    if value is not None:
        print(json.dumps(value, ensure_ascii=False))

asyncio.run(main())
"""


class DocumentError(Exception):
    """A document that cannot be read as one: the markup is wrong, not an example."""


@dataclass
class Block:
    """A fenced block of a document, with the comments before it."""

    place: str
    language: str
    text: str
    comments: dict[str, str] = field(default_factory=dict)
    output: str | None = None


def blocks_of(path: Path) -> list[Block]:
    """All fenced blocks of a Markdown file, in order."""
    blocks: list[Block] = []
    comments: dict[str, str] = {}
    lines = iter(enumerate(path.read_text(encoding="utf-8").splitlines(), start=1))
    for number, line in lines:
        place = f"{path.relative_to(ROOT)}:{number}"
        if comment := COMMENT.match(line):
            comments[comment["kind"].removesuffix(":")] = comment["text"]
        elif fence := FENCE.match(line):
            text = fenced_text(lines, fence["marks"], len(fence["indent"]), place)
            add_block(blocks, Block(place, fence["language"], text, comments))
            comments = {}
        elif line.strip() and comments:
            raise DocumentError(f"{place}: a comment for the runner is followed by no code block")
    if comments:
        raise DocumentError(
            f"{path.relative_to(ROOT)}: a comment for the runner at the end is followed by no code block"
        )
    return blocks


def fenced_text(lines: Iterator[tuple[int, str]], marks: str, indent: int, place: str) -> str:
    """The lines up to the closing fence."""
    text: list[str] = []
    for _, line in lines:
        closing = line.strip()
        if closing.startswith(marks) and not closing.strip(marks[0]):
            return "".join(f"{part}\n" for part in text)
        text.append(line[min(indent, len(line) - len(line.lstrip(" "))) :])
    raise DocumentError(f"{place}: the code block has no end")


def add_block(blocks: list[Block], block: Block) -> None:
    """Appends a block, or gives it to the block before it as its expected output."""
    test = block.comments.get("test")
    if test is not None and test != "run" and not re.match(r"skip \S", test):
        raise DocumentError(f"{block.place}: `test: {test}` is neither `run` nor `skip` with a reason")
    if "host" in block.comments and block.language != "lua":
        raise DocumentError(f"{block.place}: only lua blocks have host functions answered for them")
    if "output" not in block.comments:
        blocks.append(block)
        return
    if not blocks or not is_example(blocks[-1]):
        raise DocumentError(f"{block.place}: an output needs an example right before it")
    if blocks[-1].output is not None:
        raise DocumentError(f"{block.place}: the example before has an output already")
    blocks[-1].output = block.text


def header_blocks() -> list[Block]:
    """The complete programs in the comments of the public header."""
    text = HEADER.read_text(encoding="utf-8")
    blocks: list[Block] = []
    for match in re.finditer(r"@code\n(.*?)@endcode", text, re.DOTALL):
        lines = [re.sub(r"^ \*(?:   )?", "", line) for line in match[1].splitlines()]
        place = f"{HEADER.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 2}"
        block = Block(place, "c", "\n".join(lines[:-1]) + "\n")
        paragraph = text[: match.start()].rstrip(" *\n@").rsplit("\n *\n", 1)[-1]
        if prints := re.search(r"prints `([^`]*)`", paragraph):
            block.output = prints[1] + "\n"
        blocks.append(block)
    return blocks


def is_example(block: Block) -> bool:
    """Whether the block is something to run, skipped or not."""
    match block.language:
        case "c":
            return re.search(r"^int\s+main\s*\(", block.text, re.MULTILINE) is not None
        case "python" | "lua":
            return True
        case "sh":
            return block.comments.get("test") == "run"
        case _:
            return False


def run(command: list[str | Path]) -> subprocess.CompletedProcess[str]:
    """Runs a command in the repository's root, with the staged library and the binding in reach."""
    path = str(ROOT / "bindings" / "python")
    environment = os.environ | {"PYTHONPATH": path, "LD_LIBRARY_PATH": str(STAGE / "lib"), "PYTHONUTF8": "1"}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=TIMEOUT_S
    )


def run_c(block: Block, directory: Path) -> subprocess.CompletedProcess[str]:
    """Compiles and runs a program; a failed compilation is the result."""
    source, program = directory / "example.c", directory / "example"
    source.write_text(block.text, encoding="utf-8")
    flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-pthread", f"-I{STAGE}/include"]
    compiler = os.environ.get("CC", "cc")
    compiled = run([compiler, *flags, source, "-o", program, f"-L{STAGE}/lib", "-lluawait"])
    return run([program]) if compiled.returncode == 0 else compiled


def run_block(block: Block, directory: Path) -> subprocess.CompletedProcess[str]:
    """Runs an example in its language."""
    if block.language == "c":
        return run_c(block, directory)
    script = directory / "example"
    script.write_text(block.text, encoding="utf-8")
    if block.language == "python":
        return run([sys.executable, script])
    if block.language == "sh":
        return run(["bash", "-euo", "pipefail", script])
    return run([sys.executable, "-c", LUA_RUNNER, script, block.comments.get("host", "{}")])


def failure_of(block: Block) -> str | None:
    """Runs an example; says what is wrong with it, or nothing."""
    with tempfile.TemporaryDirectory(prefix="luawait-docs-") as directory:
        try:
            result = run_block(block, Path(directory))
        except subprocess.TimeoutExpired:
            return f"did not end within {TIMEOUT_S} s"
    if result.returncode != 0:
        return f"ended with status {result.returncode}\n{result.stdout}{result.stderr}"
    if block.output is not None and result.stdout.rstrip("\n") != block.output.rstrip("\n"):
        return f"printed\n{result.stdout}instead of\n{block.output}{result.stderr}"
    return None


def main() -> int:
    """Runs all examples and reports; the status says whether all is well."""
    readme = ROOT / "README.md"
    if not readme.is_file():
        print("there is no README.md", file=sys.stderr)
        return 1
    if not (STAGE / "lib" / "libluawait.so").exists():
        print("no library in .build/stage; run `make build` first", file=sys.stderr)
        return 1
    try:
        blocks = [block for path in [readme, *sorted(ROOT.glob("docs/**/*.md"))] for block in blocks_of(path)]
        for block in blocks:
            json.loads(block.comments.get("host", "{}"))
    except (DocumentError, json.JSONDecodeError) as error:
        print(f"FAILED {error}", file=sys.stderr)
        return 1

    passed = failed = 0
    for block in [*header_blocks(), *blocks]:
        if not is_example(block):
            continue
        if block.comments.get("test", "").startswith("skip"):
            print(f"skipped {block.place} ({block.language}): {block.comments['test'].removeprefix('skip ')}")
        elif failure := failure_of(block):
            failed += 1
            print(f"FAILED  {block.place} ({block.language}): {failure}")
        else:
            passed += 1
            print(f"ok      {block.place} ({block.language})")
    if not any(is_example(block) for block in blocks):
        print("FAILED  README.md and docs have no examples at all", file=sys.stderr)
        failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
