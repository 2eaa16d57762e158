"""What orders say: titles, messages, flags, and when a sentence corrects what waits."""

from __future__ import annotations

import pytest

from agents.planners.order import is_order, points, title
from agents.planners.order_words import flag, message, pull_topic, share, switch, when_green
from agents.planners.subject import owned


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Create an issue for the broken link and assign it to Sarah", "Broken link"),
        ("create a high priority issue for backend: rotate tokens", "Rotate tokens"),
        ("can you add an issue in GitHub for the failing build", "Failing build"),
        ("open a ticket for Sarah to check the invoices", "Check the invoices"),
        ("submit a bug for the broken tooltip", "Broken tooltip"),
        ("Crea un ticket para el enlace roto", "El enlace roto"),
        ("create an issue called “Rows are missing”", "Rows are missing"),
        ("Create an issue for this and give it to whoever owns the form", None),
        ("create a ticket", None),
    ],
)
def test_the_title_of_an_issue(text: str, expected: str | None) -> None:
    assert title(text) == expected


@pytest.mark.parametrize("text", ["create an issue for this", "track this as an issue", "Crea un issue para esto"])
def test_an_order_may_point_at_what_was_said(text: str) -> None:
    assert points(text)
    assert is_order(text)


def test_an_order_with_a_title_of_its_own_points_at_nothing() -> None:
    assert not points("create an issue for the broken link")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("give it to whoever owns the form", "form"),
        ("assign it to its owner", ""),
        ("for the person who last changed it", ""),
        ("assign it to Sarah", None),
    ],
)
def test_the_owner_that_is_meant(text: str, part: str | None) -> None:
    assert owned(text) == part


@pytest.mark.parametrize(
    ("text", "key", "on", "percent"),
    [
        ("Turn off the new-checkout flag in Germany", "new-checkout", False, None),
        ("turn off the new checkout flag", "new-checkout", False, None),
        ("roll the new-editor flag out to 30 percent", "new-editor", True, 30.0),
        ("Schalte das Flag new-checkout in Deutschland aus", "new-checkout", False, None),
        ("desactiva la bandera new-checkout en Alemania", "new-checkout", False, None),
        ("switch on dark-mode for everyone", "dark-mode", True, None),
    ],
)
def test_a_flag_and_what_shall_become_of_it(text: str, key: str, on: bool, percent: float | None) -> None:
    assert (flag(text), switch(text), share(text)) == (key, on, percent)


def test_the_words_of_a_message_are_the_askers() -> None:
    assert message("tell #eng that deploys are frozen") == "Deploys are frozen"
    assert message("Sag #support, dass der Export wieder geht") == "Der Export wieder geht"
    assert message('send "Hello all" to #general') == "Hello all"
    assert message("tell the team") is None


def test_which_pull_request_and_when() -> None:
    assert pull_topic("Merge the CSV invites PR once checks are green") == "CSV invites"
    assert pull_topic("Merge the fix once checks are green") is None
    assert when_green("Merge the fix once checks are green")
    assert when_green("Merge das, wenn die Tests durch sind")
    assert not when_green("merge 484 now")
