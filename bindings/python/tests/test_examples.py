"""The example hosts run, and check what they got themselves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import luawait

PACKAGE = Path(luawait.__file__).parent
EXAMPLES = PACKAGE.parents[2] / "examples" / "python"


@pytest.mark.parametrize("name", ["quickstart", "plain_thread"])
def test_an_example_runs_and_finds_its_own_results_right(name: str) -> None:
    if not EXAMPLES.is_dir():
        pytest.skip("not in a source checkout")
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent), "PYTHONWARNINGS": "error"}
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py"],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        check=False,
    )
    # On a Lua with memory faults each engine says so.
    told = [line for line in done.stderr.splitlines() if not line.startswith("luawait: the system's Lua ")]
    assert (done.returncode, told) == (0, [])
    assert "results are right, and the endless loop was stopped" in done.stdout
