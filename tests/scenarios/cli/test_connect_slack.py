"""`deus connect slack` from outside: the walk with its manifest, each token tried, what is kept, what is refused."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from typer.testing import CliRunner

from app.channels.slack_manifest import SCOPES
from app.cli import cli
from tests.scenarios.playbooks.company import _served
from tools.kit.errors import UserMustMend

DEUS = Path(sys.executable).with_name("deus")

TOKENS = {"Bearer xoxb-good": "bot", "Bearer xapp-good": "app"}
CHANNELS = [{"id": "C1", "name": "growth", "is_member": True}]


class Slack:
    """Slack's Web API, as far as connecting needs it. `scopes` are the bot token's."""

    def __init__(self) -> None:
        self.scopes = list(SCOPES)
        self.url = ""
        self.app = Starlette(routes=[Route("/api/{method}", self._method, methods=["GET", "POST"])])

    async def _method(self, request: Request) -> JSONResponse:
        method = request.path_params["method"]
        kind = TOKENS.get(request.headers.get("authorization", ""))
        if kind is None:
            return JSONResponse({"ok": False, "error": "invalid_auth"})
        if (method == "apps.connections.open") != (kind == "app"):
            return JSONResponse({"ok": False, "error": "not_allowed_token_type"})
        known: dict[str, dict[str, Any]] = {
            "auth.test": {"user": "deus", "team": "Acme", "team_id": "T1", "url": "https://acme.slack.com/"},
            "apps.connections.open": {"url": "wss://nowhere.invalid/"},
            "conversations.list": {"channels": CHANNELS, "response_metadata": {"next_cursor": ""}},
        }
        return JSONResponse({"ok": True, **known[method]}, headers={"x-oauth-scopes": ",".join(self.scopes)})


@pytest.fixture
def slack() -> Iterator[Slack]:
    served = Slack()
    with _served(served.app) as url:
        served.url = f"{url}/api/"
        yield served


def environment(folder: Path, slack: Slack, given: Mapping[str, str]) -> dict[str, str]:
    (folder / "deus.toml").touch()
    own = {"DEUS_CONFIG": str(folder / "deus.toml"), "DEUS_DATA_DIR": str(folder / "data"), "NO_COLOR": "1"}
    return {**own, "DEUS_SLACK_BOT_URL": slack.url, "DEUS_SLACK_BASE_URL": slack.url.rstrip("/"), **given}


@dataclass(frozen=True)
class Shown:
    """What a command printed, and why it failed, if it did."""

    stdout: str
    stderr: str
    failed: bool


def deus(folder: Path, slack: Slack, *args: str, **given: str) -> Shown:
    """The command as a script runs it: nobody can be asked."""
    result = CliRunner().invoke(cli, args, env=environment(folder, slack, given))
    assert result.exception is None or isinstance(result.exception, UserMustMend), result.exception
    return Shown(result.stdout, str(result.exception or ""), result.exit_code != 0)


def typed(folder: Path, slack: Slack, args: tuple[str, ...], answers: Mapping[str, str]) -> str:
    """What stands on a terminal on which somebody runs the command and answers each question, by its words."""
    environ = {**os.environ, **environment(folder, slack, {})}
    child, terminal = pty.fork()
    if child == 0:
        os.execve(DEUS, [str(DEUS), *args], environ)
    shown, open_questions = "", dict(answers)
    with contextlib.suppress(OSError):  # the terminal is gone with whoever had it
        while piece := os.read(terminal, 65_536):
            shown += piece.decode(errors="replace")
            for words in [one for one in open_questions if one in shown]:
                while "xoxb-…" in words or "xapp-…" in words:
                    # What is typed before the terminal stops to show it is dropped.
                    if not termios.tcgetattr(terminal)[3] & termios.ECHO:
                        break
                    time.sleep(0.01)
                os.write(terminal, f"{open_questions.pop(words)}\n".encode())
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, shown
    assert not open_questions, f"never asked: {list(open_questions)}\n{shown}"
    return shown


def test_somebody_is_walked_through_it_and_what_they_give_is_tried_and_kept(slack: Slack, tmp_path: Path) -> None:
    answers = {
        "Shall people write to Deus": "bot",
        "the bot's token (xoxb-…):": "xoxb-good",
        "the app-level token (xapp-…):": "xapp-good",
        "Where shall it listen": "#growth",
        "Shall Deus also read": "y",
    }
    shown = typed(tmp_path, slack, ("connect", "slack"), answers)
    assert "https://api.slack.com/apps?new_app=1" in shown
    assert "agent_view" in shown, "the manifest to paste"
    assert "connections:write" in shown
    assert "This is @deus of Acme (https://acme.slack.com/)" in shown
    assert "xoxb-good" not in shown, "secrets are typed unseen"
    assert "It reads #growth" in shown
    listed = json.loads(deus(tmp_path, slack, "connect", "--list", "--json").stdout)
    assert {one["service"] for one in listed} == {"slack_bot", "slack"}
    checked = deus(tmp_path, slack, "connect", "slack", "--check")
    assert not checked.failed, checked.stderr
    assert "@deus of Acme" in checked.stdout
    assert "Connected to Slack" in checked.stdout
    forgotten = deus(tmp_path, slack, "connect", "slack", "--forget", "--bot")
    assert "no longer keeps anything for Slack's bot" in forgotten.stdout
    assert deus(tmp_path, slack, "connect", "slack", "--bot", "--check").failed


def test_a_script_connects_it_with_what_the_environment_says(slack: Slack, tmp_path: Path) -> None:
    tokens = {"DEUS_SLACK_BOT_TOKEN": "xoxb-good", "DEUS_SLACK_BOT_APP_TOKEN": "xapp-good"}
    slack.scopes.remove("im:write")
    shown = deus(tmp_path, slack, "connect", "slack", **tokens, DEUS_SLACK_BOT_CHANNELS="#growth")
    assert not shown.failed, shown.stderr
    assert "The bot lacks im:write." in shown.stdout
    assert "Kept in the vault" in shown.stdout
    # From now on nothing but the vault has to say it; a check fails as long as a right is missing.
    checked = deus(tmp_path, slack, "connect", "slack", "--bot", "--check")
    assert checked.failed
    assert "im:write" in checked.stderr
    assert "install the app again" in checked.stderr


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Slack is not connected in any way"),
        ({"DEUS_SLACK_BOT_TOKEN": "xoxb-bad"}, "Slack refuses the bot's token (invalid_auth). Copy it once more"),
        ({"DEUS_SLACK_BOT_TOKEN": "xapp-good"}, "begins with xoxb-"),
        ({"DEUS_SLACK_BOT_TOKEN": "xoxb-good"}, "Set DEUS_SLACK_BOT_APP_TOKEN"),
        (
            {"DEUS_SLACK_BOT_TOKEN": "xoxb-good", "DEUS_SLACK_BOT_APP_TOKEN": "xapp-bad"},
            "Slack refuses the app-level token (invalid_auth)",
        ),
    ],
)
def test_what_is_wrong_is_named_with_the_remedy(slack: Slack, tmp_path: Path, given: dict[str, str], said: str) -> None:
    shown = deus(tmp_path, slack, "connect", "slack", **given)
    assert shown.failed
    assert said in shown.stderr


def test_over_http_it_wants_the_signing_secret(slack: Slack, tmp_path: Path) -> None:
    tokens = {"DEUS_SLACK_BOT_TOKEN": "xoxb-good", "DEUS_SLACK_BOT_SIGNING_SECRET": "hush"}
    shown = deus(tmp_path, slack, "connect", "slack", "--http", "https://deus.acme.test", **tokens)
    assert not shown.failed, shown.stderr
    assert "https://deus.acme.test/slack/events" in shown.stdout
    assert "hush" not in shown.stdout


def test_the_manifest_is_printed_alone(slack: Slack, tmp_path: Path) -> None:
    shown = deus(tmp_path, slack, "connect", "slack", "--manifest")
    assert yaml.safe_load(shown.stdout)["settings"]["socket_mode_enabled"] is True
    assert deus(tmp_path, slack, "connect", "github", "--manifest").failed
