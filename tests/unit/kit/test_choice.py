"""Names that people use, and whom or what they mean."""

from __future__ import annotations

import pytest

from tools.kit.choice import chosen, person
from tools.kit.errors import BadArgument

PEOPLE = [
    ("Ann Lee", "ann", "ann@acme.test"),
    ("Ann Moor", "amoor", "amoor@acme.test"),
    ("Bo Ek", "bo", "bo@acme.test"),
]


def who(asked: str) -> str:
    return person(asked, PEOPLE, lambda one: one, service="linear")[0]


def test_a_first_name_will_do_where_one_person_bears_it() -> None:
    assert who("Bo") == who("@bo") == who("bo ek") == who("BO@acme.test") == "Bo Ek"
    assert who("amoor") == "Ann Moor"


def test_a_handle_wins_over_a_first_name() -> None:
    assert who("ann") == "Ann Lee"


def test_several_are_named_with_what_tells_them_apart() -> None:
    two = [("Ann Lee", "alee"), ("Ann Moor", "amoor")]
    with pytest.raises(BadArgument, match=r"Ann Lee \(alee\) or Ann Moor \(amoor\)"):
        person("Ann", two, lambda one: one, service="linear")


def test_none_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(BadArgument, match=r"no label 'bgu'; there are bug, feature"):
        chosen("bgu", ["bug", "feature"], lambda name: (name,), what="label", service="linear")
    with pytest.raises(BadArgument, match="there is none"):
        chosen("bgu", list[str](), lambda name: (name,), what="label", service="linear")
    assert chosen(" BUG", ["bug", "feature"], lambda name: (name,), what="label", service="linear") == "bug"
