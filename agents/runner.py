"""How a repository's tests are run: by setting, else by what lies in it. Pure."""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from collections.abc import Callable, Collection, Mapping

# What is read of a repository to find out, wherever it lies.
MARKERS = ("package.json", "pyproject.toml", "pytest.ini", "setup.cfg", "tox.ini", "go.mod", "Cargo.toml", "Makefile")
_NPM_DEFAULT = "no test specified"
_PYTEST_FILE = re.compile(r"(^|/)(test_[^/]*|[^/]*_test)\.py$")
_NODE_FILE = re.compile(r"(^|/)[^/]+[.-]test\.(c|m)?[jt]s$")
_TARGET = re.compile(r"^test\s*:(?!=)", re.MULTILINE)


def runner(files: Collection[str], read: Callable[[str], str], near: str = "") -> tuple[str, ...] | None:
    """The command that runs the tests nearest to a file; None if none can be told.

    `files` are all paths of the repository, `read` gives the text of one of MARKERS.
    """
    folder = posixpath.dirname(near)
    while True:
        found = _here(folder, files, read)
        if found is not None:
            return found if not folder else ("bash", "-c", f"cd {shlex.quote(folder)} && {shlex.join(found)}")
        if not folder:
            return None
        folder = posixpath.dirname(folder)


def _here(folder: str, files: Collection[str], read: Callable[[str], str]) -> tuple[str, ...] | None:
    def text(name: str) -> str:
        path = posixpath.join(folder, name)
        return read(path) if path in files else ""

    script = _npm_script(text("package.json"))
    if script:
        return ("npm", "test", "--silent")
    own = [path for path in files if path.startswith(f"{folder}/" if folder else "")]
    if _wants_pytest(text):
        return ("python3", "-m", "pytest", "-q")
    if posixpath.join(folder, "go.mod") in files:
        return ("go", "test", "-v", "./...")
    if posixpath.join(folder, "Cargo.toml") in files:
        return ("cargo", "test", "--offline")
    if _TARGET.search(text("Makefile")):
        return ("make", "test")
    if folder and not any(posixpath.join(folder, marker) in files for marker in MARKERS):
        return None
    if any(_PYTEST_FILE.search(path) for path in own):
        return ("python3", "-m", "pytest", "-q")
    return ("node", "--test") if any(_NODE_FILE.search(path) for path in own) else None


def _npm_script(package: str) -> str:
    try:
        found = json.loads(package or "{}")
    except ValueError:
        return ""
    scripts = found.get("scripts") if isinstance(found, dict) else None
    script = scripts.get("test") if isinstance(scripts, dict) else None
    return script if isinstance(script, str) and script.strip() and _NPM_DEFAULT not in script else ""


def _wants_pytest(text: Callable[[str], str]) -> bool:
    named = text("pytest.ini") or "[tool:pytest]" in text("setup.cfg") or "[pytest]" in text("tox.ini")
    return bool(named) or "pytest" in text("pyproject.toml")


def commands(setting: str) -> Mapping[str, tuple[str, ...]]:
    """The test commands by repository, as the setting writes them: acme/portal=npm test;acme/api=make test.

    Raises ValueError for one without a name or a command, or whose quotes do not close.
    """
    found: dict[str, tuple[str, ...]] = {}
    for part in setting.split(";"):
        if not part.strip():
            continue
        name, sign, command = part.partition("=")
        words = tuple(shlex.split(command))
        if not sign or not re.fullmatch(r"[\w.-]+/[\w.-]+", name.strip()) or not words:
            raise ValueError("write it like acme/portal=npm test;acme/api=make test")
        plain = not re.search(r"[&|;<>$`]", command)
        found[name.strip().lower()] = words if plain else ("bash", "-c", command.strip())
    return found
