"""What the test runs of a patch prove. Pure; whatever is not shown does not count."""

from __future__ import annotations

from dataclasses import dataclass

from tools.nouns import TestRun, Verdict

NO_WAY = "There is no known way to run this repository's tests, so nobody has tried the change."
NOT_HERE = "No test passes in the sandbox, with the change or without it, so the tests say nothing about it."
NOT_GREEN = "The tests are not green after the change."
CLAIMED = "The agent said that the tests are green; in a fresh sandbox they are not."
WEAKENED = "The tests as they were before the change fail against it."
NOT_REPRODUCED = "No test fails without the change, so the tests do not show that the bug is gone."
WAS_RED = "Tests failed before the change already."


@dataclass(frozen=True)
class Runs:
    """The tests, each run in a sandbox of its own: `as_is` is the base untouched, `before` the base's source with the
    patch's tests, `after` the patched repository, `base_tests` the base's tests on the patched source."""

    as_is: TestRun | None = None
    before: TestRun | None = None
    after: TestRun | None = None
    base_tests: TestRun | None = None


def verdict(runs: Runs, says_green: bool | None) -> tuple[Verdict, tuple[str, ...]]:
    """What is proven, and what a person should know about it.

    Confirmed: red without the change, green with it, and the tests as they were are green as well.
    """
    if runs.after is None or runs.as_is is None:
        return "untested", (NO_WAY,)
    if not runs.after.green and says_green:
        return "refuted", (CLAIMED,)
    if _says_nothing(runs.as_is) and _says_nothing(runs.after):
        return "untested", (NOT_HERE,)
    if not runs.after.green:
        return "refuted", (NOT_GREEN,)
    if runs.base_tests is not None and not runs.base_tests.green:
        return "refuted", (WEAKENED,)
    if runs.before is None or runs.before.green:
        return "untested", (NOT_REPRODUCED,)
    return "confirmed", ()


def _says_nothing(run: TestRun) -> bool:
    """Whether a run is not green and no test of it is known to have passed: the runner may not have begun at all."""
    return not run.green and not run.passed
