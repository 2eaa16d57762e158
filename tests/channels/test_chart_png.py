"""Charts as pictures: the figure that the web draws, the same bytes each time, whatever its words are."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from app.channels.chart import figure
from app.channels.chart_png import DENSITY, HEIGHT, WIDTH, drawn, png
from tests.channels.script import chart

TITLE = "Signups a day"


def size(picture: bytes) -> tuple[int, ...]:
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", picture[16:24])


async def test_the_same_chart_is_the_same_picture_and_wide_enough_to_be_read() -> None:
    first, again = await png(figure(chart()), TITLE), await png(figure(chart()), TITLE)
    assert first == again
    assert size(first) == (WIDTH * DENSITY, HEIGHT * DENSITY)


@pytest.mark.parametrize("missing", ["onset", "interval", "incomplete_from", "expected"])
def test_what_the_chart_knows_is_to_be_seen(missing: str) -> None:
    less = {name: value for name, value in chart().items() if name != missing}
    assert drawn(figure(less), TITLE) != drawn(figure(chart()), TITLE)


def test_each_series_is_drawn() -> None:
    whole = chart()
    pictures = {drawn(figure({**whole, "series": whole["series"][:n]}), TITLE) for n in (1, 2, 3)}
    assert len(pictures) == 3


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"series": [{"name": "one", "points": [["2026-11-10T00:00:00+00:00", 0]]}]},
        {**chart(), "recovered": chart()["series"][0]["points"][-2][0]},
        {**chart(), "unit": "$ \\frac{1}{2} $", "series": [{**chart()["series"][0], "name": "日本 $x^2$ \n <b> _"}]},
    ],
)
def test_a_chart_of_little_or_of_odd_words_is_drawn_without_a_warning(data: dict[str, Any]) -> None:
    assert size(drawn(figure(data), "日本 $\\unknown$ " + "x" * 300)) == (WIDTH * DENSITY, HEIGHT * DENSITY)
