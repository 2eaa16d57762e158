"""policy.yaml is taken whole or refused, with the file, the line and what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.identity import ROLES
from agents.policy import judge
from app.policy_file import policy_of
from app.settings import Settings
from tests.unit.policy.asks import ask, policy
from tools.kit.errors import UserMustMend


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", 1, "empty"),
        ("# nothing\n", 1, "empty"),
        ("- mode\n", 1, "mapping"),
        ("mode: act\nmods: x\n", 2, "no such key"),
        ("mode: act\nmode: propose\n", 2, "twice"),
        ("mode: yolo\n", 1, "investigate"),
        ("mode: act\nrules: [\n", 3, "not valid YAML"),
        ("rules:\n  - then: deny\n    when:\n      verb: deploy.rollback\n", 4, "did you mean 'deploys.rollback'"),
        ("rules:\n  - then: deny\n    when: {envirnment: staging}\n", 3, "no such key"),
        ("rules:\n  - then: deny\n    when: {connector: lineer}\n", 3, "did you mean 'linear'"),
        ("rules:\n  - when: {verb: issues.create}\n", 2, "then"),
        ("rules:\n  - then: maybe\n", 2, "allow"),
        ("reading:\n  viewer: {deny: [strip]}\n", 2, "did you mean 'stripe'"),
        ("reading:\n  admin: {deny: [stripe]}\n", 2, "no such key"),
        ("reading:\n  visitor: {allow: [stripe]}\n", 2, "no such key"),
        ("reading:\n  viewer: [stripe]\n", 2, "dictionary"),
        ("reading:\n  viewer: {allow: []}\n", 2, "empty"),
        ("rules:\n  - then: deny\n    when: {verb: []}\n", 3, "empty"),
        ("rules:\n  - then: deny\n    when: {verb: ''}\n", 3, "empty"),
        ("rules:\n  - then: ask\n    deciders: [sam]\n    needed: 2\n", 2, "2 must say yes and only 1 may"),
        ("rules:\n  - then: ask\n    deciders: [sam, Sam]\n    needed: 2\n", 2, "2 must say yes and only 1 may"),
        ("rules:\n  - then: allow\n    when: {words: [test]}\n", 2, "stricter"),
        ("rules:\n  - then: deny\n    unless: {words: [test]}\n", 2, "stricter"),
        ("rules:\n  - then: allow\n    when: {taint: decisive}\n", 2, "never allowed"),
        ("rules:\n  - then: ask\n    expires_in: soon\n", 3, "12h"),
        ("connectors:\n  lineer: {mode: act}\n", 2, "did you mean 'linear'"),
        ("connectors:\n  linear: {scope: readonly}\n", 2, "read_only"),
        ("connectors:\n  linear:\n    actions: {deny: issue.*}\n", 3, "no action"),
        ("sources:\n  sms: {mode: act}\n", 2, "no source"),
        ("hours: {from: '18:00', until: '09:00'}\n", 1, "end after they begin"),
        ("a: &x 1\nb: *x\n", 1, "anchors"),
    ],
)
def test_what_cannot_be_taken_is_named_with_its_line(text: str, line: int, what: str) -> None:
    with pytest.raises(UserMustMend, match=what) as refused:
        policy(text)
    assert f"policy.yaml, line {line}:" in str(refused.value)
    assert refused.value.remedy


@given(st.text(max_size=60))
def test_no_text_does_anything_but_being_taken_or_refused(text: str) -> None:
    try:
        taken = policy(text)
    except UserMustMend:
        return
    assert taken.rules


def test_what_roles_may_read_stands_in_the_file() -> None:
    reading = policy(
        "mode: propose\nreading:\n  agent: {deny: [stripe]}\n  viewer: {allow: [linear, 'git*']}\n"
    ).reading
    opened = {
        role: [name for name in ("github", "linear", "sentry", "stripe") if reading.opens(role, name)] for role in ROLES
    }
    assert opened == {
        "visitor": [],
        "viewer": ["github", "linear"],
        "agent": ["github", "linear", "sentry"],
        "admin": ["github", "linear", "sentry", "stripe"],
    }
    assert policy("mode: propose\n").reading.opens("viewer", "stripe")


def test_a_file_is_found_or_named_and_otherwise_the_shipped_one_holds(tmp_path: Path) -> None:
    assert judge(ask(), policy_of(Settings(data_dir=tmp_path))).decision == "ask"
    (tmp_path / "policy.yaml").write_text("mode: investigate\n")
    assert judge(ask(), policy_of(Settings(data_dir=tmp_path))).decision == "deny"
    other = tmp_path / "other.yaml"
    other.write_text("mode: act\n")
    assert judge(ask(), policy_of(Settings(data_dir=tmp_path, policy=other))).decision == "allow"
    with pytest.raises(UserMustMend, match="cannot be read"):
        policy_of(Settings(data_dir=tmp_path, policy=tmp_path / "none.yaml"))


def test_what_the_documentation_shows_can_be_used() -> None:
    text = (Path(__file__).parents[3] / "docs" / "policy.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    taken = [policy(block) for block in blocks]
    assert len(taken) >= 5
    assert any(one.spend.actor_month.usd == 20 for one in taken)
    restart = ask("deploys.redeploy", "vercel", target={"environment": "staging"})
    assert "restart staging" in {judge(restart, one).rule for one in taken}
