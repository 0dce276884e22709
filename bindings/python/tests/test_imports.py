"""How the package's modules depend on one another."""

from __future__ import annotations

import ast
from pathlib import Path

import luawait

PACKAGE = Path(luawait.__file__).parent


def imports_of(source: str) -> set[str]:
    """The modules of the package that one imports, also for the type checker alone."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom):
            module = ("luawait." if node.level == 1 else "") + (node.module or "")
            names = [f"luawait.{name}" for name in names] if module in ("luawait", "luawait.") else [module]
        found.update(name.split(".")[1] for name in names if name.startswith("luawait."))
    return found


def circles(graph: dict[str, set[str]]) -> set[str]:
    """The modules that a way of imports leads back to."""

    def reached_from(module: str) -> set[str]:
        reached: set[str] = set()
        left = [module]
        while left:
            for other in graph.get(left.pop(), set()) - reached:
                reached.add(other)
                left.append(other)
        return reached

    return {module for module in graph if module in reached_from(module)}


def test_a_circle_is_found() -> None:
    source = "if TYPE_CHECKING:\n    from .b import B\nfrom . import c\n"
    assert imports_of(source) == {"b", "c"}
    assert circles({"a": imports_of(source), "b": {"a"}, "c": set()}) == {"a", "b"}


def test_each_way_to_import_a_module_counts() -> None:
    relative = ("from .b import B", "from . import b")
    ways = (*relative, "from luawait.b import B", "from luawait import b", "import luawait.b")
    assert [imports_of(way) for way in ways] == [{"b"}] * len(ways)
    assert imports_of("import luawaitress.b\nfrom asyncio import b") == set()


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = {path.stem: imports_of(path.read_text()) for path in PACKAGE.glob("*.py")}
    assert len(graph) > 15
    assert circles(graph) == set()
