"""The storm in short: whatever dies or lies still, every run ends, no write is done twice and no approval is lost."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.storm import Figures, Plan, storm
from tests.postgres import own_server


def survived(figures: Figures, runs: int) -> None:
    assert figures.ended == {"answered": runs}, figures.told()
    assert figures.twice == [], figures.told()
    assert figures.lost_approvals == [], figures.told()
    assert figures.unspoken == figures.unasked == [], figures.told()
    assert "verifies" in figures.audit, figures.told()


async def test_two_processes_on_one_file(tmp_path: Path) -> None:
    plan = Plan(runs=12, workers=2, kills=3, freezes=1, seed=5)
    survived(await storm(plan, str(tmp_path / "deus.db")), plan.runs)


async def test_two_workers_on_postgres_which_starts_anew(tmp_path: Path) -> None:
    with own_server() as server:
        plan = Plan(runs=12, workers=2, kills=3, freezes=1, restarts=1, seed=7)
        survived(await storm(plan, server.url, server), plan.runs)
