"""What the contract of actions does not ask of Linear's: names that are ambiguous, teams, states, warnings."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contracts.test_action import KEY, staged
from tools.kit.errors import BadArgument
from tools.linear import Linear
from tools.linear.naming import ORDER, workflow_state
from tools.linear.writing import described, made_id
from tools.writes import IssuesCreate, IssuesLink, IssuesUpdate


async def test_an_unknown_name_is_answered_with_those_that_there_are(shared: Path) -> None:
    async with staged("linear", "issues.create", shared) as stage:
        with pytest.raises(BadArgument, match="Sarah Chen"):
            await stage.action.preview(IssuesCreate(title="A", assignee="Zebediah"))
        with pytest.raises(BadArgument, match="backend"):
            await stage.action.preview(IssuesCreate(title="A", team="marketing"))
        with pytest.raises(BadArgument, match="support"):
            await stage.action.preview(IssuesCreate(title="A", labels=("no-such-label",)))


async def test_a_team_is_named_or_follows_the_assignee_or_the_settings_or_the_history(shared: Path) -> None:
    async with staged("linear", "issues.create", shared) as stage:
        assert isinstance(stage.connector, Linear)
        named = await stage.action.preview(IssuesCreate(title="A", team="the Backend team", assignee="Sarah"))
        theirs = await stage.action.preview(IssuesCreate(title="A", assignee="sarah@acme.test"))
        usual = await stage.action.preview(IssuesCreate(title="A"))
        stage.connector.settings = stage.connector.settings.model_copy(update={"team": "platform"})
        settled = await stage.action.preview(IssuesCreate(title="A", assignee="Sarah"))
    assert (named.after["team"], named.warnings) == ("backend", ())
    assert (theirs.after["team"], theirs.warnings) == ("web", ("No team was named: web is Sarah Chen's.",))
    assert "issues." in usual.warnings[0]
    assert (settled.after["team"], settled.warnings) == ("platform", ())


async def test_an_open_issue_of_the_same_title_is_pointed_out(shared: Path) -> None:
    async with staged("linear", "issues.create/least", shared) as stage:
        landed = await stage.do(await stage.preview())
        again = await stage.action.preview(IssuesCreate(title="ONLY a title", team="web"))
        assert again.warnings == (f"There is an open issue with the same title: {landed.ref}.",)
        update = stage.connector.writes()["issues.update"](stage.connector)
        done = IssuesUpdate(ref=landed.ref, state="done")
        await update.do(done, await update.preview(done), KEY)
        assert (await stage.action.preview(IssuesCreate(title="Only a title", team="web"))).warnings == ()
        assert (await update.preview(done)).warnings == (f"{landed.ref} is like that already.",)


async def test_what_is_tied_already_stays_tied(shared: Path) -> None:
    async with staged("linear", "issues.link", shared) as stage:
        landed = await stage.do(await stage.preview())
        change = await stage.preview()
        assert change.warnings == ("BACK-290 is tied to it already.",)
        assert not change.undo
        again = await stage.do(change, "f" * 40)
        assert again.undo == landed.undo
        duplicate = await stage.action.preview(IssuesLink(ref="BACK-290", to="WEB-309", relation="duplicate"))
    assert "closes BACK-290 as a duplicate" in duplicate.warnings[0]


def test_ids_are_made_from_the_key_in_the_form_that_linear_asks_for() -> None:
    assert made_id(KEY) == made_id(KEY) != made_id("0" * 40)
    assert made_id(KEY)[14] == "4"


def test_a_state_that_a_team_lacks_is_refused_with_those_that_it_has() -> None:
    states = [
        {"name": "Reviewing", "type": "started", "position": 3.0},
        {"name": "Doing", "type": "started", "position": 2.0},
        {"name": "Shipped", "type": "completed", "position": 4.0},
    ]
    assert workflow_state(states, "in_progress", "linear")["name"] == "Doing"
    assert workflow_state(states, "in_review", "linear")["name"] == "Reviewing"
    for missing in ORDER.keys() - {"in_progress", "in_review", "done"}:
        with pytest.raises(BadArgument, match="Doing, Reviewing, Shipped"):
            workflow_state(states, missing, "linear")


def test_links_stand_beneath_the_description() -> None:
    assert described("Words. ", ("https://a.test",)) == "Words.\n\n- https://a.test"
    assert described("", ("https://a.test", "https://b.test")) == "- https://a.test\n- https://b.test"
    assert described("Words.", ()) == "Words."
