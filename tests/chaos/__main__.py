"""The storm at length, on SQLite and on Postgres: says what came of it, and fails where a bound is missed."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from tests.chaos.storm import Figures, Plan, storm
from tests.postgres import own_server

LONG = Plan(runs=200, workers=3, kills=50, freezes=20, restarts=0, takeover=3.0, most=1800.0)


def held(figures: Figures) -> bool:
    """Whether all runs ended well and nothing was done twice, lost, or reported otherwise than it is."""
    wrong = (*figures.twice, *figures.lost_approvals, *figures.unspoken, *figures.unasked)
    return figures.ended == {"answered": figures.runs} and not wrong and "verifies" in figures.audit


def tell(where: str, figures: Figures) -> None:
    wrong = (*figures.twice, *figures.lost_approvals, *figures.unspoken, *figures.unasked)
    sys.stdout.write("".join(f"{line}\n" for line in (f"{where}: {figures.told()}", *wrong)))
    sys.stdout.flush()


def main(seed: int = 1) -> int:
    with tempfile.TemporaryDirectory() as folder:
        sqlite = asyncio.run(storm(replace(LONG, workers=2, seed=seed), str(Path(folder) / "deus.db")))
    tell("SQLite, 2 processes on one file", sqlite)
    with own_server() as server:
        postgres = asyncio.run(storm(replace(LONG, restarts=5, seed=seed + 1), server.url, server))
    tell("Postgres, 3 workers", postgres)
    return 0 if held(sqlite) and held(postgres) else 1


if __name__ == "__main__":
    sys.exit(main(*(int(one) for one in sys.argv[1:2])))
