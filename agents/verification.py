"""Tests in fresh sandboxes: each run has one of its own, so that none can prepare the ground for the next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agents.code_agent import Needs
from agents.code_site import Site
from agents.code_telling import LiveCall, Telling
from agents.code_verdict import Runs
from agents.coder_text import tail
from agents.coder_tools import ended
from agents.patch import is_of_tests
from agents.repositories import Touched
from agents.runner_output import counted
from agents.sandbox import Result, SandboxGone
from agents.work_tree import Base, lay_out, put_patch, run_tests, set_back
from tools.nouns import TestRun

MOST_TAIL = 3_000


@dataclass(frozen=True)
class Verification:
    """How tests are tried: where, in which kind of sandbox, for how many seconds each run."""

    site: Site
    needs: Needs
    seconds: float = 240.0

    async def as_is(self, telling: Telling, base: Base, command: Sequence[str]) -> TestRun:
        """The tests of the untouched base."""
        return await self._tested(telling, base, command, "the tests as they stand")

    async def runs(
        self, telling: Telling, base: Base, command: Sequence[str] | None, patch: bytes, touched: Sequence[Touched]
    ) -> Runs:
        """All runs that a patch needs; those that would be the same are made once."""
        if command is None:
            return Runs()
        of_tests = [one.path for one in touched if is_of_tests(one.path)]
        of_source = [one.path for one in touched if not is_of_tests(one.path)]
        as_is = await self.as_is(telling, base, command)
        runs = Runs(as_is=as_is, before=as_is)
        if of_tests:
            before = await self._tested(telling, base, command, "the new tests, without the fix", patch, of_source)
            runs = replace(runs, before=before)
        after = await self._tested(telling, base, command, "the tests, with the fix", patch)
        runs = replace(runs, after=after, base_tests=after)
        if of_tests:
            old = await self._tested(telling, base, command, "the old tests, with the fix", patch, of_tests)
            runs = replace(runs, base_tests=old)
        return runs

    async def _tested(
        self,
        telling: Telling,
        base: Base,
        command: Sequence[str],
        what: str,
        patch: bytes = b"",
        back: Sequence[str] = (),
    ) -> TestRun:
        try:
            return await self._in_fresh(telling, base, command, what, patch, back)
        except SandboxGone as gone:
            # Tests that use up their sandbox are not green; what was made before them is not lost with it.
            return TestRun(command=shlex.join(command), code=-9, green=False, tail=str(gone))

    async def _in_fresh(
        self, telling: Telling, base: Base, command: Sequence[str], what: str, patch: bytes, back: Sequence[str]
    ) -> TestRun:
        async with self.site.sandbox(telling, self.needs) as sandbox:
            commit = await lay_out(sandbox, base)
            if patch:
                await put_patch(sandbox, patch)
                await set_back(sandbox, commit, back, base.files)
            async with LiveCall(telling, "sandbox.test", {"command": shlex.join(command), "what": what}) as call:
                result, written = await run_tests(sandbox, command, self.seconds, call.heard)
                run = as_test_run(command, result, written, self.seconds)
                call.ok, call.summary, call.output = run.green, f"{what}: {told(run)}", run.tail
        return run


def as_test_run(command: Sequence[str], result: Result, written: bytes, limit: float) -> TestRun:
    """A run of tests as a record. It is green only if it ended well and no count says otherwise."""
    text = written.decode("utf-8", "replace")
    counts = counted(text)
    end = tail(text, MOST_TAIL)
    if result.code != 0:
        end = f"{end}\n[{ended(result, limit)}]"
    return TestRun(
        command=shlex.join(command),
        code=result.code,
        green=result.succeeded and (counts is None or (counts.failed == 0 and counts.passed > 0)),
        passed=counts.passed if counts else None,
        failed=counts.failed if counts else None,
        seconds=round(result.seconds, 2),
        tail=end,
    )


def told(run: TestRun) -> str:
    """A run of tests in a few words: "12 passed, 1 failed"."""
    if run.passed is None:
        return "green" if run.green else f"not green, exit status {run.code}"
    return f"{run.passed} passed, {run.failed or 0} failed"
