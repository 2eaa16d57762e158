"""A dry run over the HTTP API, by its flag and by the words of the question."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.api.test_runs_api import releases, served


@pytest.mark.parametrize(
    ("asked", "dry"),
    [
        ({"question": "What was released?", "dry_run": True}, True),
        ({"question": "/dry What was released?"}, True),
        ({"question": "Dry-run: What was released?"}, True),
        ({"question": "What does dry run mean?"}, False),
    ],
)
async def test_a_dry_run_says_that_it_is_one(tmp_path: Path, asked: dict[str, object], dry: bool) -> None:
    planner = releases()
    async with served(tmp_path, planner) as (client, deus):
        document = (await client.post("/api/runs", json=asked)).json()
        again = (await client.get(f"/api/runs/{document['run']}")).json()
        (first, *_) = await deus.runs.events(document["run"])
    assert document["dry"] is again["dry"] is dry
    assert ("nothing was sent, and nothing was changed" in document["answer"]) is dry
    assert first.data.get("dry", False) is dry
    # The planner hears the question alone.
    assert planner.seen[0].turn.text == ("What does dry run mean?" if not dry else "What was released?")
    assert document["question"] == asked["question"]
