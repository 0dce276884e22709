"""The examples in the README run as they stand, and so does the packaging."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import luawait

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```\n(?:\s*^prints\s+`([^`]*)`)?", README.read_text("utf-8"), re.M | re.S)


def test_the_readme_has_examples() -> None:
    assert EXAMPLES


@pytest.mark.parametrize(("program", "output"), EXAMPLES)
def test_an_example_of_the_readme_runs_as_it_stands(program: str, output: str) -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    if output:
        assert done.stdout.strip() == output


def test_the_package_carries_its_type_marker() -> None:
    assert (Path(luawait.__file__).parent / "py.typed").is_file()
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert f'version = "{luawait.__version__}"' in project
