"""`deus connect teams`: the manifest, what is still to be done, and whether what is set fits together."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import cli
from tests.channels.fake_teams import APP, SECRET, TENANT, FakeTeams
from tests.scenarios.playbooks.company import _served


@pytest.fixture
def teams() -> Iterator[FakeTeams]:
    fake = FakeTeams()
    with _served(fake.app) as url:
        fake.url = url
        yield fake


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings but those of the test."""
    (tmp_path / "deus.toml").touch()
    monkeypatch.setenv("DEUS_CONFIG", str(tmp_path / "deus.toml"))


def said(*arguments: str, **environment: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["connect", "teams", *arguments], env=environment)
    return result.exit_code, result.output + str(result.exception or "")


def test_what_is_to_be_done_is_said() -> None:
    code, output = said("--http", "https://deus.example/")
    assert code == 0
    assert "https://deus.example/teams/messages" in output
    code, output = said("--check")
    assert code != 0
    assert "not set up" in output


def test_the_manifest_is_for_the_app_and_the_address() -> None:
    code, output = said("--manifest", "--http", "https://deus.example", DEUS_TEAMS_APP_ID=APP)
    assert code == 0
    made = json.loads(output)
    assert made["bots"][0]["botId"] == APP
    assert made["validDomains"] == ["deus.example"]
    assert len(made["description"]["short"]) <= 80
    assert len(made["name"]["short"]) <= 30
    for one in made["bots"][0]["commandLists"][0]["commands"]:
        assert len(one["title"]) <= 32
    code, output = said("--manifest", "--http", "http://deus.example", DEUS_TEAMS_APP_ID=APP)
    assert code != 0


def test_what_is_set_is_tried(teams: FakeTeams) -> None:
    given = {"DEUS_TEAMS_APP_ID": APP, "DEUS_TEAMS_TENANT_ID": TENANT, "DEUS_TEAMS_LOGIN_URL": f"{teams.url}/login"}
    code, output = said("--check", **given, DEUS_TEAMS_APP_SECRET=SECRET)
    assert (code, teams.issued) == (0, 1)
    assert "fit together" in output
    code, output = said("--check", **given, DEUS_TEAMS_APP_SECRET="wrong-one-of-nobody")
    assert code != 0
    assert "gives Deus no token" in output
    assert "wrong-one" not in output
    code, output = said("--check", **given)
    assert code != 0
