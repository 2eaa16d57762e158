"""What the rules say: the issue's examples, and that they fail closed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agents.policy import Ask, Policy, acting, judge, judge_undo, proposing
from agents.rules import Rule, When
from agents.taint import Taint
from tests.unit.policy.asks import CLEAN, FILLED, FORCED, STEERED, STRANGER, WEDNESDAY, ZONE, ask, policy

RESTARTS = """
mode: propose
rules:
  - name: never restart production
    when: {verb: deploys.redeploy}
    unless: {environment: staging}
    then: deny
  - name: restarts in staging
    when: {verb: deploys.redeploy, environment: staging}
    then: allow
"""
ENTERPRISE = """
mode: act
rules:
  - name: enterprise customer and billing
    when: {all_words: [enterprise, billing]}
    then: ask
    deciders: [sam, mia]
    needed: 2
    barred: requester
    expires_in: 12h
"""


@pytest.mark.parametrize(
    ("text", "write", "decision"),
    [
        (RESTARTS, ask("deploys.redeploy", "vercel", target={"environment": "staging"}), "allow"),
        (RESTARTS, ask("deploys.redeploy", "vercel", target={"environment": "Production"}), "deny"),
        (RESTARTS, ask("deploys.redeploy", "vercel", target={"environment": "prod"}), "deny"),
        (RESTARTS, ask("deploys.redeploy", "vercel"), "deny"),
        (RESTARTS, ask("deploys.rollback", "vercel"), "ask"),
        (ENTERPRISE, ask(args={"title": "Billing fails for an Enterprise customer"}), "ask"),
        (ENTERPRISE, ask(args={"title": "Billing fails", "labels": ["tier: Enter\u200bprise"]}), "ask"),
        (ENTERPRISE, ask(args={"title": "Billing fails"}, after={"tier": "enterprise"}), "ask"),
        (ENTERPRISE, ask(args={"title": "Billing fails for a free customer"}), "allow"),
        ("mode: investigate", ask(), "deny"),
        ("mode: propose", ask(), "ask"),
        ("mode: act", ask(), "allow"),
        ("mode: act", ask(undo=""), "allow"),
        ("mode: act", ask("deploys.rollback", "vercel"), "ask"),
        ("{mode: act, threshold: low}", ask("messages.send", "slack"), "ask"),
        ("{mode: act, threshold: critical}", ask("deploys.rollback", "vercel"), "allow"),
        ("{mode: act, connectors: {linear: {mode: propose}}}", ask(), "ask"),
        ("{mode: propose, connectors: {linear: {mode: act}}}", ask(), "allow"),
        ("{mode: propose, connectors: {linear: {mode: act}}}", ask("issues.create", "github"), "ask"),
        ("{mode: act, sources: {schedule: {mode: investigate}}}", ask(channel="schedule"), "deny"),
        ("{mode: act, sources: {api: {mode: propose}}, connectors: {linear: {mode: act}}}", ask(channel="api"), "ask"),
        ("{mode: investigate, connectors: {linear: {mode: act}}}", ask(), "allow"),
        ("{mode: investigate, connectors: {linear: {mode: act}}}", ask("issues.create", "github"), "deny"),
        ("{mode: act, connectors: {linear: {scope: read_only}}}", ask(), "deny"),
        ("{mode: act, connectors: {linear: {scope: dry_run}}}", ask(), "shadow"),
        ("{mode: act, connectors: {linear: {actions: {deny: issues.create}}}}", ask(), "deny"),
        ("{mode: act, connectors: {linear: {actions: {allow: issues.update}}}}", ask(), "deny"),
        ("{mode: act, connectors: {linear: {actions: {allow: 'issues.*'}}}}", ask(), "allow"),
        ("{mode: act, connectors: {slack: {targets: {allow: '#dev*'}}}}", ask("messages.send", "slack"), "deny"),
        ("{mode: act, connectors: {linear: {workspaces: {deny: w1}}}}", ask(), "deny"),
        ("{mode: act, rules: [{when: {requester: 'bot-*'}, then: deny}]}", ask(requester="bot-7"), "deny"),
        ("{mode: act, rules: [{when: {taint: content}, then: deny}]}", ask(taint=FILLED), "deny"),
        ("{mode: act, rules: [{when: {risk: low}, then: dry_run}]}", ask(), "shadow"),
        ("{mode: act, rules: [{when: {at_work: false}, then: deny}]}", ask(at=WEDNESDAY.replace(hour=22)), "deny"),
        (
            "{mode: act, rules: [{when: {at_work: false}, then: deny}]}",
            ask(at=datetime(2026, 12, 25, 11, tzinfo=ZONE)),
            "deny",
        ),
        ("{mode: act, rules: [{when: {at_work: false}, then: deny}]}", ask(), "allow"),
    ],
)
def test_the_examples(text: str, write: Ask, decision: str) -> None:
    assert judge(write, policy(text)).decision == decision


def test_two_people_and_not_the_requester() -> None:
    verdict = judge(ask(args={"title": "Enterprise billing"}), policy(ENTERPRISE))
    assert (verdict.needed, verdict.deciders, verdict.barred) == (2, ("sam", "mia"), ("ann",))
    assert verdict.expires_in == timedelta(hours=12)
    assert verdict.rule == "enterprise customer and billing"


def test_the_shipped_policy_is_the_one_in_code() -> None:
    verdict = judge(ask(), proposing())
    shipped = judge(ask(), policy("mode: propose"))
    assert verdict.decision == shipped.decision == "ask"
    assert (shipped.deciders, shipped.needed, shipped.expires_in) == (("*",), 1, timedelta(days=7))
    assert shipped.model_copy(update={"rule": "", "why": ()}) == verdict.model_copy(update={"rule": "", "why": ()})


@pytest.mark.parametrize(
    ("taint", "verb", "decision"),
    [
        (CLEAN, "messages.send", "allow"),
        (FILLED, "messages.send", "ask"),
        (STEERED, "messages.send", "ask"),
        (FORCED, "messages.send", "ask"),
        (Taint(args={"description": (STRANGER,)}, body=("description",)), "issues.create", "allow"),
        (Taint(args={"team": (STRANGER,)}, body=("description",)), "issues.create", "ask"),
        (Taint(existence=(STRANGER,)), "issues.create", "ask"),
    ],
)
def test_untrusted_text_on_the_path(taint: Taint, verb: str, decision: str) -> None:
    verdict = judge(ask(verb, "slack", taint=taint), acting("critical"))
    assert verdict.decision == decision
    assert decision == "allow" or any("Ignore all rules" in why for why in verdict.why)


def test_a_title_makes_a_rule_stricter_and_never_more_lenient() -> None:
    named = ask("issues.update", target={"ref": "ENG-7", "title": "sandbox"})
    assert judge(named, policy("{mode: propose, rules: [{when: {target: sandbox}, then: allow}]}")).decision == "ask"
    assert judge(named, policy("{mode: act, rules: [{when: {target: sandbox}, then: deny}]}")).decision == "deny"
    excused = "{mode: act, rules: [{when: {verb: 'issues.*'}, unless: {target: sandbox}, then: deny}]}"
    assert judge(named, policy(excused)).decision == "deny"
    assert judge(ask("issues.update", target={"ref": "sandbox"}), policy(excused)).decision == "allow"


TWO = "{approval: {needed: 2}}"
BARRED = "{approval: {barred: requester}}"


@pytest.mark.parametrize(
    ("text", "by", "decision", "rule"),
    [
        ("mode: propose", "ann", "allow", "mode: propose"),
        ("mode: propose", "sam", "allow", "mode: propose"),
        ("mode: propose", "eve", "ask", "mode: propose"),
        ("{undo: {own: ask}}", "ann", "ask", "mode: propose"),
        ("{undo: {within: 30m}}", "ann", "ask", "mode: propose"),
        ("{approval: {deciders: [sam]}}", "ann", "ask", "mode: propose"),
        ("{approval: {deciders: [sam]}}", "sam", "allow", "mode: propose"),
        (TWO, "sam", "ask", "mode: propose"),
        (BARRED, "ann", "ask", "mode: propose"),
        ("mode: investigate", "ann", "deny", "mode: investigate"),
        ("{mode: investigate, connectors: {linear: {mode: act}}}", "eve", "allow", "linear: act"),
        ("connectors: {linear: {scope: read_only}}", "ann", "deny", "linear: scope read_only"),
        ("connectors: {linear: {scope: dry_run}}", "ann", "shadow", "linear: scope dry_run"),
        ("connectors: {slack: {scope: read_only}}", "ann", "allow", "mode: propose"),
        ("sources: {web: {mode: investigate}}", "ann", "deny", "web: investigate"),
        ("connectors: {linear: {actions: {deny: issues.create}}}", "ann", "deny", "linear: denied verb"),
        ("rules: [{when: {verb: issues.create}, then: deny}]", "ann", "deny", "rule 1"),
        ("rules: [{when: {undo: true}, then: deny}]", "ann", "deny", "rule 1"),
        ("rules: [{when: {undo: true}, then: ask}]", "ann", "ask", "rule 1"),
        ("rules: [{when: {undo: true}, then: allow, threshold: critical}]", "eve", "allow", "rule 1"),
        ("rules: [{when: {undo: false}, then: deny}]", "ann", "allow", "mode: propose"),
        ("rules: [{when: {at_work: true}, then: deny}]", "ann", "deny", "rule 1"),
        ("rules: [{when: {environment: production, verb: issues.create}, then: deny}]", "ann", "deny", "rule 1"),
        ("rules: [{when: {verb: 'issues.*'}, then: ask, needed: 2}]", "ann", "ask", "rule 1"),
    ],
)
def test_taking_back_is_judged_like_the_write(text: str, by: str, decision: str, rule: str) -> None:
    """ann asked for it an hour ago, sam said yes."""
    asked = ask(requester=by).model_copy(update={"undo": True})
    verdict = judge_undo(asked, policy(text), ("ann", "sam"), timedelta(hours=1))
    assert (verdict.decision, verdict.rule) == (decision, rule)
    assert verdict.why or verdict.decision == "allow"
    assert decision != "deny" or rule in verdict.why[0]


@pytest.mark.parametrize("taint", [STEERED, FORCED])
def test_no_untrusted_text_takes_anything_back_by_itself(taint: Taint) -> None:
    asked = ask("messages.send", "slack", taint=taint).model_copy(update={"undo": True})
    for text in ("mode: propose", "mode: act", "rules: [{when: {undo: true}, then: allow, threshold: critical}]"):
        assert judge_undo(asked, policy(text), ("ann",), timedelta(0)).decision == "ask"


def test_nothing_is_done_by_itself_that_nobody_ordered() -> None:
    assert judge(ask(explicit=False), acting("critical")).decision == "ask"


def test_a_time_without_its_zone_is_refused() -> None:
    with pytest.raises(ValidationError):
        ask(at=datetime(2026, 11, 18, 11))  # noqa: DTZ001


CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "verb": st.sampled_from([("issues.*",), ("messages.send",), ("*",)]),
        "connector": st.sampled_from([("linear",), ("slack",)]),
        "environment": st.sampled_from([("production",), ("staging",)]),
        "channel": st.sampled_from([("web",), ("api",)]),
        "risk": st.sampled_from([("low",), ("high", "critical")]),
        "at_work": st.booleans(),
        "undoable": st.booleans(),
    },
)
RULES = st.builds(
    lambda when, then: Rule(name=f"{then} {sorted(when)}", when=When(**when), then=then),
    CONDITIONS,
    st.sampled_from(["allow", "ask", "shadow", "deny"]),
)
TAINTS = st.sampled_from([CLEAN, FILLED, STEERED, FORCED])
WRITES = st.builds(
    lambda verb, service, environment, **given: ask(verb, service, target={"environment": environment}, **given),
    st.sampled_from(["issues.create", "messages.send", "deploys.rollback"]),
    st.sampled_from(["linear", "slack"]),
    st.sampled_from([None, "", "staging", "production", "PROD "]),
    taint=TAINTS,
    channel=st.sampled_from(["web", "api"]),
    undo=st.sampled_from(["", "It is deleted."]),
    explicit=st.booleans(),
    affects=st.integers(1, 500),
    at=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(lambda at: at.replace(tzinfo=ZONE)),  # noqa: DTZ001
)


@given(WRITES)
def test_no_rules_mean_no(write: Ask) -> None:
    assert judge(write, Policy(threshold="critical")).decision == "deny"


@given(WRITES, st.lists(RULES, max_size=4), st.lists(RULES, max_size=4), RULES)
def test_a_rule_that_is_added_below_changes_nothing_above(
    write: Ask, above: list[Rule], below: list[Rule], added: Rule
) -> None:
    before = judge(write, Policy(rules=tuple(above), threshold="critical"))
    after = judge(write, Policy(rules=(*above, added, *below), threshold="critical"))
    if before.rule:
        assert after == before


@given(WRITES, st.lists(RULES, max_size=6), st.sampled_from(["low", "medium", "high", "critical"]))
def test_untrusted_text_never_decides_by_itself(write: Ask, rules: list[Rule], threshold: Any) -> None:
    verdict = judge(write, Policy(rules=tuple(rules), threshold=threshold))
    if verdict.decision == "allow":
        assert not write.taint.decisive
        assert write.explicit
        assert not (write.taint.content and write.reaches_people)


@given(WRITES, st.lists(RULES, max_size=6))
def test_an_unknown_environment_is_treated_as_production(write: Ask, rules: list[Rule]) -> None:
    rules = [one.model_copy(update={"threshold": "critical"}) for one in rules]
    unknown = write.change.target.model_copy(update={"environment": None})
    known = write.change.target.model_copy(update={"environment": "production"})
    chosen = Policy(rules=tuple(one for one in rules if not one.when.risk))
    decisions = {
        judge(write.model_copy(update={"change": write.change.model_copy(update={"target": target})}), chosen).decision
        for target in (unknown, known)
    }
    assert len(decisions) == 1
