"""Counts out of what test runners write, and how a repository's tests are run."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.runner import commands, runner
from agents.runner_output import Counted, counted

COUNTS = st.integers(min_value=0, max_value=99_999)


@pytest.mark.parametrize(
    ("output", "passed", "failed"),
    [
        ("..F\n=== 1 failed, 2 passed, 1 warning in 0.12s ===\n", 2, 1),
        ("3 passed in 0.01s\n", 3, 0),
        ("\x1b[32m===== \x1b[1m12 passed\x1b[0m, 3 skipped in 65.31s (0:01:05) =====\x1b[0m\n", 12, 0),
        ("=== 2 passed, 1 error in 1.20s ===", 2, 1),
        ("----\nRan 5 tests in 0.003s\n\nOK\n", 5, 0),
        ("----\nRan 5 tests in 0.003s\n\nFAILED (failures=1, errors=1, skipped=1)\n", 2, 2),
        ("# tests 4\n# suites 0\n# pass 3\n# fail 1\n# cancelled 0\n# skipped 0\n", 3, 1),
        ("ℹ tests 2\nℹ suites 0\nℹ pass 1\nℹ fail 0\nℹ cancelled 1\n", 1, 1),
        ("Tests:       1 failed, 1 skipped, 4 passed, 6 total\nTime: 1 s\n", 4, 1),
        (" Test Files  1 passed (1)\n      Tests  7 passed (7)\n", 7, 0),
        ("\n  8 passing (12ms)\n  2 failing\n", 8, 2),
        ("test result: ok. 4 passed; 0 failed; 0 ignored;\n\ntest result: FAILED. 1 passed; 2 failed; 0 ig;\n", 5, 2),
        ("--- PASS: TestA (0.00s)\n    --- PASS: TestA/b (0.00s)\n--- FAIL: TestC (0.00s)\nFAIL\tx/y\t0.01s\n", 2, 1),
    ],
)
def test_every_runner_that_is_known(output: str, passed: int, failed: int) -> None:
    assert counted(output) == Counted(passed, failed)


@pytest.mark.parametrize(
    "output", ["", "all fine", "5 passed the exam in 3 rooms", "Ran 5 tests in 0.1s\n", "# pass 3\n"]
)
def test_what_is_no_summary_gives_no_counts(output: str) -> None:
    assert counted(output) is None


@given(COUNTS, COUNTS, st.text(max_size=200))
def test_the_last_summary_counts_whatever_was_printed_before(passed: int, failed: int, noise: str) -> None:
    before = f"{noise}\n1 passed in 0.01s\n# pass 7\n# fail 7\n"
    assert counted(f"{before}=== {failed} failed, {passed} passed in 1.00s ===\n") == Counted(passed, failed)
    assert counted(f"{before}\n# pass {passed}\n# fail {failed}\n") == Counted(passed, failed)


@given(st.text(max_size=2_000))
def test_no_output_breaks_it(output: str) -> None:
    found = counted(output)
    assert found is None or (found.passed >= 0 and found.failed >= 0)


@given(
    st.lists(st.sampled_from(["9" * 9 + " ", "a=1, ", "passed, ", "\x1b[", "=== ", "1 failed", "\n", "Ran ", " in 1s"]))
)
def test_what_looks_like_summaries_does_not_take_for_ever(parts: list[str]) -> None:
    counted("".join(parts) * 50)


def read_of(files: dict[str, str]) -> tuple[str, ...] | None:
    return runner(files, lambda path: files[path], "api/src/a.ts")


PACKAGE = json.dumps({"scripts": {"test": "node --test"}})


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"package.json": PACKAGE}, ("npm", "test", "--silent")),
        ({"package.json": '{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}'}, None),
        ({"package.json": "[no json"}, None),
        ({"package.json": '{"scripts": 3}', "Makefile": "build:\n\ntest: build\n\tx\n"}, ("make", "test")),
        ({"Makefile": "test := 3\n"}, None),
        ({"pyproject.toml": "[tool.pytest.ini_options]\n"}, ("python3", "-m", "pytest", "-q")),
        ({"tests/test_a.py": ""}, ("python3", "-m", "pytest", "-q")),
        ({"go.mod": ""}, ("go", "test", "-v", "./...")),
        ({"api/src/a.test.ts": ""}, ("node", "--test")),
        ({"api/package.json": PACKAGE, "package.json": PACKAGE}, ("bash", "-c", "cd api && npm test --silent")),
        ({"README.md": ""}, None),
    ],
)
def test_the_command_is_found_nearest_to_the_file(files: dict[str, str], command: tuple[str, ...] | None) -> None:
    assert read_of(files) == command


def test_commands_are_set_by_repository() -> None:
    said = commands("Acme/Portal=npm test;acme/api=cd api && make test ; ")
    assert said == {"acme/portal": ("npm", "test"), "acme/api": ("bash", "-c", "cd api && make test")}
    for wrong in ("portal=npm test", "acme/portal=", "acme/portal", "a/b='x"):
        with pytest.raises(ValueError, match=r"."):
            commands(wrong)


@given(st.text(max_size=60))
def test_a_setting_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert all(commands(text).values())
