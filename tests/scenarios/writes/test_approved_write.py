"""A write over the API: shown, approved, done once with a receipt, taken back."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.model.scripted import Say, serving
from tests.scenarios.playbooks.company import OpenCompany, company_of

pytestmark = [
    pytest.mark.filterwarnings("ignore:Item .* on TypedDict class:UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:litellm"),
    pytest.mark.filterwarnings("ignore:Accessing the 'model_:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]

STEPS: list[dict[str, Any]] = [
    {"id": "before", "verb": "deploys.list", "args": {"component": "web"}} | {"args": {}},
    {
        "id": "notify",
        "verb": "messages.send",
        "args": {"to": "#product", "text": "The signup form is being mended."},
        "title": "Tell the team",
    },
]


def until(look: Callable[[], Any], seconds: float = 30.0) -> Any:
    """What `look` finds, as soon as it finds something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError("nothing came")


def channel(company: OpenCompany) -> list[str]:
    said = company.ask("what was said in general?")
    return [str(said)]


def notified(acme: Path, url: str) -> None:
    environment = {"DEUS_MODEL": "scripted", "DEUS_MODEL_BASE_URL": url}
    with company_of(acme, environment) as company:
        document = company.http.post("/api/runs", json={"question": "Tell #product that we mend the form"}).json()
        assert document["status"] == "awaiting_approval", document
        (approval,) = document["approvals"]
        assert approval["change"]["after"]["text"] == "The signup form is being mended."
        listed = company.http.get("/api/approvals", params={"state": "requested"}).json()
        assert [one["id"] for one in listed] == [approval["id"]]
        wrong = {"choice": "approve", "digest": "0" * 64}
        refused = company.http.post(f"/api/approvals/{approval['id']}/decision", json=wrong)
        assert refused.status_code == 409, refused.text
        said = {"choice": "approve", "digest": approval["digest"]}
        approved = company.http.post(f"/api/approvals/{approval['id']}/decision", json=said)
        assert approved.status_code == 200, approved.text
        late = company.http.post(f"/api/approvals/{approval['id']}/decision", json=said | {"choice": "reject"})
        assert late.status_code == 409
        run = document["run"]

        def ended() -> Any:
            found = company.http.get(f"/api/runs/{run}").json()
            return found if found["status"] not in ("running", "awaiting_approval") else None

        done = until(ended)
        assert done["status"] == "answered", done
        (receipt,) = done["receipts"]
        assert receipt["verified"]
        assert receipt["undo"]
        (effect,) = company.http.get(f"/api/runs/{run}/receipts").json()
        assert effect["state"] == "done"
        assert effect["by"] == ["api"]
        undone = company.http.post(f"/api/receipts/{effect['key']}/undo", json={})
        assert undone.status_code == 200, undone.text
        assert company.http.get(f"/api/runs/{run}/receipts").json()[0]["state"] == "undone"


async def test_a_message_is_shown_approved_sent_and_taken_back(acme: Path) -> None:
    plan = "\n".join(json.dumps(step) for step in STEPS)
    claims = json.dumps({"text": "The team was told.", "kind": "fact", "evidence": []})
    script = [Say([plan]), Say([claims]), Say([json.dumps({"enough": True})]), Say([claims])]
    async with serving(script) as model:
        await asyncio.to_thread(notified, acme, model.url)
