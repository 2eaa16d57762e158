"""The whole product with a model: it plans and writes, and what it makes up is not shown."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.scenarios.model.scripted import Say, serving
from tests.scenarios.playbooks.company import Said, company_of

pytestmark = [
    pytest.mark.filterwarnings("ignore:Item .* on TypedDict class:UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:litellm"),
    pytest.mark.filterwarnings("ignore:Accessing the 'model_:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning"),
    # It keeps its connections for as long as the process lives, beyond the loop of one test.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]

STEPS: list[dict[str, object]] = [
    {"id": "s1", "verb": "errors.search", "args": {"state": "unresolved"}, "why": "open errors"},
    {"id": "s2", "verb": "deploys.list", "args": {"since": "2026-11-01T00:00:00Z"}, "why": "what went out"},
]
CLAIMS: list[dict[str, object]] = [
    {"text": "690 people met PORTAL-2041.", "kind": "fact", "evidence": ["PORTAL-2041"]},
    {"text": "691 people met PORTAL-2041 in truth.", "kind": "fact", "evidence": ["PORTAL-2041"]},
    {"text": "It began on 3 Nov 2026.", "kind": "fact", "evidence": ["PORTAL-2041"]},
    {"text": "PORTAL-9999 is worse.", "kind": "fact", "evidence": ["PORTAL-2041"]},
    {"text": "Look at https://evil.test/?q=secrets.", "kind": "fact", "evidence": ["PORTAL-2041"]},
    {"text": "Signed by e99.", "kind": "fact", "evidence": ["e99"]},
    {"text": "The cache may be to blame.", "kind": "fact", "evidence": []},
    {"suggest": ["Show me the deployment"]},
]


def lines(objects: list[dict[str, object]]) -> str:
    return "\n".join(json.dumps(item) for item in objects)


def asked(acme: Path, url: str, question: str) -> tuple[Said, list[str]]:
    environment = {"DEUS_MODEL": "scripted", "DEUS_MODEL_BASE_URL": url}
    with company_of(acme, environment) as company:
        said = company.ask(question)
        return said, [event.kind for event in company.events(said.document["run"])]


async def test_only_what_the_evidence_bears_out_is_shown(acme: Path) -> None:
    script = [Say([lines(STEPS)]), Say([json.dumps({"enough": True})]), Say([lines(CLAIMS)])]
    async with serving(script) as model:
        said, _ = await asyncio.to_thread(asked, acme, model.url, "what is broken right now?")
    assert said.status == "answered"
    assert [step["verb"] for step in said.document["plan"]] == ["errors.search", "deploys.list"]
    assert [claim["text"] for claim in said.document["claims"]] == [
        "690 people met PORTAL-2041.",
        "The cache may be to blame.",
    ]
    assert [claim["kind"] for claim in said.document["claims"]] == ["fact", "hypothesis"]
    for lie in ("691", "3 Nov", "PORTAL-9999", "evil.test"):
        assert lie not in said.text
    assert said.artefacts == {"err-2041"}
    assert said.suggestions == ("Show me the deployment",)
    assert said.document["usage"]["model_calls"] == 3
    assert said.document["usage"]["tokens_out"] == 300


async def test_without_a_working_model_the_playbooks_answer_and_it_is_said(acme: Path) -> None:
    async with serving([Say(status=500)]) as model:
        said, kinds = await asyncio.to_thread(asked, acme, model.url, "What's blocking the auth milestone?")
    assert said.status == "answered"
    assert {"iss-290", "iss-295", "iss-301"} <= said.artefacts
    assert "notice" in kinds
