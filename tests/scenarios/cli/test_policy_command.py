"""`deus policy` and `deus budget`, in this process: each would else load Python anew."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli import cli
from tools.kit.errors import UserMustMend

RULES = """
mode: act
connectors: {vercel: {environments: {allow: staging}}}
rules:
  - {name: enterprise and billing, when: {all_words: [enterprise, billing]}, then: ask, needed: 2, expires_in: 12h}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEUS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("DEUS_CLOCK", "frozen:2026-11-18T15:00:00Z")
    monkeypatch.setenv("DEUS_BUDGET_ACTOR_MONTH_USD", "20")
    (tmp_path / "rules.yaml").write_text(RULES)
    return tmp_path


def deus(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def test_the_rules_that_hold_are_shown_in_order(folder: Path) -> None:
    proposing = deus("policy", "show").stdout
    assert "1. mode: propose: everything → asks" in proposing
    assert proposing.startswith("By itself Deus changes nothing.\n")
    (folder / "data").mkdir()
    (folder / "data" / "policy.yaml").write_text(RULES)
    shown = deus("policy", "show").stdout
    assert shown.startswith("By itself Deus does what is of medium risk at most, ordered,")
    assert shown.index("vercel") < shown.index("enterprise and billing") < shown.index("mode: act")
    assert len(json.loads(deus("policy", "show", "--json").stdout)["rules"]) == 3


def test_a_file_is_tried_without_being_used(folder: Path) -> None:
    assert deus("policy", "check", "rules.yaml").stdout == "rules.yaml can be used: 3 rules.\n"
    (folder / "bad.yaml").write_text("mode: act\nrule: []\n")
    refused = deus("policy", "check", "bad.yaml")
    assert isinstance(refused.exception, UserMustMend)
    assert "bad.yaml, line 2: rule: there is no such key" in str(refused.exception)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("issues.create", "--connector", "linear"), ("done at once", "Rule: mode: act", "Risk: low")),
        (("issues.create", "--connector", "linear", "--tainted"), ("People would be asked", "nobody here vouches for")),
        (
            ("issues.create", "--connector", "linear", "--text", "Enterprise billing"),
            ("2 must say yes within 12 hours",),
        ),
        (("deploys.redeploy", "--connector", "vercel"), ("would not be done", "counts as production")),
        (("deploys.redeploy", "--connector", "vercel", "--environment", "staging"), ("done at once",)),
    ],
)
def test_what_would_happen_is_explained_with_its_rule(
    folder: Path, arguments: tuple[str, ...], said: tuple[str, ...]
) -> None:
    shown = deus("policy", "explain", *arguments, "--file", "rules.yaml").stdout
    assert all(one in shown for one in said), shown


def test_what_there_is_not_is_named(folder: Path) -> None:
    for arguments in (("issue.create", "--connector", "linear"), ("issues.create", "--connector", "fax")):
        refused = deus("policy", "explain", *arguments)
        assert isinstance(refused.exception, UserMustMend)
        assert "There are: " in (refused.exception.remedy or "")


def test_the_budget_of_a_month_in_which_nothing_was_spent(folder: Path) -> None:
    shown = deus("budget").stdout
    assert "One run may use $0.50, 20 model calls" in shown
    assert "this workspace" in shown
    told = json.loads(deus("budget", "--json").stdout)
    assert told["month"][0]["month"] == "2026-11"
    assert isinstance(deus("budget", "--month", "soon").exception, UserMustMend)
