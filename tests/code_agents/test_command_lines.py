"""Command lines of other makers at work in a real sandbox: a stand-in always, the real ones where installed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from agents.code_agent import Finished, Spent, Thought, ToolCalled, ToolReturned
from agents.errors import BudgetSpent, ModelUnusable
from app.code_agents.command_line import AgentOptions
from app.code_agents.found import code_agent, code_agents
from app.code_agents.program import native
from tests.code_agents.bench import FIX, KEY, Worked, key_inside, put_to_work, sandbox_for, task
from tests.code_agents.provider import Says, serving
from tests.sandboxes import needs_bubblewrap

pytestmark = needs_bubblewrap
SCRIPT = (Says("I will mend the sign.", FIX), Says("The sign was wrong; it is mended."))
MODELS = {"claude": "claude-sonnet-4-5", "codex": "gpt-5-codex", "opencode": "gpt-5"}


@pytest.fixture
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH with the stand-in as `claude`, where a sandbox's user can read it."""
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "claude"
    shutil.copy(Path(__file__).with_name("fake_claude.py"), program)
    program.chmod(0o755)
    for parent in (folder, *folder.parents):
        if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    return str(folder)


def mended(worked: Worked) -> None:
    """The bug is mended, and each thing that happened was told."""
    assert "a + b" in worked.file
    calls = [event for event in worked.events if isinstance(event, ToolCalled)]
    returned = [event for event in worked.events if isinstance(event, ToolReturned)]
    assert [call.tool for call in calls] == ["run"]
    assert FIX.partition(" && ")[2] in calls[0].args["command"]
    assert [(each.id, each.ok) for each in returned] == [(calls[0].id, True)]
    assert "OK" in returned[0].output
    assert any(isinstance(event, Thought) and "mend the sign" in event.text for event in worked.events)
    assert worked.events[-1] == Finished("The sign was wrong; it is mended.")
    spent = [event.usage for event in worked.events if isinstance(event, Spent)][-1]
    assert (spent.tool_calls, spent.model_calls >= 2, spent.usd > 0) == (1, True, True)
    assert worked.found == ""
    assert not [told for told in worked.egress if told["verdict"] == "allowed" and told["method"] == "CONNECT"]


async def test_a_stand_in_mends_the_bug_without_ever_seeing_the_key(stand_in: str) -> None:
    with serving(SCRIPT) as provider:
        options = AgentOptions(MODELS["claude"], provider.url, True, stand_in)
        assert await code_agent("claude", options).missing() is None
        worked = await put_to_work("claude", options, task())
    mended(worked)
    assert [headers["x-api-key"] for _, headers, _ in provider.requests] == [KEY, KEY]
    first = provider.requests[0][2]["messages"][0]["content"]
    assert "Mend the addition." in first
    assert "<untrusted" in first
    assert [(told["verdict"], told["path"], told["status"]) for told in worked.egress] == [
        ("allowed", "/model/v1/messages", 200)
    ] * 2
    assert KEY not in repr(worked.egress)


async def test_no_more_dollars_are_spent_than_the_task_may(stand_in: str) -> None:
    with serving([Says("On and on.", "true")]) as provider:
        options = AgentOptions(MODELS["claude"], provider.url, True, stand_in)
        with pytest.raises(BudgetSpent, match=r"\$0\.01"):
            # A call is reckoned at 1,000 tokens and some that are asked for, and costs 0.00105.
            await put_to_work("claude", options, task(usd=0.006))
    assert 1 <= len(provider.requests) <= 5


async def test_no_more_tools_are_called_than_the_task_may(stand_in: str) -> None:
    with serving([Says("On and on.", "true")]) as provider:
        options = AgentOptions(MODELS["claude"], provider.url, True, stand_in)
        with pytest.raises(BudgetSpent, match="3 tool calls"):
            await put_to_work("claude", options, task(tool_calls=3))


async def test_time_is_up_and_nothing_of_it_runs_on(stand_in: str) -> None:
    worked = Worked()
    with serving([Says("Waiting.", "sleep 1000")]) as provider:
        options = AgentOptions(MODELS["claude"], provider.url, True, stand_in)
        given = task(seconds=1.5)
        async with sandbox_for("claude", options, given, worked) as sandbox:
            with pytest.raises(BudgetSpent, match="seconds"):
                async for _ in code_agent("claude", options).work(given, sandbox):
                    pass
            left = await sandbox.run(["bash", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"])
            assert b"sleep 1000" not in left.out
            assert await key_inside(sandbox) == ""


async def test_one_who_stops_listening_stops_it(stand_in: str) -> None:
    worked = Worked()
    with serving([Says("Waiting.", "sleep 1000")]) as provider:
        options = AgentOptions(MODELS["claude"], provider.url, True, stand_in)
        async with sandbox_for("claude", options, task(), worked) as sandbox:
            events = code_agent("claude", options).work(task(), sandbox)
            async for event in events:
                if isinstance(event, ToolCalled):
                    break
            await events.aclose()  # type: ignore[attr-defined]
            left = await sandbox.run(["bash", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"])
            assert b"sleep 1000" not in left.out


async def test_a_model_that_refuses_is_unusable(stand_in: str) -> None:
    # Nothing listens there any more.
    with serving(SCRIPT) as provider:
        pass
    options = AgentOptions(MODELS["claude"], provider.url, True, stand_in)
    with pytest.raises(ModelUnusable, match="Claude Code ended with status 1"):
        await put_to_work("claude", options, task())


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(MODELS))
async def test_the_real_one_mends_the_bug_without_ever_seeing_the_key(name: str) -> None:
    agent = code_agents()[name]
    if native(agent.program, agent.beside) is None:
        pytest.skip(f"{agent.title} is not installed; npm install -g {agent.package}")
    with serving(SCRIPT) as provider:
        upstream = provider.url if name == "claude" else f"{provider.url}/v1"
        options = AgentOptions(MODELS[name], upstream, True)
        worked = await put_to_work(name, options, task())
    mended(worked)
    for _, headers, _ in provider.requests:
        assert KEY in (headers.get("x-api-key"), headers.get("authorization", "").removeprefix("Bearer "))
