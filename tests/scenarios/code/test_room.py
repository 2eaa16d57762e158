"""Code tasks from end to end below the run: real mirrors, real sandboxes, a scripted model."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from agents.code_agent import (
    FOLDER,
    AgentEvent,
    CodeBudget,
    CodeTask,
    Finished,
    Needs,
    Spent,
    ToolCalled,
    ToolReturned,
    ToolWrote,
)
from agents.code_telling import Telling
from agents.code_verbs import CodeFix
from agents.errors import NothingFound, StepFailed
from agents.record import Usage
from agents.rights import Rights
from agents.sandbox import Sandbox, Stream
from app.repositories.mirrors import Mirrors
from app.sandboxes.local import LocalSandboxes
from tests.e2b.providers import on_loopback
from tests.git.hosts import Host, code_host, commit, git
from tests.sandboxes import SMALL, needs_bubblewrap
from tests.scenarios.code.script import BUGGY, FILES, MENDED, MENDING, NEW_TEST, OLD_TEST, Scripted, Use
from tests.scenarios.code.workshop import ERROR, EVENT, ISSUE, Bench
from tools.nouns import Commit, Noun, Patch, Workplace

pytestmark = needs_bubblewrap


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with code_host(tmp_path) as host:
        commit(host.bare, FILES, "Sessions end")
        yield host


@pytest.fixture
async def bench(host: Host, tmp_path: Path) -> AsyncIterator[Bench]:
    sandboxes = LocalSandboxes()
    yield Bench(Mirrors(tmp_path / "mirrors", lambda: [host]), sandboxes)
    assert await sandboxes.list() == ()
    await sandboxes.aclose()


def place_of(nouns: Sequence[Noun]) -> Workplace:
    assert isinstance(nouns[0], Workplace)
    return nouns[0]


async def fixed(bench: Bench, model: Scripted, budget: CodeBudget | None = None) -> Patch:
    place = await bench.prepare()
    brought = await bench.fix(bench.room(model, budget), place)
    (patch,) = brought.nouns
    assert isinstance(patch, Patch)
    bench.shown = {str(one["kind"]): one for one in brought.artifacts}
    return patch


async def test_the_facts_are_found_without_a_model(bench: Bench, host: Host) -> None:
    brought = await bench.prepare()
    place = place_of(brought.nouns)
    assert (place.repo, place.path, place.line) == ("acme/portal", "session.py", 2)
    assert place.base == git(host.bare, "rev-parse", "main")
    assert place.frame == "session.py:2 in end_of"
    assert "    2> " in place.snippet
    assert place.suspect == place.base
    assert [one.title for one in brought.nouns if isinstance(one, Commit)] == ["Sessions end"]
    assert place.tests is not None
    assert (place.tests.green, place.tests.passed, place.tests.failed) == (True, 1, 0)
    first, *_ = bench.log.found
    assert (first.service, first.step) == ("github", "place")
    kinds = [event.kind for event in bench.log.events]
    assert kinds.index("call.started") < kinds.index("output.delta") < kinds.index("call.finished")


async def test_without_a_sandbox_a_way_to_test_or_the_repository_the_rest_is_said(bench: Bench, tmp_path: Path) -> None:
    bench.sandboxes = LocalSandboxes(bwrap=tmp_path / "nowhere")
    without = place_of((await bench.prepare()).nouns)
    assert (without.path, without.tests) == ("session.py", None)
    assert "bubblewrap" in without.untested
    unreadable = place_of((await bench.prepare(repo="acme/secret")).nouns)
    assert (unreadable.base, unreadable.path) == ("", "")
    assert "acme/secret" in unreadable.untested
    assert unreadable.frame == "/srv/app/session.py:2 in end_of"
    nowhere = place_of((await bench.prepare(repo=None)).nouns)
    assert "which repository" in nowhere.untested
    with pytest.raises(NothingFound):
        await bench.prepare(Commit(service="github", ref="a", url="", at=ERROR.at, title="x", repo="acme/portal"))


async def test_an_issue_that_was_named_goes_before_an_error_that_was_not(bench: Bench) -> None:
    bench.said = "Fix eng-5 please"
    place = place_of((await bench.prepare(ERROR, EVENT, ISSUE)).nouns)
    assert (place.error, place.path) == ("ENG-5", "")
    bench.said = "Fix ENG-5, which is PORTAL-7"
    assert place_of((await bench.prepare(ERROR, EVENT, ISSUE)).nouns).error == "PORTAL-7"
    bench.said = "Fix ENG-55"
    assert place_of((await bench.prepare(ERROR, EVENT, ISSUE)).nouns).error == "PORTAL-7"


async def test_a_fix_is_reproduced_made_confirmed_and_committed(bench: Bench, host: Host, tmp_path: Path) -> None:
    patch = await fixed(bench, Scripted(MENDING))
    assert patch.verdict == "confirmed", patch
    assert patch.before is not None
    assert not patch.before.green
    assert patch.after is not None
    assert (patch.after.green, patch.after.passed) == (True, 2)
    assert patch.base_tests is not None
    assert (patch.base_tests.green, patch.base_tests.passed) == (True, 1)
    assert {file.path: file.status for file in patch.files} == {"session.py": "modified", "test_gone.py": "added"}
    assert patch.refused == ()
    assert patch.commit is not None
    assert "pycache" not in patch.diff
    mirror = tmp_path / "mirrors" / "acme" / "portal.git"
    assert git(mirror, "show", f"{patch.commit}:session.py") == MENDED.strip()
    assert git(mirror, "rev-parse", f"{patch.commit}^") == patch.base
    assert git(host.bare, "for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert patch.branch.startswith("agent/fix-portal-7-")
    for words in ("PORTAL-7", "sentry.test/7", "ENG-5", "2 passed", "session.py", "/runs/run_1"):
        assert words in patch.description
    shown = bench.shown
    assert shown["diff"]["data"]["files"] == [
        {"path": "session.py", "added": 2, "removed": 0},
        {"path": "test_gone.py", "added": NEW_TEST.count("\n"), "removed": 0},
    ]
    assert shown["tests"]["data"]["verdict"] == "confirmed"
    calls = [event["verb"] for event in bench.log.of("call.started") if event["step"] == "fix"]
    assert calls[:6] == [f"sandbox.{one}" for one in ("search", "read", "write", "test", "edit", "test")]
    assert calls[6:] == ["sandbox.test"] * 4
    assert len({event["id"] for event in bench.log.of("call.started")}) == len(bench.log.of("call.finished"))


async def test_a_fix_is_confirmed_at_e2b_as_well(host: Host, tmp_path: Path) -> None:
    async with on_loopback() as sandboxes:
        bench = Bench(Mirrors(tmp_path / "mirrors", lambda: [host]), sandboxes)
        patch = await fixed(bench, Scripted(MENDING))
        assert (patch.verdict, patch.commit is not None) == ("confirmed", True), patch.attention
        assert await sandboxes.list() == ()


async def test_a_false_claim_of_green_is_refuted_and_not_committed(bench: Bench) -> None:
    lie: list[list[Use]] = [
        [("write", {"path": "test_gone.py", "content": NEW_TEST})],
        [("write", {"path": "notes.txt", "content": "mended\n"})],
        [("finish", {"summary": "All tests pass.", "green": True})],
    ]
    patch = await fixed(bench, Scripted(lie))
    assert (patch.verdict, patch.commit, patch.description) == ("refuted", None, "")
    assert "a fresh sandbox they are not" in patch.attention[0]
    assert bench.shown["tests"]["alt"].startswith("Refuted")


async def test_a_weakened_test_does_not_help(bench: Bench) -> None:
    weaker = OLD_TEST.replace("end_of({", "None or (lambda x: 3)({")
    broken = BUGGY.replace('session["expires"]', "session and 4")
    weakened: list[list[Use]] = [
        [
            ("write", {"path": "session.py", "content": broken}),
            ("write", {"path": "test_session.py", "content": weaker}),
        ],
        [("finish", {"summary": "Green now.", "green": True})],
    ]
    patch = await fixed(bench, Scripted(weakened))
    assert patch.after is not None
    assert patch.after.green
    assert (patch.verdict, patch.commit) == ("refuted", None)
    assert any("changes a test" in one for one in patch.attention)


async def test_a_fix_that_no_test_shows_is_not_proven_but_may_be_proposed(bench: Bench) -> None:
    only: list[list[Use]] = [[("write", {"path": "session.py", "content": MENDED})], [("finish", {"summary": "Done."})]]
    patch = await fixed(bench, Scripted(only))
    assert (patch.verdict, patch.commit is not None) == ("untested", True)
    assert "No test fails without the change" in patch.attention[0]
    assert "Please look at" in patch.description


async def test_a_patch_that_must_not_leave_is_refused_whatever_its_tests_say(bench: Bench) -> None:
    secret: list[list[Use]] = [
        [("run", {"command": "ln -s /etc/passwd link; echo 'k = \"ghp_" + "a1B2" * 9 + "\"' > key.py"})],
        [("finish", {"summary": "Done.", "green": True})],
    ]
    patch = await fixed(bench, Scripted(secret))
    assert patch.commit is None
    assert len(patch.refused) == 2
    assert patch.after is None


async def test_files_are_handed_in_and_taken_out_byte_for_byte(bench: Bench, host: Host) -> None:
    attributes = "*.txt text eol=crlf ident export-subst\nhidden/ export-ignore\n"
    commit(host.bare, {".gitattributes": attributes, "a.txt": "one\r\n$Id$ $Format:%H$\r\n", "hidden/b.txt": "b\r\n"})
    change: list[list[Use]] = [
        [("run", {"command": "sed -i s/one/two/ a.txt; printf 'c\\r\\n' >> hidden/b.txt; git status --short"})],
        [("finish", {"summary": "Done."})],
    ]
    patch = await fixed(bench, Scripted(change))
    assert patch.refused == ()
    assert patch.commit is not None
    assert [file.path for file in patch.files] == ["a.txt", "hidden/b.txt"]
    assert [line for line in patch.diff.splitlines() if line.startswith(("+", "-")) and line[1:2] not in "+-"] == [
        "-one", "+two", "+c",
    ]  # fmt: skip


async def test_tests_that_use_up_their_sandbox_are_not_green_and_the_patch_is_not_lost(bench: Bench) -> None:
    hungry = "x = b'x' * (110 << 20); import time; time.sleep(60)"
    greedy = NEW_TEST.replace(
        "        self.assertIsNone(end_of(None))",
        "        import subprocess, sys\n"
        f"        all = [subprocess.Popen([sys.executable, '-c', {hungry!r}]) for _ in range(4)]\n"
        "        self.assertEqual([one.wait() for one in all], [0] * 4)",
    )
    eager: list[list[Use]] = [
        [("write", {"path": "test_gone.py", "content": greedy}), ("write", {"path": "session.py", "content": MENDED})],
        [("finish", {"summary": "Done."})],
    ]
    patch = await fixed(bench, Scripted(eager))
    assert patch.after is not None
    assert (patch.verdict, patch.after.green, patch.commit) == ("refuted", False, None)
    assert "more memory than it may" in patch.after.tail
    assert "+    if session is None:" in patch.diff


class Foreign:
    """An agent that calls its model by itself, as a command line of another maker does."""

    name = "foreign"

    async def missing(self) -> str | None:
        return None

    def needs(self, task: CodeTask) -> Needs:
        return Needs(SMALL)

    async def work(self, task: CodeTask, sandbox: Sandbox) -> AsyncIterator[AgentEvent]:
        yield ToolCalled("t/1", "Bash it!", {"command": "x"})
        yield ToolWrote("t/1", Stream.OUT, "some")
        yield ToolReturned("t/1", True, "done", "some", 3)
        yield Spent(Usage(model_calls=2, tokens_in=100, tokens_out=10, usd=0.25))
        await sandbox.write(f"{FOLDER}/session.py", MENDED.encode())
        yield Spent(Usage(model_calls=3, tokens_in=150, tokens_out=20, usd=0.75))
        yield Finished("Done.", True)


async def test_what_other_agents_spend_counts_on_the_run_as_well(bench: Bench) -> None:
    brought = await bench.fix(bench.room(Foreign()), await bench.prepare())
    assert isinstance(brought.nouns[0], Patch)
    assert brought.nouns[0].agent == "foreign"
    assert bench.budget is not None
    used = bench.budget.usage()
    assert (used.model_calls, used.tokens_in, used.tokens_out) == (3, 150, 20)
    assert used.usd == pytest.approx(0.75)
    assert bench.log.of("usage.updated")[-1]["usage"]["model_calls"] == 3
    assert "sandbox.bash_it_" in [event["verb"] for event in bench.log.of("call.started")]


async def test_one_that_never_ends_is_stopped_by_its_budget_and_what_it_has_is_not_proposed(bench: Bench) -> None:
    def on(messages: object) -> list[Use]:
        return [("run", {"command": f"echo {len(str(messages))} >> notes.txt"})]

    patch = await fixed(bench, Scripted([on] * 50), budget=CodeBudget(tool_calls=4))
    assert patch.commit is None
    assert "4 tool calls" in patch.refused[0]
    bench.log.events.clear()
    with pytest.raises(StepFailed, match="stopped before it was done"):
        await fixed(bench, Scripted([[("read", {"path": "README.md"})]] * 50), budget=CodeBudget(tool_calls=2))


async def test_what_was_mended_before_the_budget_ended_counts_if_it_is_confirmed(bench: Bench) -> None:
    patch = await fixed(bench, Scripted(MENDING), budget=CodeBudget(tool_calls=5))
    assert (patch.verdict, patch.commit is not None) == ("confirmed", True)
    assert "stopped before it was done" in patch.attention[0]


async def test_without_a_model_nothing_is_begun_and_it_says_what_a_key_would_add(bench: Bench) -> None:
    place = await bench.prepare()
    events = len(bench.log.events)
    with pytest.raises(NothingFound, match="DEUS_MODEL"):
        await bench.fix(bench.room(None), place)
    assert len(bench.log.events) == events


async def test_rights_visitors_see_nothing_readers_get_no_fix(bench: Bench) -> None:
    with pytest.raises(StepFailed, match="not open"):
        await bench.prepare(rights=Rights("visitor"))
    place = await bench.prepare(rights=Rights("viewer"))
    with pytest.raises(NothingFound, match="may read here"):
        await bench.fix(bench.room(Scripted(MENDING)), place, rights=Rights("viewer"))


async def test_cancelling_ends_the_sandbox_and_what_runs_in_it(bench: Bench) -> None:
    place = await bench.prepare()
    room = bench.room(Scripted([[("run", {"command": "echo begun; sleep 987654"})]]))
    task = asyncio.create_task(bench.fix(room, place))
    while not any("begun" in event["text"] for event in bench.log.of("output.delta")):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await bench.sandboxes.list() == ()
    assert not running(b"sleep\x00987654")


async def test_tasks_wait_for_their_turn_and_say_so(bench: Bench) -> None:
    bench.at_once = 1
    place = await bench.prepare()
    room = bench.room(Scripted(MENDING))
    async with room.site.turn(Telling(bench.errand(CodeFix(), "other"))):
        task = asyncio.create_task(bench.fix(room, place))
        while not bench.log.has("notice", "fix:waits"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert not task.done()
    assert (await task).nouns


async def test_what_a_dead_process_left_is_ended_before_the_step_is_done_again(bench: Bench) -> None:
    left = await bench.sandboxes.create(metadata={"run": "run_1", "step": "fix"})
    other = await bench.sandboxes.create(metadata={"run": "run_2", "step": "fix"})
    await fixed(bench, Scripted(MENDING))
    assert [info.id for info in await bench.sandboxes.list()] == [other.id]
    assert left.state.value == "gone"
    await other.kill()


def running(words: bytes) -> list[Path]:
    """The processes of this machine with these words in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found += [path] if words in path.read_bytes() else []
    return found
