"""A demo company whose people say yes and no; what its tools hold is read from the tools themselves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from agents.effect import Effect
from app.toolbox import ConnectedToolbox, connect
from tests.scenarios.playbooks.company import OpenCompany
from tools.kit.tool import Verb, verbs
from tools.kit.wire import open_client
from tools.nouns import Noun

T = TypeVar("T")


def until(look: Callable[[], T], seconds: float = 120.0) -> T:
    """What `look` finds, as soon as it finds something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError("nothing came")


class Office:
    """Orders, decisions and undos over the HTTP API."""

    def __init__(self, company: OpenCompany) -> None:
        self.company = company
        self.http = company.http

    def order(self, text: str, conversation: str) -> Mapping[str, Any]:
        """Says something and returns the run's document as soon as it is answered or waits."""
        answered = self.http.post("/api/runs", json={"question": text, "conversation": conversation})
        assert answered.status_code == 200, answered.text
        return dict(answered.json())

    def decide(self, document: Mapping[str, Any], choice: str = "approve") -> Mapping[str, Any]:
        """Decides all that a run asks for, and waits until it has ended."""
        for one in self.waiting(document["run"]):
            said = {"choice": choice, "digest": one["digest"]}
            decided = self.http.post(f"/api/approvals/{one['id']}/decision", json=said)
            assert decided.status_code == 200, decided.text
        return self.ended(document["run"])

    def edit(self, document: Mapping[str, Any], **args: Any) -> Mapping[str, Any]:
        """Changes the one proposal of a run, and waits until it is asked about anew."""
        (one,) = self.waiting(document["run"])
        changed = self.http.post(f"/api/approvals/{one['id']}/edit", json={"args": {**one["args"], **args}})
        assert changed.status_code == 200, changed.text
        until(lambda: [new for new in self.waiting(document["run"]) if new["id"] != one["id"]])
        return self.document(document["run"])

    def waiting(self, run: str) -> Sequence[Mapping[str, Any]]:
        """What a run asks for now."""
        listed = self.http.get("/api/approvals", params={"state": "requested"}).json()
        return [one for one in listed if one["run"] == run]

    def document(self, run: str) -> Mapping[str, Any]:
        return dict(self.http.get(f"/api/runs/{run}").json())

    def ended(self, run: str) -> Mapping[str, Any]:
        """A run's document when it has ended."""
        until(lambda: self.document(run)["status"] not in ("running", "awaiting_approval"))
        return self.document(run)

    def effects(self, run: str) -> list[Effect]:
        """What a run changed, as the ledger has it."""
        return [Effect.model_validate(one) for one in self.http.get(f"/api/runs/{run}/receipts").json()]

    def undo(self, effect: Effect) -> Any:
        """Takes a write back."""
        return self.http.post(f"/api/receipts/{effect.key}/undo", json={})

    def read(self, verb: str, service: str | None = None, **args: Any) -> list[Noun]:
        """What the tools answer to a read now."""

        async def asked() -> list[Noun]:
            async with open_client() as client:
                toolbox = ConnectedToolbox(connect(self.company.services, client, lambda: datetime.now(UTC)))
                request: Verb = verbs(Verb)[verb].model_validate(args)
                services = [service] if service else toolbox.services(verb)
                return [noun for one in services for noun in (await toolbox.ask(one, request)).nouns]

        return asyncio.run(asked())

    def state(self, effect: Effect) -> Mapping[str, Any] | None:
        """The fields that a write touched, as its service has them now; None if the record is gone."""

        async def looked() -> Mapping[str, Any] | None:
            async with open_client() as client:
                toolbox = ConnectedToolbox(connect(self.company.services, client, lambda: datetime.now(UTC)))
                request: Any = verbs(Verb)[effect.verb].model_validate(effect.args)
                assert effect.landed is not None
                return await toolbox.state(effect.service, request, effect.change, effect.landed)

        return asyncio.run(looked())
