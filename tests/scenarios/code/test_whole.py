"""From the sentence to the draft pull request and back: the demo company, its git, a scripted model on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.sandboxes import needs_bubblewrap
from tests.scenarios.code.script import Use
from tests.scenarios.model.scripted import Say, ScriptedModel, serving
from tests.scenarios.playbooks.company import company_of
from tests.scenarios.writes.office import Office, until
from tools.nouns import PullRequest

pytestmark = [
    needs_bubblewrap,
    pytest.mark.filterwarnings("ignore:Item .* on TypedDict class:UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:litellm"),
    pytest.mark.filterwarnings("ignore:Accessing the 'model_:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]

WORLD = Path(__file__).parents[3] / "app" / "demo" / "worlds" / "acme.yaml"
ASKED = "Fix the auth bug from Sentry"
FILE = "api/src/auth/session.ts"
GONE = """import assert from 'node:assert/strict';
import { test } from 'node:test';

import { refreshSession } from './session';

test('a session that is gone is not extended', async () => {
  await assert.rejects(refreshSession('nobody'), { name: 'Unauthorized' });
});
"""
MENDING: Sequence[Sequence[Use]] = (
    [("read", {"path": FILE}), ("read", {"path": "api/src/auth/session.test.ts"})],
    [("write", {"path": "api/src/auth/gone.test.ts", "content": GONE}), ("test", {})],
    [("edit", {"path": FILE, "old": "if (session.expiresAt <", "new": "if (!session || session.expiresAt <"})],
    [("test", {})],
    [("finish", {"summary": "A session that was deleted is answered with 401 now.", "green": True})],
)
LIE: Sequence[Sequence[Use]] = (
    [("write", {"path": "api/src/auth/gone.test.ts", "content": GONE})],
    [("finish", {"summary": "Fixed, all tests are green.", "green": True})],
)


@dataclass
class CodingModel(ScriptedModel):
    """Answers a coder by its script, time after time, and fails whoever else asks."""

    script: list[Say] = field(default_factory=list)
    turns: Sequence[Sequence[Use]] = MENDING

    def next(self) -> Say:
        asked = self.asked[-1]
        if not any(tool["function"]["name"] == "finish" for tool in asked.get("tools", ())):
            return Say(status=500)
        said = sum(message["role"] == "assistant" for message in asked["messages"])
        return Say(uses=list(self.turns[said]))


def text_of(document: Mapping[str, Any]) -> str:
    return str(document["answer"])


def proposed_approved_and_undone(office: Office) -> None:
    document = ordered(office, "mend")
    assert document["status"] == "awaiting_approval", text_of(document)
    assert "**Confirmed** in fresh sandboxes" in text_of(document)
    assert "PORTAL-2032" in text_of(document)
    (asked,) = office.waiting(document["run"])
    assert asked["verb"] == "pulls.propose"
    assert "!session ||" in str(asked)
    ended = office.decide(document)
    assert ended["status"] == "answered", ended
    kinds = [(event.kind, event.data.get("kind")) for event in office.company.events(document["run"])]
    assert ("artifact.created", "diff") in kinds
    assert ("artifact.created", "tests") in kinds
    (effect,) = office.effects(document["run"])
    assert (effect.state, effect.service) == ("done", "github")
    assert effect.landed is not None
    pull = opened(office, effect.landed.ref)
    assert (pull.state, pull.draft) == ("open", True)
    assert {file.path for file in pull.files} == {FILE, "api/src/auth/gone.test.ts"}
    assert "PORTAL-2032" in pull.body
    assert "the tests fail without this change" in pull.body.lower()
    assert office.undo(effect).status_code == 200
    assert opened(office, effect.landed.ref).state == "closed"


def ordered(office: Office, conversation: str) -> Mapping[str, Any]:
    """The run's document when it is answered or waits, however long a busy machine takes."""
    asked = {"question": ASKED, "conversation": conversation, "wait": False}
    run = str(office.http.post("/api/runs", json=asked).json()["run"])
    until(lambda: office.document(run)["status"] != "running", 240.0)
    return office.document(run)


def opened(office: Office, ref: str) -> PullRequest:
    (pull,) = office.read("pulls.get", "github", ref=ref)
    assert isinstance(pull, PullRequest)
    return pull


def lied_about(office: Office) -> None:
    document = ordered(office, "lied")
    assert document["status"] == "answered", text_of(document)
    assert "**Refuted**" in text_of(document)
    assert "no fix that I could propose" in text_of(document)
    assert not office.waiting(document["run"])


async def test_a_fix_is_proven_opened_and_taken_back_and_a_false_claim_of_green_is_shown_and_not_proposed() -> None:
    async with serving(CodingModel()) as model:
        assert isinstance(model, CodingModel)
        await asyncio.to_thread(worked_on, model)


def worked_on(model: CodingModel) -> None:
    with company_of(WORLD, {"DEUS_MODEL": "scripted", "DEUS_MODEL_BASE_URL": model.url}) as company:
        office = Office(company)
        proposed_approved_and_undone(office)
        model.turns = LIE
        lied_about(office)


def test_with_no_key_all_facts_are_there_and_what_a_key_would_add() -> None:
    with company_of(WORLD) as company:
        said = company.ask(ASKED)
    assert said.status == "answered"
    for words in (
        "Nothing was changed",
        "DEUS",
        "`api/src/auth/session.ts:12 in refreshSession`",
        "`npm test --silent`",
    ):
        assert words in said.text
    assert "2 passed, 0 failed" in said.text
    assert {"err-2032", "doc-11"} <= said.artefacts
