"""A question becomes a run, its steps run, and the answer comes with evidence."""

from __future__ import annotations

from pathlib import Path

from agents.plan import Step
from agents.ports import PlanHeader
from tests.scenarios.engine.script import ScriptedPlanner, ScriptedToolbox, deployment, error, small

STEPS = (
    PlanHeader("why", {"metric": "signups"}),
    Step(id="d", verb="deploys.list", title="Releases"),
    Step(id="e", verb="errors.search", title="Errors"),
    Step(id="n", verb="analyze.test_count", args={"nouns": "$d"}, needs=("e",), title="Count"),
)


def toolbox() -> ScriptedToolbox:
    return ScriptedToolbox(
        {
            "vercel": {"deploys.list": [deployment("d1"), deployment("d2", 3)]},
            "sentry": {"errors.search": [error("WEB-1")]},
        }
    )


async def test_a_question_is_answered_with_events_and_evidence(tmp_path: Path) -> None:
    async with small(tmp_path, toolbox(), ScriptedPlanner(STEPS)) as deus:
        run = await deus.ask("Why did signups drop?")
        events = await deus.watched(run)
        document = await deus.conversations.document(run)
    stored = [event for event in events if event.kind != "text.delta"]
    assert [event.seq for event in stored] == list(range(1, len(stored) + 1))
    assert stored[0].kind == "run.started"
    assert [event.kind for event in stored[-2:]] == ["message.completed", "run.finished"]
    streamed = "".join(str(event.data["text"]) for event in events if event.kind == "text.delta")
    assert streamed == document.answer == stored[-2].data["text"]
    assert document.status == "answered"
    assert {claim.text for claim in document.claims} == {"Release d1.", "TypeError in form.tsx."}
    assert {item["ref"] for item in document.evidence} == {"d1", "WEB-1"}
    assert [(step["id"], step["state"]) for step in document.plan] == [("d", "done"), ("e", "done"), ("n", "done")]
    assert document.usage.tool_calls == 2
