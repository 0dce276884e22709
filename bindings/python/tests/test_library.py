"""Finding the library, refusing the wrong one, and agreeing with the public header."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import luawait
from luawait import _raw

PACKAGE = Path(luawait.__file__).parent
HEADER = PACKAGE.parents[2] / "Include" / "luawait.h"


def python(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a program in a fresh interpreter that imports this package."""
    inherited = {key: value for key, value in os.environ.items() if key != "LUAWAIT_LIBRARY"}
    environment = inherited | {"PYTHONPATH": str(PACKAGE.parent)} | environment
    return subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


LOAD = "import luawait; from luawait import _raw; print(luawait.library_version(), _raw.load().path)"


def test_a_library_that_does_not_exist_is_named() -> None:
    done = python(LOAD, LUAWAIT_LIBRARY="/nowhere/libluawait.so")
    assert "LibraryError: cannot load /nowhere/libluawait.so" in done.stderr


def test_a_library_that_is_another_is_refused() -> None:
    done = python(LOAD, LUAWAIT_LIBRARY="libm.so.6")
    assert "LibraryError: libm.so.6 is not the luawait library" in done.stderr


def test_another_abi_is_refused(tmp_path: Path) -> None:
    source, library = tmp_path / "other.c", tmp_path / "libother.so"
    source.write_text("#include <stdint.h>\nuint32_t luawait_abi_version(void) { return 77; }\n")
    subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", source, "-o", library], check=True)
    done = python(LOAD, LUAWAIT_LIBRARY=str(library))
    assert re.search(r"LibraryError: \S+libother.so has ABI 77, and this package needs ABI 1", done.stderr)


def test_a_library_beside_the_package_is_found_first(tmp_path: Path) -> None:
    package = tmp_path / "luawait"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(_raw.load().path, package / _raw.SONAME)
    done = python(LOAD, PYTHONPATH=str(tmp_path))
    assert done.stdout.split() == [luawait.library_version(), str(package / _raw.SONAME)], done.stderr


def test_without_a_library_the_places_are_named(tmp_path: Path) -> None:
    package = tmp_path / "luawait"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    program = "from luawait import _raw; _raw.SONAME = 'libluawait-absent.so.0'; _raw.load()"
    done = python(program, PYTHONPATH=str(tmp_path))
    assert re.search(r"LibraryError: cannot load libluawait-absent.so.0.*set LUAWAIT_LIBRARY", done.stderr)


def test_importing_the_package_needs_no_library() -> None:
    done = python("import luawait; print(luawait.__version__)", LUAWAIT_LIBRARY="/nowhere")
    assert done.stdout.strip() == luawait.__version__


# --------------------------------------------------------------------------------------------------------- header --

C_TYPES = {
    "luawait_status": "c_int",
    "int32_t": "c_int",
    "uint32_t": "c_uint",
    "uint64_t": "c_ulong",
    "size_t": "c_ulong",
    "const char *": "c_char_p",
    "void *": "c_void_p",
    "luawait_engine *": "c_void_p",
    "luawait_engine **": "LP_c_void_p",
    "char **": "LP_c_void_p",
    "size_t *": "LP_c_ulong",
    "uint64_t *": "LP_c_ulong",
    "int32_t *": "LP_c_int",
    "int *": "LP_c_int",
    "luawait_error *": "LP_Error",
    "luawait_event *": "LP_Event",
    "luawait_call *": "LP_Call",
    "const luawait_executor *": "LP_Executor",
    "luawait_callback": "CFunctionType",
    "luawait_drop": "CFunctionType",
    "int64_t": "c_long",
    "int64_t *": "LP_c_long",
    "void": "None",
}


def header_text() -> str:
    """The header without its comments."""
    if not HEADER.is_file():
        pytest.skip("not in a source checkout")
    return re.sub(r"/\*.*?\*/", "", HEADER.read_text(encoding="utf-8"), flags=re.DOTALL)


def prototypes() -> dict[str, tuple[str, list[str]]]:
    """The header's functions: result and parameters, as ctypes would name them."""
    found: dict[str, tuple[str, list[str]]] = {}
    for match in re.finditer(r"^([\w ]+?\*?)\s*(luawait_\w+)\(([^()]*)\);", header_text(), re.MULTILINE):
        result, name, text = match[1].strip(), match[2], " ".join(match[3].split())
        parameters = [] if text == "void" else [re.sub(r"\s*\w+$", "", part.strip()) for part in text.split(",")]
        known = [result, *parameters]
        if all(part in C_TYPES for part in known):
            found[name] = (C_TYPES[result], [C_TYPES[part] for part in parameters])
    return found


def test_declarations_are_the_headers() -> None:
    declared = {
        name: (getattr(result, "__name__", "None"), [parameter.__name__ for parameter in parameters])
        for name, (result, parameters) in _raw.DECLARATIONS.items()
    }
    header = prototypes()
    assert len(header) >= len(declared)
    assert declared == {name: header.get(name) for name in declared}


def test_statuses_states_and_the_abi_are_the_headers() -> None:
    text = header_text()
    statuses = {name: int(value) for name, value in re.findall(r"X\(LUAWAIT_(\w+), (-?\d+),", text)}
    assert len(statuses) > 5
    assert statuses == {name: getattr(_raw, name) for name in statuses}
    states = {name: int(value) for name, value in re.findall(r"LUAWAIT_([A-Z_]+) = (\d+)", text)}
    assert {"IN_PROGRESS", "SUCCEEDED", "FAILED", "CANCELLED", "EVENT_REQUEST", "EVENT_OUTPUT"} <= set(states)
    assert states == {name: getattr(_raw, name) for name in states}
    assert f"#define LUAWAIT_ABI_VERSION {_raw.ABI_VERSION}\n" in text
    assert f'#define LUAWAIT_VERSION "{luawait.__version__}"' in text


def test_every_error_status_has_its_exception() -> None:
    classes = {kind.status: kind for kind in luawait.CallError.__subclasses__()}
    errors = {name: value for name, value in vars(_raw).items() if name.startswith("ERR_")}
    assert set(classes) == set(errors.values())
    assert len(classes) == len(luawait.CallError.__subclasses__())


def c_layout(struct: str, members: list[str], directory: Path) -> list[int]:
    """The size of a struct of the header's and the offsets of its members, as the C compiler has them."""
    if not HEADER.is_file():
        pytest.skip("not in a source checkout")
    numbers = [f"sizeof({struct})", *(f"offsetof({struct}, {member})" for member in members)]
    source, program = directory / "layout.c", directory / "layout"
    prints = "".join(f'printf("%zu\\n", {number});' for number in numbers)
    source.write_text(f"#include <luawait.h>\n#include <stdio.h>\nint main(void) {{ {prints} }}\n")
    subprocess.run([os.environ.get("CC", "cc"), f"-I{HEADER.parent}", source, "-o", program], check=True)
    return [int(line) for line in subprocess.run([program], capture_output=True, check=True).stdout.split()]


@pytest.mark.parametrize("kind", [_raw.Error, _raw.Event, _raw.Call, _raw.Executor], ids=lambda kind: kind.__name__)
def test_the_structs_are_the_headers(kind: Any, tmp_path: Path) -> None:
    struct = f"luawait_{kind.__name__.lower()}"
    body = re.search(rf"typedef struct {struct} \{{(.*?)\}} {struct};", header_text(), re.DOTALL)
    assert body is not None
    members = re.findall(r"(\w+)(?:\)\([^;]*|\[\d+\])?;", body[1])
    assert members == [field[0] for field in kind._fields_]
    offsets = [getattr(kind, member).offset for member in members]
    assert c_layout(struct, members, tmp_path) == [ctypes.sizeof(kind), *offsets]


def test_every_config_key_of_the_header_has_a_type() -> None:
    if not HEADER.is_file():
        pytest.skip("not in a source checkout")
    table = re.search(r"The config is a JSON object;.*?\n \*\n(.*?)\n \*\n", HEADER.read_text(), re.DOTALL)
    assert table is not None
    keys = re.findall(r"^ \*   (\w+)  ?", table[1], re.MULTILINE)
    assert sorted(keys) == sorted(luawait.Config.__annotations__)


def test_every_key_that_types_name_is_known_to_the_library() -> None:
    config = {"workers": 1, "executor": "threads", "nulls": "drop", "print": "stdout", "preemption": "signal"}
    config |= {"watchdog": True, "lua_warning": True, "libraries": ["io", "os", "package", "debug", "bytecode"]}
    sizes = {"max_depth": 10, "slice_us": 1000, "memory_bytes": 10_000_000, "output_bytes": 1000}
    config |= {key: sizes.get(key, 0) for key in luawait.Config.__annotations__ if key not in config}
    with luawait.Engine(**config) as engine:  # type: ignore[typeddict-item]
        options = {"name": "n", "globals": {}, "nulls": "keep", "memory_bytes": 10_000_000, "libraries": []}
        options |= {key: 0 for key in luawait.EvalOptions.__annotations__ if key not in options}
        assert engine.with_options(**options).eval_sync("return 1") == 1  # type: ignore[typeddict-item]
        shared = {"memory_bytes": 10_000_000, "max_coroutines": 0, "libraries": [], "globals": {}}
        assert set(shared) == set(luawait.ContextOptions.__annotations__)
        options["globals_shared"] = True
        assert set(luawait.ContextEvalOptions.__annotations__) <= set(options)
        with luawait.SyncEngine() as other, other.context(**shared) as context:  # type: ignore[typeddict-item]
            in_context = {key: options[key] for key in luawait.ContextEvalOptions.__annotations__}
            assert context.with_options(**in_context).eval("return 1") == 1  # type: ignore[typeddict-item]


def test_the_types_name_every_key_of_the_config() -> None:
    if not HEADER.is_file():
        pytest.skip("not in a source checkout")
    text = HEADER.read_text(encoding="utf-8")
    table = re.search(r"The config is a JSON object;(.*?)@param config ", text, re.DOTALL)
    assert table is not None
    assert set(re.findall(r"^ \*   (\w+)  ?", table[1], re.MULTILINE)) == set(luawait.Config.__annotations__)
