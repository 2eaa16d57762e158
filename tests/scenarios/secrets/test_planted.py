"""Credentials, the model's key, the API token and the password are planted; nothing that a run leaves may hold them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agents.audit import canonical
from agents.audit_ocsf import ocsf
from app.demo.server import vendors
from app.settings import load_settings
from app.stores.consents import Consent
from app.workspace import open_audit, open_vault
from tests.planted import leaks, leaky_files, planted
from tests.scenarios.model.scripted import Say, serving
from tests.scenarios.playbooks.company import company_of

pytestmark = [
    pytest.mark.filterwarnings("ignore:Item .* on TypedDict class:UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:litellm"),
    pytest.mark.filterwarnings("ignore:Accessing the 'model_:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]
OWN = {name: planted(name) for name in ("model_key", "api_token", "password")}
# Keys that their service refuses: some vendors repeat them in their answer.
REFUSED = frozenset({"stripe", "github", "linear"})
STEPS: list[dict[str, Any]] = [
    {"id": "s1", "verb": "errors.search", "args": {"state": "unresolved"}, "why": "open errors"},
    {"id": "s2", "verb": "deploys.list", "args": {"since": "2026-11-01T00:00:00Z"}, "why": "what went out"},
    {"id": "s3", "verb": "pulls.search", "args": {}, "why": "what is open"},
    {"id": "s4", "verb": "messages.search", "args": {"text": "signup"}, "why": "what is said"},
    {"id": "s5", "verb": "customers.find", "args": {"text": "acme"}, "why": "who pays"},
]


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """Every service's token, planted at its vendor and given to Deus."""
    tokens: dict[str, str] = {}
    for name, vendor in vendors().items():
        tokens[name] = planted(name)
        accepted = "another" if name in REFUSED else tokens[name]
        monkeypatch.setattr(vendor, "CREDENTIALS", {**vendor.CREDENTIALS, "token": accepted})
    return tokens


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    """All that is logged, ours in every detail."""
    path = tmp_path / "deus.log"
    handler = logging.FileHandler(path)
    root, ours = logging.getLogger(), [logging.getLogger(name) for name in ("app", "agents", "tools")]
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    for logger in ours:
        logger.setLevel(logging.DEBUG)
    yield path
    root.setLevel(before)
    for logger in ours:
        logger.setLevel(logging.NOTSET)
    root.removeHandler(handler)
    handler.close()


async def sealed(environment: Mapping[str, str], tokens: Mapping[str, str]) -> None:
    async with open_vault(load_settings(environment)) as vault:
        for service, token in tokens.items():
            await vault.keep({"token": token}, Consent(service, "ann", datetime.now(UTC), "acme-bot"))


async def exported(environment: Mapping[str, str]) -> str:
    """The audit log in both forms of its export."""
    async with open_audit(load_settings(environment)) as log:
        _, fault = await log.verify()
        assert fault is None
        rows = [row async for row in log.rows()]
    return "".join(f"{canonical(row.line())}\n{canonical(ocsf(row, 'w'))}\n" for row in rows)


def asked(acme: Path, environment: Mapping[str, str], tokens: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    """Asks once; the run's document, and all that went over the API."""
    none = {f"DEUS_{service}_TOKEN".upper(): "" for service in tokens}
    with company_of(acme, {**environment, **none}) as company:
        document = dict(company.ask("what is broken right now?").document)
        run = document["run"]
        ids = [e.data["id"] for e in company.events(run) if e.kind == "evidence.added"]
        paths = [f"/api/runs/{run}", f"/api/runs/{run}/events", *(f"/api/runs/{run}/evidence/{e}" for e in ids)]
        return document, "".join(company.http.get(path).text for path in paths)


async def test_no_secret_is_in_anything_that_a_run_leaves(
    acme: Path, tmp_path: Path, secrets: Mapping[str, str], log_file: Path
) -> None:
    data = tmp_path / "data"
    lines = "\n".join(json.dumps(step) for step in STEPS)
    claim = json.dumps({"text": "690 people met PORTAL-2041.", "kind": "fact", "evidence": ["PORTAL-2041"]})
    async with serving([Say([lines]), Say([json.dumps({"enough": True})]), Say([claim])]) as model:
        environment = {
            "DEUS_DATA_DIR": str(data),
            "DEUS_CONFIG": str(tmp_path / "deus.toml"),
            "DEUS_MODEL": "scripted",
            "DEUS_MODEL_BASE_URL": model.url,
            **{f"DEUS_{name}".upper(): secret for name, secret in OWN.items()},
        }
        (tmp_path / "deus.toml").touch()
        await sealed(environment, secrets)
        own_config = {name: value for name, value in environment.items() if name != "DEUS_CONFIG"}
        document, shown = await asyncio.to_thread(asked, acme, own_config, secrets)
    audit = await exported(environment)
    (tmp_path / "prompts.json").write_text(json.dumps(model.asked), encoding="utf-8")
    (tmp_path / "shown.txt").write_text(shown, encoding="utf-8")
    (tmp_path / "audit.jsonl").write_text(audit, encoding="utf-8")

    states = {step["id"]: step["state"] for step in document["plan"]}
    assert [states[name] for name in ("s1", "s2", "s4")] == ["done"] * 3, "the planted tokens opened the services"
    assert {states["s3"], states["s5"]} == {"failed"}, "refused keys are told, and not shown"
    assert len(model.asked) == 3
    kinds = {json.loads(line).get("kind") for line in audit.splitlines()}
    assert {"turn", "tool.called", "tool.answered", "model.called", "service.connected", "run.finished"} <= kinds
    every = [*secrets.values(), *OWN.values(), (data / "vault-key").read_text().strip()]
    assert leaky_files(tmp_path, every) == {"data/vault-key": [every[-1]]}
    assert leaky_files(data, ["PORTAL-2041"]), "the search sees what is there"
    assert leaks(repr(load_settings(environment)).encode(), every) == []
