"""The house's rules that a linter does not know."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for room in ("app", "agents", "tools", "prompts")
    for path in (ROOT / room).rglob("*.py")
    if path.name != "__init__.py"
)
BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
LONGEST = 350
# The two catalogues of shared words: a reader looks one up, and a split would only hide it.
CATALOGUES = {"tools/nouns.py", "tools/verbs.py"}


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def test_a_file_is_one_noun_and_not_too_long() -> None:
    assert not [path for path in SOURCES if path.stem in BANNED_NAMES]
    long = {str(path.relative_to(ROOT)): n for path in SOURCES if (n := len(path.read_text().splitlines())) > LONGEST}
    assert set(long) <= CATALOGUES


def test_langgraph_lives_in_the_graphs_and_the_engine_alone() -> None:
    users = {
        str(path.relative_to(ROOT)) for path in SOURCES if any(m.split(".")[0] == "langgraph" for m in imports(path))
    }
    assert {user for user in users if user.startswith("agents/")} <= {"agents/graph.py", "agents/coder.py"}


def test_httpx_lives_in_the_kit_alone() -> None:
    users = {str(path.relative_to(ROOT)) for path in SOURCES if any(m.split(".")[0] == "httpx" for m in imports(path))}
    allowed = {"tools/kit/client.py", "tools/kit/wire.py", "tools/kit/passage.py"}
    assert {user for user in users if user.startswith(("tools/", "agents/"))} <= allowed


def test_the_sdk_of_teams_lives_in_one_file() -> None:
    sdk = {"botbuilder", "botframework", "msrest"}
    users = {str(path.relative_to(ROOT)) for path in SOURCES if sdk & {m.split(".")[0] for m in imports(path)}}
    assert users == {"app/channels/teams_wire.py"}


def test_only_the_settings_read_the_environment() -> None:
    # The web chat removes other programs' variables before Chainlit sees them, which is writing, not reading.
    allowed = {"app/settings.py", "app/cli.py", "app/chat.py", "app/main.py", "app/models.py"}
    readers = {
        str(path.relative_to(ROOT))
        for path in SOURCES
        if re.search(r"os\.environ|os\.getenv", path.read_text(encoding="utf-8"))
    }
    assert {reader for reader in readers if not reader.startswith("app/")} == set()
    assert readers <= allowed | {reader for reader in readers if reader.startswith("app/cli/")}


def test_nothing_imports_the_chat() -> None:
    assert not [path for path in SOURCES if "app.chat" in imports(path)]


def test_no_file_of_app_shadows_an_installed_module() -> None:
    names = {path.stem for path in (ROOT / "app").glob("*.py")} - {"__init__"}
    code = "import importlib.util,sys; print([n for n in sys.argv[1:] if importlib.util.find_spec(n)])"
    found = subprocess.run(
        [sys.executable, "-c", code, *sorted(names)], cwd="/", capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "heavy", ["litellm", "chromadb", "chainlit", "langgraph", "dbos", "pandas", "sklearn", "scipy"]
)
def test_help_loads_nothing_heavy(heavy: str) -> None:
    code = f"import sys; import app.cli; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_long_words_for_a_model_live_in_prompts() -> None:
    long: list[str] = []
    for path in SOURCES:
        if path.is_relative_to(ROOT / "agents"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            docs = {
                id(node.body[0].value)
                for node in ast.walk(tree)
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
                and node.body
                and isinstance(node.body[0], ast.Expr)
            }
            long += [
                f"{path.relative_to(ROOT)}:{node.lineno}"
                for node in ast.walk(tree)
                if isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and id(node) not in docs
                and node.value.count("\n") > 8
            ]
    assert long == []


def test_no_machine_paths_are_committed() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    own = Path(__file__).relative_to(ROOT).as_posix()
    marks = ("/wo" + "rk/", "/ro" + "ot/")
    leaks = [
        name
        for name in listed
        if name != own
        and (ROOT / name).is_file()
        and (ROOT / name).stat().st_size < 1_000_000
        and any(mark.encode() in (ROOT / name).read_bytes() for mark in marks)
    ]
    assert leaks == []
