"""The layers of DESIGN: import-linter holds them, and these tests hold what its contracts cannot say."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("daemon", "notifiers", "rules", "state")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def modules_of(folder: str) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def imports_in(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


def contract(name: str) -> dict[str, Any]:
    return next(c for c in PROJECT["tool"]["importlinter"]["contracts"] if c["id"] == name)


def names_in(layer: str) -> list[str]:
    return layer.translate(str.maketrans("():|", "    ")).split()


def test_every_module_of_the_daemon_stands_in_a_layer() -> None:
    placed = {name for layer in contract("layers")["layers"] for name in names_in(layer)}
    found = {
        f"daemon.{path.stem}"
        for path in (ROOT / "daemon").iterdir()
        if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").is_file()
    }
    assert found - placed == set(), "name them in [tool.importlinter] of pyproject.toml"


def test_all_packages_are_linted_typed_and_shipped() -> None:
    tool = PROJECT["tool"]
    shipped = tool["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert sorted(shipped) == sorted(tool["importlinter"]["root_packages"])
    assert sorted([*shipped, "tests"]) == sorted(tool["mypy"]["files"])
    assert sorted(shipped) == sorted(PACKAGES)


def test_every_folder_with_modules_is_a_package() -> None:
    folders = {path.parent for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    assert [str(f.relative_to(ROOT)) for f in sorted(folders) if not (f / "__init__.py").is_file()] == []


def test_the_core_imports_only_itself_and_the_standard_library() -> None:
    allowed = sys.stdlib_module_names | {"rules"}
    foreign = {
        f"{path} imports {name}"
        for path, tree in modules_of("rules")
        for name in imports_in(tree)
        if name.split(".")[0] not in allowed
    }
    assert foreign == set()


def test_the_simulator_imports_nothing_of_ours() -> None:
    ours = {
        f"{path} imports {name}"
        for path, tree in modules_of("daemon/simulator")
        for name in imports_in(tree)
        if name.split(".")[0] in PACKAGES and not name.startswith("daemon.simulator")
    }
    assert ours == set()


def test_law_13_the_core_reads_no_clock() -> None:
    clocks = {"now", "utcnow", "today"}
    reads = [
        f"{path}:{node.lineno}"
        for path, tree in modules_of("rules")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in clocks
    ]
    assert reads == []


def calls_of_float(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float":
            yield node.lineno


@pytest.mark.parametrize("folder", ["rules", "state", "notifiers", "daemon/exchanges"])
def test_law_9_no_float_where_money_passes(folder: str) -> None:
    assert [f"{path}:{line}" for path, tree in modules_of(folder) for line in calls_of_float(tree)] == []
