"""`deus inbox`: a conversation of another channel is read, taken over, answered and handed back in a terminal."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner, Result

from agents.ports import Turn
from app.cli import cli
from app.stores.live import Live
from app.stores.migrations import migrate
from app.stores.runs import StoredRuns
from app.stores.sqlite import SQLite
from tests.scenarios.engine.script import NOW, StillClock
from tools.kit.errors import DeusError

BEL = "\x1b]0;evil\x07"


async def asked(data: Path) -> None:
    """Somebody asks in Slack; nobody drives the run."""
    database = SQLite(data / "deus.db")
    await migrate(database)
    runs = StoredRuns(database, Live(), StillClock(), _nowhere)
    await runs.begin(Turn(f"Why are exports slow?{BEL}", "ann", "slack", "slack-1", NOW, name="Ann"))
    await database.close()


def _nowhere(connection: sa.Connection, run: str, n: int, delay: float) -> None:
    """Nothing takes it up."""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "none.toml").touch()
    settings = {"DEUS_DATA_DIR": str(tmp_path / "data"), "DEUS_CONFIG": str(tmp_path / "none.toml"), "USER": "mara"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    asyncio.run(asked(tmp_path / "data"))
    return tmp_path


def deus(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["inbox", *arguments])


def said(*arguments: str) -> str:
    result = deus(*arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def found(*arguments: str) -> Any:
    return json.loads(said(*arguments, "--json"))


def test_a_conversation_is_taken_over_answered_and_handed_back(workspace: Path) -> None:
    listed = said()
    assert "slack-1" in listed
    assert "Ann: Why are exports slow?" in listed
    assert "\x1b" not in listed
    assert found("take", "slack-1")["by"] == "mara"
    late = deus("take", "slack-1", "--as", "sam")
    assert isinstance(late.exception, DeusError)
    assert "mara has this conversation" in str(late.exception)
    assert found("write", "slack-1", "We are on it.")["run"].startswith("run_")
    whole = found("show", "slack-1")
    assert [(one["kind"], one["by"]) for one in whole["transcript"]] == [
        ("turn", "Ann"),
        ("note", ""),
        ("person", "mara"),
    ]
    assert "\x1b" not in said("show", "slack-1")
    assert [one["state"] for one in found("list", "--state", "taken", "--channel", "slack")] == ["taken"]
    assert "Deus answers there again" in said("hand-back", "slack-1")
    assert found("close", "slack-1")["state"] == "closed"
    assert found("list", "--state", "taken") == []


def test_what_is_not_there_is_said_with_its_remedy(workspace: Path) -> None:
    absent, empty = deus("show", "slack-2"), deus("write", "slack-1", "  ")
    assert "`deus inbox` lists what there is" in str(absent.exception)
    assert "nothing to write" in str(empty.exception)
