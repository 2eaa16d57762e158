"""A claim that something was done needs the receipt."""

from __future__ import annotations

import pytest

from agents.proof_acts import unreceipted

CREATED = {"kind": "receipt", "verb": "issues.create", "ref": "ENG-401"}


@pytest.mark.parametrize(
    "text",
    [
        "I created ENG-401.",
        "Created [ENG-401](https://linear.test/ENG-401).",
        "**Created ENG-401** for Sarah.",
        "The issue was created for you.",
        "Deus has opened ENG-401.",
        "It is Friday. I have just filed it.",
    ],
)
def test_what_deus_says_it_created_needs_the_receipt(text: str) -> None:
    assert unreceipted(text, []) is not None
    assert unreceipted(text, [{"kind": "issue", "ref": "ENG-401"}]) is not None
    assert unreceipted(text, [CREATED | {"dry": True}]) is not None
    assert unreceipted(text, [CREATED]) is None


@pytest.mark.parametrize(
    "text",
    [
        "I merged the pull request.",
        "We rolled the deployment back.",
        "Deus turned the flag off in Germany.",
        "I have posted it to #incidents.",
        "Assigned it to Sarah.",
    ],
)
def test_the_receipt_of_another_write_bears_nothing_out(text: str) -> None:
    assert unreceipted(text, [{"kind": "receipt", "verb": "documents.create"}]) is not None


@pytest.mark.parametrize(
    "text",
    [
        "ENG-401 was created by Tom on 3 Nov.",
        "- Merged by Sarah on Friday",
        "James Okoro: “I created ENG-401 for it.”",
        "Closed bugs this week: 3",
        "[Signed webhooks](https://x.test) merged Fri 6 Nov, 15:10",
        "Sign-ups fell for browser Safari.",
    ],
)
def test_what_others_did_needs_none(text: str) -> None:
    assert unreceipted(text, []) is None


@pytest.mark.parametrize(
    "text",
    [
        "Ich habe guided-setup ausgeschaltet.",
        "Den Flag guided-setup hat Deus gestern Abend für alle deaktiviert.",
        "guided-setup wurde von mir aktiviert.",
        "He desactivado guided-setup.",
        "guided-setup fue desactivado por Deus.",
    ],
)
def test_german_and_spanish_acts_need_the_receipt_too(text: str) -> None:
    assert unreceipted(text, []) is not None
    assert unreceipted(text, [{"kind": "receipt", "verb": "flags.set"}]) is None
    assert unreceipted(text, [{"kind": "receipt", "verb": "issues.create"}]) is not None


@pytest.mark.parametrize(
    "text",
    ["Der Flag wurde von Sarah ausgeschaltet.", "Sarah ha desactivado guided-setup.", "Ich habe drei offene Fehler."],
)
def test_what_others_did_in_german_and_spanish_needs_none(text: str) -> None:
    assert unreceipted(text, []) is None
