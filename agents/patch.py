"""What a patch may hold: what is refused whoever wrote it, and what a person has to look at closely. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from agents.repositories import Applied, Touched

MOST_FILES = 100
LARGEST_DIFF = 2 * 1024 * 1024
LARGEST_FILE = 1024 * 1024
MANY_FILES = 15
MANY_LINES = 400
NAMED = 5

_ORDINARY = frozenset({"100644", "100755", "000000"})
_GENERATED_FOLDERS = frozenset({"__pycache__", "node_modules", ".venv", ".mypy_cache", ".pytest_cache", ".ruff_cache"})
_GENERATED = frozenset(
    {".pyc", ".pyo", ".pyd", ".class", ".o", ".obj", ".a", ".lib", ".so", ".dll", ".dylib", ".exe", ".jar", ".war"}
)
_KEY_FILES = re.compile(r"^(\.env(\..+)?|id_(rsa|dsa|ecdsa|ed25519)|.+\.(pem|p12|pfx|jks|keystore)|\.npmrc|\.pypirc)$")
_SAMPLE_KEYS = re.compile(r"\.(example|sample|template|dist)$")
_SECRETS: Sequence[tuple[str, re.Pattern[str]]] = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("a private key", r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"),
        ("a key of AWS", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
        ("a token of GitHub", r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{22,})"),
        ("a token of GitLab", r"\bglpat-[A-Za-z0-9_-]{20,}"),
        ("a token of Slack", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
        ("a key of Stripe", r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}"),
        ("a key of a model's provider", r"\bsk-(?:ant-|proj-|or-)?[A-Za-z0-9_-]{32,}"),
        ("a key of Google", r"\bAIza[0-9A-Za-z_-]{35}"),
        ("a token of npm", r"\bnpm_[A-Za-z0-9]{36}"),
        ("a token of Sentry", r"\bsntr[yu]s?_[A-Za-z0-9+/=_-]{32,}"),
        ("a signed token", r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}"),
        ("a password in an address", r"\b[a-z][a-z0-9+.-]*://[^/\s:@]+:[^/\s:@${}<>]{6,}@[\w.-]+"),
    )
)
_NAMED_SECRET = re.compile(
    r"(?i)(?:secret|passw(?:or)?d|token|api_?key|private_?key)\w*['\"]?\s*[:=]\s*['\"]([A-Za-z0-9+/=_-]{24,})['\"]"
)
_HIDING = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_TEST = re.compile(
    r"(?i)(^|/)(tests?|__tests__|specs?|e2e|cypress)/|(^|/)(test_[^/]*|[^/]*_(test|spec)|[^/]*[.-](test|spec))\.[a-z]+$"
)
_TEST_SETUP = re.compile(
    r"(?i)(^|/)(conftest\.py|sitecustomize\.py|usercustomize\.py|[^/]+\.pth|pytest\.ini|tox\.ini|setup\.cfg|noxfile\.py"
    r"|pyproject\.toml|package\.json|makefile|justfile|\.mocharc\.[a-z]+|\.coveragerc|\.nycrc[^/]*"
    r"|(jest|vitest|vite|playwright|karma|cypress|ava|babel|tsconfig|phpunit)[^/]*\.(config\.)?[a-z]+)$"
)
_CI = re.compile(
    r"(?i)^(\.github/|\.circleci/|\.buildkite/|\.woodpecker/|\.gitlab-ci[^/]*$|\.gitlab/|\.travis\.yml$|\.drone\.yml$"
    r"|\.pre-commit-config\.yaml$|lefthook[^/]*$|azure-pipelines[^/]*$|bitbucket-pipelines[^/]*$|\.devcontainer/"
    r"|\.vscode/)|(^|/)(jenkinsfile|dockerfile[^/]*|docker-compose[^/]*|\.gitattributes)$"
)
_OWNERS = re.compile(r"(^|/)CODEOWNERS$", re.IGNORECASE)
_LOCKS = re.compile(
    r"(?i)(^|/)([^/]+\.lock|package-lock\.json|npm-shrinkwrap\.json|pnpm-lock\.yaml|go\.(sum|mod)|bun\.lockb"
    r"|requirements[^/]*\.txt|gradle\.lockfile|packages\.lock\.json)$"
)


@dataclass(frozen=True)
class Checked:
    """Why a patch cannot be proposed, and why a person has to look closely; one sentence each."""

    refused: tuple[str, ...] = ()
    attention: tuple[str, ...] = ()


def check(applied: Applied) -> Checked:
    """What is to be said of a patch on its base. A patch with `refused` never leaves."""
    touched = applied.touched
    refused = [*_too_much(applied), *_each(touched, _refusal), *_secrets(applied)]
    added, removed = _lines(applied.diff, "+"), _lines(applied.diff, "-")
    attention = [*_each(touched, _care), *_hiding(added)]
    if len(touched) > MANY_FILES or len(added) + len(removed) > MANY_LINES:
        attention.append(f"It is large: {len(touched)} files, {len(added)} lines added and {len(removed)} removed.")
    return Checked(tuple(dict.fromkeys(refused)), tuple(dict.fromkeys(attention)))


def is_of_tests(path: str) -> bool:
    """Whether a file is a test, or says how tests are run."""
    return _TEST.search(path) is not None or _TEST_SETUP.search(path) is not None


def shown(path: str) -> str:
    """A path as a person may read it: what cannot be seen is spelled out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in path[:200])


def _too_much(applied: Applied) -> Iterator[str]:
    if len(applied.touched) > MOST_FILES:
        yield f"It touches {len(applied.touched)} files; {MOST_FILES} are the most."
    if (size := len(applied.diff.encode("utf-8", "surrogatepass"))) > LARGEST_DIFF:
        yield f"It is {size / 1024**2:.1f} MB large; 2 MB are the most."


def _each(touched: Sequence[Touched], judge: Callable[[Touched], Iterator[str]]) -> list[str]:
    """Each reason once, with the files that it is true of."""
    found: dict[str, list[str]] = {}
    for file in touched:
        for reason in judge(file):
            found.setdefault(reason, []).append(shown(file.path))
    return [reason.replace("{}", _listed(paths)) for reason, paths in found.items()]


def _listed(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
    return ", ".join(paths[:NAMED]) + more


def _refusal(file: Touched) -> Iterator[str]:
    path, name = file.path, PurePosixPath(file.path).name.lower()
    if bad := _bad_path(path):
        yield bad
    if file.new_mode == "120000":
        yield "It makes a symbolic link: {}."
    elif file.new_mode == "160000" or name == ".gitmodules":
        yield "It changes a submodule: {}."
    elif file.new_mode not in _ORDINARY:
        yield "It makes something that is no ordinary file: {}."
    if file.status == "deleted":
        return
    if {".husky", ".githooks"} & {part.lower() for part in path.split("/")}:
        yield "It changes hooks that run on the machines of others: {}."
    if file.size > LARGEST_FILE:
        yield "It holds a file of more than 1 MB: {}."
    if _GENERATED_FOLDERS & set(path.lower().split("/")) or PurePosixPath(name).suffix in _GENERATED:
        yield "It holds what a program generated: {}."
    if _KEY_FILES.match(name) and not _SAMPLE_KEYS.search(name):
        yield "It holds a file that is meant for secrets: {}."


def _bad_path(path: str) -> str | None:
    parts = path.split("/")
    if path.startswith(("/", "~")) or re.match(r"^[A-Za-z]:", path) or "\\" in path:
        return "It names a path outside the repository: {}."
    if any(part in ("", ".", "..") for part in parts):
        return "It names a path that leads elsewhere: {}."
    if any(_is_git(part) for part in parts):
        return "It reaches into git's own folder: {}."
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") for c in path) or len(path) > 1024:
        return "It names a path that cannot be read: {}."
    return None


def _is_git(part: str) -> bool:
    """Whether some file system takes a name for .git: it may ignore case, marks that are not seen, or ends in dots."""
    seen = "".join(c for c in part if unicodedata.category(c) != "Cf")
    plain = unicodedata.normalize("NFKC", seen).casefold().partition(":")[0].rstrip(". ")
    return plain == ".git" or re.fullmatch(r"\.?git~\d+", plain) is not None


def _secrets(applied: Applied) -> Iterator[str]:
    for name, pattern in _SECRETS:
        if any(pattern.search(text) for text in _written(applied)):
            yield f"It holds what looks like {name}."
    found = (match for text in _written(applied) for match in _NAMED_SECRET.finditer(text))
    if any(_random(match.group(1)) for match in found):
        yield "It holds what looks like a secret."


def _written(applied: Applied) -> Iterator[str]:
    """Every text that the patch brings: the added lines, and new files where the diff does not show them."""
    yield "\n".join(_lines(applied.diff, "+"))
    for file in applied.touched:
        if file.status == "added":
            yield file.content.decode("utf-8", "replace")


def _random(text: str) -> bool:
    """Whether a text has capitals, small letters and digits in turn, as what was drawn at random does."""
    kinds = sum(bool(re.search(kind, text)) for kind in ("[A-Z]", "[a-z]", "[0-9]"))
    return (kinds >= 3 and len(set(text)) >= 12) or re.fullmatch(r"[0-9a-f]{32,}", text) is not None


def _care(file: Touched) -> Iterator[str]:
    path = file.path
    if _CI.search(path):
        yield "It changes what runs by itself, in CI or on other machines: {}."
    if _OWNERS.search(path):
        yield "It changes who owns the code: {}."
    if file.new_mode == "100755" and file.old_mode != "100755":
        yield "It makes a file executable: {}."
    if _TEST.search(path) and file.status == "deleted":
        yield "It deletes a test: {}."
    elif _TEST.search(path) and file.status == "modified":
        yield "It changes a test that was there: {}."
    if _TEST_SETUP.search(path):
        yield "It changes how tests are run or packages are built: {}."
    if _LOCKS.search(path):
        yield "It changes what is installed: {}."
    if file.status != "deleted" and b"\0" in file.content[:8192]:
        yield "It holds a file that is no text: {}."


def _hiding(added: Iterable[str]) -> list[str]:
    """Marks that make code look different from what it is."""
    return ["It holds marks that are not seen and turn the reading order."] if _HIDING.search("\n".join(added)) else []


def _lines(diff: str, sign: str) -> list[str]:
    """The lines of a unified diff that were added, or removed; its headers are none."""
    found: list[str] = []
    inside = False
    for line in diff.split("\n"):
        if line.startswith("diff --git "):
            inside = False
        elif line.startswith("@@"):
            inside = True
        elif inside and line.startswith(sign):
            found.append(line[1:])
    return found
