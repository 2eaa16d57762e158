"""A worker that is told to end hands its runs over at once; one that is gone is not waited for."""

from __future__ import annotations

import asyncio
from pathlib import Path

import sqlalchemy as sa

from agents.ports import PlanHeader
from app.stores.schema import workers
from app.stores.sqlite import SQLite
from tests.scenarios.engine.script import ScriptedPlanner, ScriptedToolbox, deployment, error, small
from tests.scenarios.engine.test_run import STEPS


async def test_a_run_is_back_in_the_queue_and_its_worker_struck_out_when_the_worker_has_ended(tmp_path: Path) -> None:
    tools = ScriptedToolbox(
        {"vercel": {"deploys.list": [deployment("d1")]}, "sentry": {"errors.search": [error("WEB-1")]}}
    )
    async with small(tmp_path, tools, ScriptedPlanner([PlanHeader("why"), STEPS[1], asyncio.Event()])) as deus:
        run = await deus.ask("Why?")
        async with asyncio.timeout(20):
            async for event in deus.conversations.follow(run):
                if event.kind == "step.finished":
                    break
    database = SQLite(tmp_path / "deus.db")
    async with database.read() as connection:
        queued = (await connection.execute(sa.text("SELECT workflow_uuid, status FROM workflow_status"))).all()
        left = (await connection.execute(sa.select(workers.c.id))).all()
    await database.close()
    assert [tuple(one) for one in queued] == [(f"{run}:1", "ENQUEUED")]
    assert left == []
