"""`deus approvals` and what `deus ask` says of writes, over the demo company: beside a server and without one."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.cli import cli
from app.demo.company import PUBLIC_URL, open_company
from app.demo.place import company_settings
from app.demo.process import running
from app.demo.world import read_world
from tests.scenarios.cli.test_commands import DEUS
from tests.scenarios.playbooks.company import company_of
from tests.scenarios.writes.test_approved_write import until
from tools.kit.errors import DeusError

pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]
QUESTION = "Escalate the critical bugs"


def deus(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def said(*arguments: str) -> str:
    result = deus(*arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def driven(*arguments: str) -> str:
    """In a process of its own: the engine is one per process, and holds on to where it logs."""
    shown = subprocess.run([str(DEUS), *arguments], capture_output=True, text=True, check=False, timeout=120)
    assert shown.returncode == 0, (shown.stdout, shown.stderr)
    return shown.stdout


def found(*arguments: str) -> Any:
    return json.loads(said(*arguments, "--json"))


@pytest.fixture
def workspace(acme: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A demo company's tools, and the settings of a Deus over them that is not running."""
    with running(acme) as base:
        settings = company_settings(open_company(read_world(acme), base), base, tmp_path / "data")
        for name, value in {**settings, "DEUS_CONFIG": str(tmp_path / "none.toml"), "USER": "mara"}.items():
            monkeypatch.setenv(name, value)
        (tmp_path / "none.toml").touch()
        yield tmp_path


def test_without_a_server_a_person_asks_edits_approves_and_takes_back(workspace: Path) -> None:
    shown = driven("ask", QUESTION, "--quiet")
    assert "This waits for a yes:" in shown
    assert "  - priority: high" in shown
    assert "  + priority: urgent" in shown
    assert_numbered(shown)
    waiting = found("approvals", "list")
    run = waiting[0]["run"]
    assert f"deus approvals approve --run {run} --wait" in shown
    assert {one["requester"] for one in waiting} == {"mara"}
    raising = next(one for one in waiting if one["verb"] == "issues.update")

    edited = driven("approvals", "edit", raising["id"], "--set", "priority=medium", "--wait")
    assert "waits again" in edited
    anew = next(one for one in found("approvals") if one["verb"] == "issues.update")
    assert (anew["revision"], anew["args"]["priority"]) == (2, "medium")
    assert "+ priority: medium" in said("approvals", "show", anew["id"])

    telling = next(one for one in waiting if one["verb"] == "messages.send")
    rejected = said("approvals", "reject", telling["id"], "--note", "not yet", "--yes")
    assert "rejected by mara" in rejected
    assert "goes on when Deus runs again" in rejected
    late = deus("approvals", "approve", telling["id"], "--yes")
    assert isinstance(late.exception, DeusError)
    assert "settled already: rejected by mara" in str(late.exception)

    done = driven("approvals", "approve", "--run", run, "--yes", "--wait")
    assert "approved by mara" in done
    assert found("approvals") == []
    effects = found("approvals", "receipts", run)
    assert {(one["verb"], one["state"], tuple(one["by"])) for one in effects} == {
        ("issues.update", "done", ("mara",)),
        ("issues.create", "done", ("mara",)),
    }
    assert found("approvals", "list", "--state", "rejected")[0]["decisions"][0]["note"] == "not yet"
    key = next(one["key"] for one in effects if one["verb"] == "issues.create")
    assert key in said("approvals", "receipts", run)
    assert "Taken back" in said("approvals", "undo", key, "--yes")
    assert "undone" in said("approvals", "receipts", run)


def assert_numbered(shown: str) -> None:
    """The list beneath an answer gives each number the evidence that the text cites by it."""
    text, _, rest = shown.partition("\n[1] ")
    cited = re.findall(r"^- \[([\w-]+)\]\(.*\[(\d+)\]$", text, re.MULTILINE)
    assert len(cited) >= 3
    for ref, number in cited:
        assert re.search(rf"^\[{number}\] \w+: {ref} ", f"[1] {rest}", re.MULTILINE)


def test_what_is_unknown_or_unclear_is_said_with_what_helps(workspace: Path) -> None:
    for arguments, word in (
        (("show", "apr_none"), "no approval 'apr_none'"),
        (("approve",), "Name one approval"),
        (("approve", "--run", "run_none", "--yes"), "waits for nothing"),
        (("list", "--state", "maybe"), "no state maybe"),
        (("undo", "0" * 40, "--yes"), "no receipt"),
    ):
        refused = deus("approvals", *arguments)
        assert isinstance(refused.exception, DeusError), refused.output
        assert word in str(refused.exception)
    assert "Nothing waits for a decision" in said("approvals")


def test_beside_a_server_the_decision_is_recorded_and_the_server_does_it(
    acme: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = {"DEUS_DATA_DIR": str(tmp_path / "data"), "USER": "mara"}
    for name, value in data.items():
        monkeypatch.setenv(name, value)
    with company_of(acme, data) as company:
        document = company.http.post("/api/runs", json={"question": QUESTION}).json()
        assert document["status"] == "awaiting_approval"
        shown = said("approvals", "approve", "--run", document["run"], "--yes")
        assert "goes on in the Deus that is running" in shown

        def ended() -> Any:
            now = company.http.get(f"/api/runs/{document['run']}").json()
            return now if now["status"] not in ("running", "awaiting_approval") else None

        receipts = until(ended)["receipts"]
    assert {tuple(one["approved_by"]) for one in receipts} == {("mara",)}
    assert len(receipts) == len(document["approvals"])
    assert PUBLIC_URL.split(":")[0] in receipts[0]["url"]
