"""The rules that every connector's file keeps."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from app.demo.server import vendors
from tools.catalog import connectors
from tools.kit.tool import Verb, verbs

ROOT = Path(__file__).parents[2]
FILES = [
    path
    for service in connectors()
    for path in [ROOT / "tools" / f"{service}.py", *sorted((ROOT / "tools" / service).glob("*.py"))]
    if path.exists()
]
OWN = ("tools.kit", "tools.nouns", "tools.verbs", "tools.writes")

each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")


def modules(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "connectors import by full name"
            inside = [f"tools.{alias.name}" for alias in node.names] if node.module == "tools" else [node.module or ""]
            found.update(inside)
    return found


@each_file
def test_a_connector_imports_the_kit_and_nothing_else_of_ours_or_others(path: Path) -> None:
    for module in modules(ast.parse(path.read_text(encoding="utf-8"))):
        itself = f"tools.{path.parent.name}" if path.parent.name != "tools" else f"tools.{path.stem}"
        ours = module in OWN or module.startswith("tools.kit.") or f"{module}.".startswith(f"{itself}.")
        plain = module.split(".")[0] in sys.stdlib_module_names or module.split(".")[0] == "pydantic"
        assert ours or plain, f"{path.name} imports {module}"


@each_file
def test_a_connector_sleeps_and_retries_nowhere_and_reads_no_environment(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not used & {"environ", "getenv", "sleep"}
    assert not modules(tree) & {"os", "socket", "ssl", "http.client", "urllib.request", "time"}


@each_file
def test_a_connector_catches_nothing_broadly(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None
            assert not (isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"})


def test_every_connector_has_its_vendor_in_the_demo_and_its_own_tests() -> None:
    assert set(connectors()) == set(vendors())
    for service in connectors():
        assert list((ROOT / "tests" / "connectors" / service).glob("test_*.py")), f"{service} has no tests of its own"
        assert list((ROOT / "tests" / "demo").glob(f"test_{service}_*.py")), f"{service}'s vendor has no tests"


def test_every_verb_is_served_once_at_most_by_a_connector_and_all_of_them_exist() -> None:
    known = set(verbs(Verb))
    for service, kind in connectors().items():
        marked = [
            getattr(value, "__serves__", None) for value in (getattr(kind, name, None) for name in dir(kind)) if value
        ]
        names = [verb.name for verb in marked if verb is not None]
        assert len(names) == len(set(names)), f"{service} serves a verb twice"
        assert set(names) <= known
