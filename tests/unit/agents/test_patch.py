"""What of a patch is refused, what a person looks at, and that nothing slips through by how it is written."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agents.patch import MOST_FILES, check, shown
from agents.repositories import Applied, Touched

ORDINARY = "100644"
SEGMENT = st.text("abcXYZ019_-.", min_size=1, max_size=12).filter(lambda s: set(s) != {"."} and ".git" not in s.lower())
HIDDEN = st.sampled_from(["", "\u200c", "\u200d", "\ufeff", "\u2060"])


def one(path: str, content: bytes = b"x\n", *, old: str = "000000", new: str = ORDINARY, size: int = -1) -> Touched:
    status = "added" if old == "000000" else "deleted" if new == "000000" else "modified"
    return Touched(path, status, old, new, len(content) if size < 0 else size, content)  # type: ignore[arg-type]


def of(*touched: Touched, added: str = "") -> Applied:
    lines = "".join(f"+{line}\n" for line in added.split("\n")) if added else ""
    diff = f"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -0,0 +1,1 @@\n{lines}" if lines else ""
    return Applied("b" * 40, "t" * 40, touched, diff)


@pytest.mark.parametrize(
    "file",
    [
        one("link", new="120000"), one("lib", new="160000"), one(".gitmodules"), one("a/.gitmodules"),
        one("tree", new="040000"), one(".husky/pre-commit"), one(".githooks/pre-push"), one("a.pyc"), one("x/y.so"),
        one("__pycache__/a.txt"), one("node_modules/a/index.js"), one("big.bin", size=1024 * 1024 + 1), one(".env"),
        one(".env.production"), one("deploy/id_rsa"), one("tls/server.pem"), one("/etc/passwd"), one("../x"),
        one("a/../../x"), one("a//b"), one("C:/x"), one("a\\b"), one("~/x"), one("a\nb"), one("a\u202eb"), one(""),
        one(".git/config"), one("a/.git/hooks/x"), one("GIT~1/config"), one(".git./x"), one(".git /x"),
        one(".git::$INDEX_ALLOCATION/x"), one(".ｇｉｔ/x"), one("x" * 2000),
    ],
    ids=lambda file: repr(file.path)[:40],
)  # fmt: skip
def test_it_is_refused(file: Touched) -> None:
    assert check(of(file)).refused


@pytest.mark.parametrize(
    "file",
    [
        one(".github/workflows/ci.yml"), one(".gitlab-ci.yml"), one(".circleci/config.yml"), one("Jenkinsfile"),
        one("CODEOWNERS"), one(".github/CODEOWNERS"), one("docs/codeowners"), one("run.sh", new="100755"),
        one("run.sh", old=ORDINARY, new="100755"), one("tests/test_a.py", old=ORDINARY),
        one("src/a.test.ts", old=ORDINARY), one("src/a.spec.js", old=ORDINARY, new="000000"),
        one("pkg/a_test.go", old=ORDINARY), one("test_a.py", old=ORDINARY, new="000000"),
        one("__tests__/a.js", old=ORDINARY), one("conftest.py"), one("tests/conftest.py", old=ORDINARY),
        one("pytest.ini"), one("package.json", old=ORDINARY), one("jest.config.ts"), one("vitest.config.mts"),
        one("pyproject.toml", old=ORDINARY), one("Makefile"), one("x.pth"), one("package-lock.json"), one("uv.lock"),
        one("a/yarn.lock"), one("go.sum"), one("requirements-dev.txt"), one("logo.png", b"\x89PNG\0"),
        one(".gitattributes"), one("Dockerfile"), one(".vscode/tasks.json"),
    ],
    ids=lambda file: file.path,
)  # fmt: skip
def test_a_person_looks_at_it(file: Touched) -> None:
    checked = check(of(file))
    assert checked.attention
    assert not checked.refused
    assert all(sentence.endswith(".") for sentence in checked.attention)


@pytest.mark.parametrize(
    "file",
    [
        one("src/a.ts", old=ORDINARY), one("src/new.py"), one("tests/test_new.py"), one("src/a.test.ts"),
        one("docs/git.md"), one("src/git/index.ts"), one(".gitignore"), one(".github-notes.md"), one(".env.example"),
        one("src/token.ts"), one("old.py", old=ORDINARY, new="000000"), one("latest/x.py"), one("contest.py"),
        one("run.sh", old="100755", new="100755"), one("Übersicht.md"), one("gitty~1x.txt"),
    ],
    ids=lambda file: file.path,
)  # fmt: skip
def test_it_is_fine(file: Touched) -> None:
    checked = check(of(file))
    assert (checked.refused, checked.attention) == ((), ())


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN OPENSSH PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----", "aws = 'AKIA0123456789ABCDEF'",
        "ghp_" + "a1" * 18, "github_pat_" + "A1b2" * 8, "xoxb-1234567890-abcdef", "sk_live_" + "a1B2" * 5,
        "sk-ant-" + "a1B2-" * 8, "AIza" + "a1B2C" * 7, "glpat-" + "a1B2" * 5, "npm_" + "a1B2" * 9,
        "postgres://deus:hunter22@db.acme.test/portal", "apiKey: 'aB3dE5gH7jK9mN1pQ3sT5vX7'",
        '"client_secret": "0123456789abcdef0123456789abcdef"', f"eyJ{'a' * 20}.eyJ{'b' * 20}.{'c' * 40}",
    ],
)  # fmt: skip
def test_secrets_are_refused_in_lines_and_in_new_files(text: str) -> None:
    assert check(of(one("a.ts", old=ORDINARY), added=f"const x = 1;\n{text}")).refused
    assert check(of(one("a.ts", text.encode()))).refused


@pytest.mark.parametrize(
    "text",
    [
        "const token = process.env.TOKEN;", "password = 'correct horse battery'", "secret: '${{ secrets.TOKEN }}'",
        "token: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'", "https://user:pass@localhost", "sha256 = '…'",
        "postgres://user:${PASSWORD}@db/portal", "-----BEGIN CERTIFICATE-----",
    ],
)  # fmt: skip
def test_what_only_speaks_of_secrets_is_fine(text: str) -> None:
    assert check(of(one("a.ts", old=ORDINARY), added=text)).refused == ()


def test_what_was_there_before_is_no_secret_of_the_patch() -> None:
    diff = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n AKIA0123456789ABCDEF\n-a\n+b\n"
    file = one("x", b"AKIA0123456789ABCDEF\nb\n", old=ORDINARY)
    assert check(Applied("b", "t", (file,), diff)).refused == ()


def test_bounds() -> None:
    full = tuple(one(f"f{n}.ts") for n in range(MOST_FILES))
    assert check(of(*full)).refused == ()
    assert check(of(*full)).attention
    assert check(of(*full, one("more.ts"))).refused
    assert check(of(one("a.ts"), added="x" * (2 * 1024 * 1024))).refused
    assert any("large" in said for said in check(of(one("a.ts"), added="y\n" * 500)).attention)


def test_each_reason_names_its_files_once() -> None:
    checked = check(of(*(one(f"l{n}", new="120000") for n in range(8))))
    assert checked.refused == ("It makes a symbolic link: l0, l1, l2, l3, l4 and 3 more.",)


@given(st.lists(SEGMENT, max_size=3), st.lists(SEGMENT, max_size=3), st.data())
def test_gits_own_folder_is_found_however_it_is_spelled(
    before: list[str], after: list[str], data: st.DataObject
) -> None:
    letters = [data.draw(st.sampled_from([c.lower(), c.upper()])) for c in ".git"]
    name = "".join(letter + data.draw(HIDDEN) for letter in letters) + data.draw(st.sampled_from(["", ".", " ", ". ."]))
    assert check(of(one("/".join([*before, name, *after])))).refused


@given(st.lists(SEGMENT, min_size=1, max_size=4), st.sampled_from(["..", ".", ""]), st.integers(0, 4))
def test_a_path_that_leads_elsewhere_is_refused(parts: list[str], turn: str, at: int) -> None:
    assert check(of(one("/".join([*parts[:at], turn, *parts[at:]])))).refused


@given(st.text(max_size=300))
@example("a{}b{0}{x}")
@example("\udcff\n\x1b[2J")
def test_any_path_is_judged_and_shown_in_what_can_be_read(path: str) -> None:
    checked = check(of(one(path)))
    for sentence in (*checked.refused, *checked.attention):
        assert sentence.isprintable()
    assert shown(path).isprintable()


@given(
    st.lists(st.sampled_from(["+++ AKIA0123456789ABCDEF", "--- x", "@@ -1 +1 @@", "diff --git a/x b/x", " c", "+d"]))
)
def test_a_line_cannot_pass_for_a_header(lines: list[str]) -> None:
    """Within a hunk a line that begins with plus signs is an added line, whatever follows."""
    diff = "\n".join(["diff --git a/x b/x", "@@ -1,1 +1,9 @@", *lines])
    inside, hidden = True, False
    for line in lines:
        inside = line.startswith("@@") or (inside and not line.startswith("diff --git "))
        hidden = hidden or (inside and line.startswith("+++ AKIA"))
    assert bool(check(Applied("b", "t", (one("x", old=ORDINARY),), diff)).refused) == hidden
