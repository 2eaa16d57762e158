"""A repository in a sandbox: laid out at its base, and the patch taken out of it as bytes.

Everything that reads what an agent wrote happens inside: the host gets a patch and never a tree.
"""

from __future__ import annotations

import asyncio
import tarfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from agents.code_agent import FOLDER
from agents.coder_text import QUIET, one_line
from agents.errors import StepFailed
from agents.sandbox import HOME, Ended, Output, Result, Sandbox

ARCHIVE = f"{HOME}/.base.tar"
PATCH = f"{HOME}/.patch"
LARGEST_PATCH = 2 * 1024 * 1024
# Nothing of git's that the repository or an agent set up runs here; names are those of nobody.
GIT = {
    **QUIET,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_AUTHOR_NAME": "base",
    "GIT_AUTHOR_EMAIL": "base@invalid",
    "GIT_COMMITTER_NAME": "base",
    "GIT_COMMITTER_EMAIL": "base@invalid",
}
# What runs leave behind, and no patch should hold.
EXCLUDED = (
    "__pycache__/", "*.py[cod]", ".pytest_cache/", ".mypy_cache/", ".ruff_cache/", ".coverage", "htmlcov/", ".tox/",
    ".venv/", "*.egg-info/", "node_modules/", "coverage/", ".nyc_output/", "*.tsbuildinfo", ".npm/", ".DS_Store",
)  # fmt: skip
_LAY_OUT = f"""set -e
mkdir -p {FOLDER}
tar -xf {ARCHIVE} -C {FOLDER}
rm -f {ARCHIVE}
cd {FOLDER}
git init -q .
git config core.hooksPath /dev/null
mkdir -p .git/info
echo '* -text -filter -ident -working-tree-encoding' > .git/info/attributes
git add -A -f
git commit -q --allow-empty -m base
cat >> .git/info/exclude
git rev-parse HEAD"""
_TAKE = f"""set -e
cd {FOLDER}
rm -f {HOME}/.index
export GIT_INDEX_FILE={HOME}/.index
git read-tree "$1"
git add -A
git diff --cached --binary --full-index --no-color --no-ext-diff --no-textconv --no-renames "$1" --"""


@dataclass(frozen=True)
class Base:
    """A repository at one commit, as a tar file of the host and the names in it."""

    repo: str
    commit: str
    archive: Path
    files: frozenset[str]

    def text(self, path: str, most: int = 400_000) -> str:
        """A file's text, read out of the archive; "" for one that is large, no plain file or no text."""
        with tarfile.open(self.archive) as tar:
            try:
                member = tar.getmember(path)
            except KeyError:
                return ""
            content = tar.extractfile(member) if member.isreg() and member.size <= most else None
            return content.read().decode("utf-8", "replace") if content is not None else ""


def names_in(archive: Path) -> frozenset[str]:
    """The plain files in an archive; nothing is unpacked."""
    with tarfile.open(archive) as tar:
        return frozenset(member.name for member in tar if member.isreg())


async def lay_out(sandbox: Sandbox, base: Base) -> str:
    """Puts the repository into FOLDER as a git work tree; returns the commit that stands for its base in there."""
    await sandbox.upload(base.archive, ARCHIVE)
    given = "".join(f"{pattern}\n" for pattern in EXCLUDED).encode()
    done = await _git(sandbox, _LAY_OUT, given=given, folder=HOME)
    return done.out.decode("ascii", "replace").strip().splitlines()[-1]


async def take_patch(sandbox: Sandbox, base: str) -> bytes:
    """All that was changed since the base, as `git diff --binary`. Raises StepFailed for more than 2 MB."""
    result = await sandbox.run(["bash", "-c", _TAKE, "take", base], folder=FOLDER, environment=GIT)
    if result.ended is Ended.OUTPUT or len(result.out) > LARGEST_PATCH:
        raise StepFailed("The patch has more than 2 MB, which is more than a fix may have.")
    if not result.succeeded:
        raise StepFailed(f"The patch could not be taken out of the sandbox: {_said(result)}")
    return result.out


async def put_patch(sandbox: Sandbox, patch: bytes) -> str:
    """Applies a patch to the laid out repository and commits it in there; returns that commit."""
    await sandbox.write(PATCH, patch)
    script = f"set -e\ngit apply --index --whitespace=nowarn {PATCH}\ngit commit -q -m patch\ngit rev-parse HEAD"
    return (await _git(sandbox, script)).out.decode("ascii", "replace").strip()


async def set_back(sandbox: Sandbox, base: str, paths: Sequence[str], there: Collection[str]) -> None:
    """Gives some files their content of the base again; those that are not `there` in the base go."""
    kept, gone = [path for path in paths if path in there], [path for path in paths if path not in there]
    for chosen, words in ((kept, f"checkout -q {base}"), (gone, "rm -q -f")):
        if chosen:
            given = b"".join(path.encode("utf-8", "surrogateescape") + b"\0" for path in chosen)
            await _git(sandbox, f"git {words} --pathspec-from-file=- --pathspec-file-nul", given=given)


async def run_tests(
    sandbox: Sandbox, command: Sequence[str], seconds: float, on_output: Callable[[Output], None]
) -> tuple[Result, bytes]:
    """Runs the tests in the repository's folder; returns how it ended, and all that was written, in its order."""
    written: list[bytes] = []

    def heard(piece: Output) -> None:
        written.append(piece.data)
        on_output(piece)

    result = await sandbox.run(command, folder=FOLDER, environment=QUIET, seconds=seconds, on_output=heard)
    return result, b"".join(written)


async def read_base(repo: str, commit: str, archive: Path) -> Base:
    """The base whose archive has been written."""
    return Base(repo, commit, archive, await asyncio.to_thread(names_in, archive))


async def _git(sandbox: Sandbox, script: str, *, given: bytes = b"", folder: str = FOLDER) -> Result:
    result = await sandbox.run(["bash", "-c", script], folder=folder, environment=GIT, given=given, seconds=120)
    if not result.succeeded:
        raise StepFailed(f"The repository could not be laid out in the sandbox: {_said(result)}")
    return result


def _said(result: Result) -> str:
    last = (result.err or result.out).decode("utf-8", "replace").strip().splitlines()[-1:]
    return one_line(last[0], 300) if last else f"git ended with {result.code}."
