"""A fix by a command line of another maker: from the sentence to the proposal, with its model behind the broker."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.code_agents.provider import Says, serving
from tests.sandboxes import needs_bubblewrap
from tests.scenarios.code.test_whole import ASKED, FILE, GONE, WORLD, ordered, text_of
from tests.scenarios.playbooks.company import company_of
from tests.scenarios.sandbox.canaries import OPEN_PLACE
from tests.scenarios.writes.office import Office

pytestmark = needs_bubblewrap
KEY = "sk-canary-1a2b3c4d5e6f"
STAND_IN = Path(__file__).parents[2] / "code_agents" / "fake_claude.py"
SCRIPT = (
    Says("I write a test that fails.", f"cat > api/src/auth/gone.test.ts <<'E'\n{GONE}\nE"),
    Says("I mend it.", f"sed -i 's/if (session.expiresAt </if (!session || session.expiresAt </' {FILE}"),
    Says("I look at the tests.", "npm test --silent 2>&1 | tail -5"),
    Says("A session that was deleted is answered with 401 now."),
)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The stand-in is what the shell finds as `claude`."""
    folder = Path(tempfile.mkdtemp(dir=OPEN_PLACE))
    folder.chmod(0o755)
    shutil.copy(STAND_IN, folder / "claude")
    (folder / "claude").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    yield
    shutil.rmtree(folder)


def settings(url: str) -> dict[str, str]:
    return {
        "DEUS_CODE_AGENT": "claude",
        "DEUS_CODE_AGENT_MODEL": "claude-sonnet-4-5",
        "DEUS_CODE_AGENT_URL": url,
        "DEUS_CODE_AGENT_KEY": KEY,
    }


def audited(folder: Path, run: str) -> list[tuple[str, str]]:
    """What the audit log has of a run: kinds and data."""
    with contextlib.closing(sqlite3.connect(folder / "deus.db")) as database:
        return database.execute("SELECT kind, data FROM audit WHERE run = ? ORDER BY n", (run,)).fetchall()


def test_another_makers_agent_fixes_the_bug_and_its_calls_are_in_the_audit_log(stand_in: None, tmp_path: Path) -> None:
    given = {**settings(""), "DEUS_DATA_DIR": str(tmp_path)}
    with serving(SCRIPT) as provider, company_of(WORLD, {**given, "DEUS_CODE_AGENT_URL": provider.url}) as company:
        office = Office(company)
        document = ordered(office, "mend")
        assert document["status"] == "awaiting_approval", text_of(document)
        assert "**Confirmed** in fresh sandboxes" in text_of(document)
        (asked,) = office.waiting(document["run"])
        assert "!session ||" in str(asked)
        assert office.decide(document)["status"] == "answered"
        events = company.events(document["run"])
        said = [
            event.data["args"]["text"]
            for event in events
            if event.kind == "call.started" and event.data["verb"] == "agent.says"
        ]
        assert said[:3] == [turn.text for turn in SCRIPT[:3]]
        assert {headers["x-api-key"] for _, headers, _ in provider.requests} == {KEY}
        models = [event.data for event in events if event.kind == "model.called"]
        assert [(told["model"], told["tokens_in"], told["tokens_out"]) for told in models] == [
            ("claude-sonnet-4-5", 1000, 50)
        ] * 4
        usage = [event.data["usage"] for event in events if event.kind == "usage.updated"][-1]
        assert (usage["model_calls"], usage["tokens_in"], usage["tokens_out"]) == (4, 4000, 200)
        assert usage["usd"] == pytest.approx(4 * (1000 * 3 + 50 * 15) / 1e6)
        assert KEY not in str([event.model_dump(mode="json") for event in events]) + str(document)
    rows = audited(tmp_path, document["run"])
    egress = [(kind, json.loads(data)) for kind, data in rows if kind.startswith("egress")]
    assert [(kind, told["path"], told["status"]) for kind, told in egress] == [
        ("egress", "/model/v1/messages", 200)
    ] * 4
    assert KEY not in str(rows)


def test_one_that_is_not_installed_says_how_to_get_it() -> None:
    with company_of(WORLD, {**settings("http://127.0.0.1:1"), "DEUS_CODE_AGENT": "opencode"}) as company:
        said = company.ask(ASKED)
    assert "npm install -g opencode-ai" in said.text
