"""A dry run: the plan runs to its end, nothing changes at any service, and the answer never calls anything done."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agents.ports import Turn
from agents.record import RunDocument
from app.bootstrap import Product, open_product
from app.demo.company import PUBLIC_URL, open_company
from app.demo.history import generate
from app.demo.place import company_settings
from app.demo.server import build
from app.demo.world import read_world
from app.settings import load_settings
from tests.scenarios.model.scripted import Say, serving
from tests.scenarios.playbooks.company import _served
from tools.nouns import dump
from tools.verbs import IssuesSearch, MessagesSearch

pytestmark = [
    pytest.mark.filterwarnings("ignore:Item .* on TypedDict class:UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:litellm"),
    pytest.mark.filterwarnings("ignore:Accessing the 'model_:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]
PLAN: list[dict[str, Any]] = [
    {"id": "create", "verb": "issues.create", "args": {"title": "Mend the form", "team": "WEB"}, "title": "File it"},
    {
        "id": "notify",
        "verb": "messages.send",
        "args": {"to": "#product", "text": "Filed:", "links": ["$create[0].url"]},
        "title": "Tell the team",
    },
    {"id": "again", "verb": "issues.search", "args": {"text": "$create[0].ref"}, "title": "Look at it"},
]
CLAIMS = [
    json.dumps({"text": "The team was told and the issue was created.", "kind": "fact", "evidence": ["e1"]}),
    json.dumps({"text": "Everything is done.", "kind": "fact", "evidence": []}),
]


@asynccontextmanager
async def product_of(acme: Path, folder: Path, model: str, **environment: str) -> AsyncIterator[Product]:
    world = read_world(acme)
    with _served(build(open_company(world, PUBLIC_URL), generate(world))) as base:
        (folder / "deus.toml").touch()
        given = company_settings(open_company(world, base), base, folder)
        more = {"DEUS_CONFIG": str(folder / "deus.toml"), "DEUS_MODEL": "scripted", "DEUS_MODEL_BASE_URL": model}
        async with open_product(load_settings({**given, **more, **environment})) as product:
            await product.ready()
            assert product.people is not None
            await product.people.add("ann", by="deus")
            yield product


async def asked(product: Product, text: str, **more: Any) -> RunDocument:
    run = await product.conversations.say(Turn(text, "ann", "test", "c1", product.clock.now(), **more))
    async for _ in product.conversations.follow(run):
        pass
    return await product.conversations.document(run)


async def state(product: Product) -> list[Any]:
    """All issues and messages, as the vendors have them now."""
    found: list[Any] = []
    for request in (IssuesSearch(limit=100), MessagesSearch()):
        for service in sorted(product.toolbox.services(request.name)):
            found.append((service, [dump(noun) for noun in (await product.toolbox.ask(service, request)).nouns]))
    return found


def script(plan: list[dict[str, Any]]) -> list[Say]:
    lines = ("\n".join(json.dumps(step) for step in plan), json.dumps({"enough": True}), "\n".join(CLAIMS))
    return [Say([line]) for line in lines]


async def test_nothing_changes_and_nothing_is_called_done(acme: Path, tmp_path: Path) -> None:
    # Each product takes seconds to open, so that all ways to a dry run share one.
    (tmp_path / "policy.yaml").write_text("mode: act\nconnectors: {slack: {scope: dry_run}}\n")
    hello = [PLAN[1] | {"args": {"to": "#product", "text": "Hello"}}]
    async with serving([*script(PLAN), *script(PLAN), *script(hello)]) as model:  # noqa: SIM117
        async with product_of(acme, tmp_path, model.url) as product:
            before = await state(product)
            assert any(found for _, found in before)
            text = "File an issue and tell #product"
            for dry in (await asked(product, text, dry=True), await asked(product, f"Dry run: {text}")):
                only_shown(dry)
            by_scope = await asked(product, "Tell #product hello")
            assert not by_scope.dry
            assert "only shown" in by_scope.answer
            assert "was told" not in by_scope.answer
            assert by_scope.receipts == ()
            assert await state(product) == before


def only_shown(dry: RunDocument) -> None:
    assert dry.dry
    assert dry.status == "answered", dry
    assert {step["id"]: step["state"] for step in dry.plan} == {"create": "done", "notify": "done", "again": "skipped"}
    assert dry.approvals == dry.receipts == ()
    assert dry.answer.startswith("**Dry run: nothing was sent, and nothing was changed.**")
    assert "Mend the form" in dry.answer
    # The link of an issue that is not there stands for itself.
    assert r"$create\[0\].url" in dry.answer
    assert "was told" not in dry.answer
    assert "Everything is done" not in dry.answer
