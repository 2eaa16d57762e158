"""Countries by their names."""

from __future__ import annotations

import pytest

from agents.planners.places import named_country


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("and in Germany?", "DE"),
        ("und in Deutschland?", "DE"),
        ("¿y en Alemania?", "DE"),
        ("the USA?", "US"),
        ("on the moon", None),
    ],
)
def test_a_country_is_known_by_its_names(text: str, code: str | None) -> None:
    assert named_country(text, ["DE", "US", "GB"]) == code


def test_a_country_that_is_not_counted_is_none() -> None:
    assert named_country("and in Japan?", ["DE", "US"]) is None


def test_two_countries_are_none() -> None:
    assert named_country("Germany or the USA?", ["DE", "US"]) is None
