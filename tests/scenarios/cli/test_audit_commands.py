"""`deus audit` and `deus connect` as a person types them."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sqlite3
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.audit import AuditEntry
from app.cli import main
from app.settings import load_settings
from app.stores import audit
from app.stores.consents import Consent
from app.stores.migrations import migrate
from app.workspace import open_database, open_vault
from tests.planted import MARK, leaky_files

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)


@dataclass
class Shown:
    """How a command ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


class Terminal:
    """Runs commands in this process: a start of Python for each would take longer than all of them."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: str, **environment: str) -> Shown:
        code = 0
        with self._monkeypatch.context() as patch:
            patch.chdir(self.folder)
            patch.setattr(sys, "argv", ["deus", *arguments])
            for name in [name for name in os.environ if name.startswith("DEUS_")]:
                patch.delenv(name)
            for name, value in environment.items():
                patch.setenv(name, value)
            try:
                main()
            except SystemExit as ending:
                code = int(ending.code or 0)
        printed = self._capsys.readouterr()
        return Shown(code, printed.out, printed.err)


@pytest.fixture
def deus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(tmp_path, monkeypatch, capsys)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder whose workspace has five audit rows."""

    async def fill() -> None:
        database = open_database(load_settings({"DEUS_DATA_DIR": str(tmp_path / ".deus")}))
        await migrate(database)
        told = [AuditEntry("write", NOW, "ann", "run_1", {"service": "linear", "verb": "issues.create"})] * 5
        async with database.write() as connection:
            await audit.append(connection, told)
        await database.close()

    asyncio.run(fill())
    return tmp_path


def tampered(workspace: Path, *statements: str) -> None:
    with sqlite3.connect(workspace / ".deus" / "deus.db") as connection:
        for name in ("audit_keeps", "audit_stays"):
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_a_whole_log_verifies_and_is_listed_and_exported(workspace: Path, deus: Terminal) -> None:
    shown = deus("audit", "verify")
    assert (shown.returncode, shown.stdout) == (0, "The audit log is whole: 5 rows, 0 anchors.\n")
    assert json.loads(deus("audit", "--json", "--limit", "2").stdout)[0]["n"] == 5
    lines = [json.loads(line) for line in deus("audit", "export").stdout.splitlines()]
    assert [line["n"] for line in lines] == [1, 2, 3, 4, 5]
    assert deus("audit", "export", "--since", "2026-11-19").stdout == ""
    deus("audit", "export", "--format", "ocsf", "-o", "out.jsonl")
    first = json.loads((workspace / "out.jsonl").read_text().splitlines()[0])
    assert (first["class_uid"], first["api"]["operation"]) == (6003, "issues.create")


def test_a_changed_row_is_named_with_exit_code_1(workspace: Path, deus: Terminal) -> None:
    tampered(workspace, "UPDATE audit SET actor = 'eve' WHERE n = 3")
    shown = deus("audit", "verify")
    assert shown.returncode == 1
    assert "Row 3 (write" in shown.stderr
    assert json.loads(deus("audit", "verify", "--json").stdout)["fault"]["kind"] == "changed"


def test_an_anchor_shows_what_was_cut_off(workspace: Path, deus: Terminal) -> None:
    (workspace / "anchors").write_text(deus("audit", "anchor").stdout)
    assert deus("audit", "verify", "--anchor", "anchors").returncode == 0
    previous = json.loads(deus("audit", "export").stdout.splitlines()[3])["hash"]
    tampered(workspace, "DELETE FROM audit WHERE n = 5", f"UPDATE audit_head SET n = 4, hash = '{previous}'")
    assert deus("audit", "verify").returncode == 0
    shown = deus("audit", "verify", "--anchor", "anchors")
    assert shown.returncode == 1
    assert "The chain ends with row 4; there was a row 5." in shown.stderr
    missing = deus("audit", "verify", "--anchor", "nowhere")
    assert missing.returncode == 1
    assert "nowhere cannot be read" in missing.stderr


def test_what_the_vault_keeps_is_listed_used_and_forgotten(tmp_path: Path, deus: Terminal) -> None:
    key = base64.b64encode(b"k" * 32).decode()

    async def keep() -> None:
        settings = load_settings({"DEUS_DATA_DIR": str(tmp_path / ".deus"), "DEUS_VAULT_KEY": key})
        async with open_vault(settings) as vault:
            await vault.keep({"token": f"{MARK}-cli"}, Consent("github", "ann", NOW, "acme-bot", ("3 repositories",)))

    asyncio.run(keep())
    assert "github     connected" in deus("connect", DEUS_VAULT_KEY=key).stdout
    listed = deus("connect", "--list").stdout
    assert "by ann" in listed
    assert "as acme-bot; scopes not told; sees 3 repositories" in listed
    without = deus("connect")
    assert without.returncode == 1
    assert "DEUS_VAULT_KEY is not set" in without.stderr
    assert "Traceback" not in without.stderr
    assert leaky_files(tmp_path, [f"{MARK}-cli"]) == {}
    assert deus("connect", "github", "--forget", USER="bob").returncode == 0
    assert deus("connect", "github", "--forget").returncode == 1
    assert "ended" in deus("connect", "--list").stdout
    assert "github     needs DEUS_GITHUB_TOKEN" in deus("connect").stdout


def test_a_plain_file_of_an_earlier_version_is_sealed_at_the_first_look(
    tmp_path: Path, deus: Terminal, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / ".deus"
    folder.mkdir()
    (folder / "services.toml").write_text(f'[github]\ntoken = "{MARK}-plain"\n', encoding="utf-8")
    shown = deus("connect")
    assert "github     connected" in shown.stdout
    assert "are now in the vault" in caplog.text
    assert not (folder / "services.toml").exists()
    assert leaky_files(tmp_path, [f"{MARK}-plain"]) == {}
