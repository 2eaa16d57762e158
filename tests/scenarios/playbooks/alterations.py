"""Claims with one thing changed: a numeral, a date, a ref, a link, a quotation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from agents.proof_mentions import MONTHS, mentions

_DAY = re.compile(r"\b(\d{1,2}) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b")
_CLOCK = re.compile(r"\b(\d{2}):(\d{2})\b")


def altered(text: str) -> Iterator[tuple[str, str]]:
    """(what was changed, the text with it changed), many of them; never the text itself."""
    said = mentions(text)
    for number in said.numbers:
        digits = re.search(r"\d[\d,]*(?:\.\d+)?", number.text)
        if digits is None:
            continue
        for changed in _figures(digits.group(0)):
            yield "figure", _once(text, number.text, number.text.replace(digits.group(0), changed, 1))
    for ref in said.refs:
        yield "ref", _once(text, ref, ref[:-1] + ("7" if ref[-1] != "7" else "3"))
    for link in said.links:
        yield "link", _once(text, link, link[:-1])
        yield "link", _once(text, link, link.replace("127.0.0.1", "evil.test"))
    for quoted in said.quotes:
        if len(quoted) > 8 and quoted in text:
            yield "quotation", text.replace(quoted, quoted[:4] + " never " + quoted[4:])
    for match in _DAY.finditer(text):
        day = datetime(2026, MONTHS[match.group(2)], int(match.group(1))) + timedelta(days=3)  # noqa: DTZ001
        yield "date", text[: match.start()] + f"{day.day} {day:%b}" + text[match.end() :]
    for match in _CLOCK.finditer(text):
        hour = (int(match.group(1)) + 5) % 24
        yield "time", text[: match.start()] + f"{hour:02d}:{match.group(2)}" + text[match.end() :]


def _figures(digits: str) -> Iterator[str]:
    """Wrong figures near a right one, written as it is."""
    places = len(digits.partition(".")[2])
    value = float(digits.replace(",", ""))
    step = 10.0**-places
    for wrong in {value + step, value + 2 * step, value * 1.1 + 3 * step, value + 30 * step}:
        yield f"{wrong:,.{places}f}" if "," in digits or value >= 1000 else f"{wrong:.{places}f}"


def _once(text: str, old: str, new: str) -> str:
    """The last occurrence replaced: a ref's first one may be a part of its link."""
    place = re.search(rf"(?<![\w/]){re.escape(old)}(?!\w)", text)
    start = place.start() if place else text.index(old)
    return text[:start] + new + text[start + len(old) :]
