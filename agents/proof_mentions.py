"""What a claim's text states that can be checked: figures, times, refs, links. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

_SMALL = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
WORDS = {word: number for number, word in enumerate(_SMALL, 2)}
MONTHS = {
    m: n for n, m in enumerate(["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], 1)
}
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_LINK = re.compile(r"https?://[^\s)>\]\"']+")
_TARGET = re.compile(r"(?<!\\)\]\(\s*<?([^)\s>]*)")
_EMBEDDED = re.compile(r"(?<!\\)!\[|(?<!\\)<(?=[A-Za-z/!?])")
_FENCE = re.compile(r"^[ ]*(`{3,})[^\n`]*\n.*?\n[ ]*\1[ ]*$", re.DOTALL | re.MULTILINE)
_MARKS = re.compile(r"\[\d{1,3}\]")
_CODE = re.compile(r"(?<!\\)`[^`]*`")
_QUOTE = re.compile(r"“[^”]*”")
_REF = re.compile(
    r"(?<![\w/])(?:[\w.-]+/[\w.-]+#\d+|#\d+|[A-Z][A-Z0-9]{1,9}-\d+|dpl_\w+|cus_\w+|[A-Z]\w{7,}/\d{10}\.\d{6})\b"
)
_ISO = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::\d{2})?(?:Z|[+-]\d{2}:\d{2})?)?\b")
_DAY = re.compile(
    r"\b(?:(Mon|Tue|Wed|Thu|Fri|Sat|Sun)\w* )?(\d{1,2}) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\w*"
    r"(?: (\d{4}))?(?:,? (?:at )?(\d{1,2}):(\d{2}))?"
)
_CLOCK = re.compile(r"\b([01]?\d|2[0-3]):([0-5]\d)\b")
_NUMBER = re.compile(
    r"(?<![\w.])[-−+]?(?P<digits>\d{1,3}(?:[, ]\d{3})+|\d+)(?P<part>\.\d+)?(?P<percent>\s?%)?(?!\w)"
    r"(?:[ -](?P<unit>week|day|hour|minute)s?\b)?",
    re.ASCII,
)
_WORD = re.compile(rf"\b({'|'.join(WORDS)})\b(?:[ -](week|day|hour|minute)s?\b)?", re.IGNORECASE)


@dataclass(frozen=True)
class Number:
    """A figure as written, its sign dropped. `digits` counts decimals; `unit` is the unit of time behind it, if any.

    `near` are the words that follow, up to the next figure or the end of that part of the sentence; `start` and `end`
    are its place in the readable text. `sign` is 1 or -1 where one is written, `money` the sign of a currency.
    """

    text: str
    value: Decimal
    digits: int
    percent: bool = False
    unit: str = ""
    near: str = ""
    start: int = 0
    end: int = 0
    sign: int = 0
    money: str = ""


@dataclass(frozen=True)
class Moment:
    """A time as written, in the reader's zone; parts that were not written are None. Monday is weekday 0."""

    text: str
    year: int | None = None
    month: int | None = None
    day: int | None = None
    hour: int | None = None
    minute: int | None = None
    weekday: int | None = None


@dataclass(frozen=True)
class Mentions:
    """All checkable statements of a text; `readable` is its own words, in lower case, without links and quotations."""

    numbers: tuple[Number, ...] = ()
    times: tuple[Moment, ...] = ()
    refs: tuple[str, ...] = ()
    links: tuple[str, ...] = field(default=())
    unsafe: str = ""
    quotes: tuple[str, ...] = ()
    readable: str = ""

    def empty(self) -> bool:
        return not (self.numbers or self.times or self.refs or self.links or self.unsafe or self.quotes)


def mentions(text: str) -> Mentions:
    """What a Markdown text states; code spans and “quoted words” are quotations, whose figures do not count."""
    links: list[str] = []
    refs: list[str] = []
    times: list[Moment] = []

    def take(pattern: re.Pattern[str], rest: str, keep: list[str] | None = None) -> str:
        def drop(match: re.Match[str]) -> str:
            if keep is not None:
                keep.append(match.group(0).rstrip(".,;"))
            return " "

        return pattern.sub(drop, rest)

    shown = _CODE.sub(" ", _FENCE.sub(" ", text))
    rest = take(_LINK, _FENCE.sub(" ", text), links)
    rest = take(_MARKS, rest)
    quotes: list[str] = []
    rest = take(_QUOTE, take(_CODE, rest, quotes), quotes)
    readable = re.sub(r"\s", " ", rest.replace("\\", "").replace("\u2060", ""))

    def ref(match: re.Match[str]) -> str:
        refs.append(match.group(0))
        return _blank(match)

    # From here on what is taken leaves its room, so that figures keep their place in the readable text.
    rest = _REF.sub(ref, readable)

    def iso(match: re.Match[str]) -> str:
        year, month, day, hour, minute = (int(part) if part else None for part in match.groups())
        times.append(Moment(match.group(0), year, month, day, hour, minute))
        return _blank(match)

    def named(match: re.Match[str]) -> str:
        weekday, day, month, year, hour, minute = match.groups()
        named_day = WEEKDAYS.index(weekday) if weekday else None
        times.append(
            Moment(match.group(0), _int(year), MONTHS[month], int(day), _int(hour), _int(minute), named_day),
        )
        return _blank(match)

    def clock(match: re.Match[str]) -> str:
        times.append(Moment(match.group(0), hour=int(match.group(1)), minute=int(match.group(2))))
        return _blank(match)

    rest = _CLOCK.sub(clock, _DAY.sub(named, _ISO.sub(iso, rest)))
    numbers = [_number(match, rest) for match in _NUMBER.finditer(rest)]
    numbers += [
        Number(
            m.group(0),
            Decimal(WORDS[m.group(1).lower()]),
            0,
            unit=(m.group(2) or "").lower(),
            near=_near(rest, m.end()),
            start=m.start(),
            end=m.end(),
        )
        for m in _WORD.finditer(rest)
    ]
    return Mentions(
        tuple(numbers),
        tuple(times),
        tuple(refs),
        tuple(links),
        unsafe(shown),
        tuple(_said(one) for one in quotes),
        readable.lower(),
    )


def _said(quoted: str) -> str:
    """A quotation as its source wrote it, on one line: marks, escapes and invisible joiners taken off."""
    inner = quoted[1:-1] if quoted[-1] in "`”" else quoted[1:].rstrip("`”")
    plain = inner if quoted[0] == "`" else re.sub(r"\\([\\`*_\[\]<>|~])", r"\1", inner)
    return " ".join(plain.replace("\u2060", "").replace("`", "’").split())


def unsafe(text: str) -> str:
    """What a Markdown text would load or lead to besides the web pages that it links to; "" if nothing."""
    embedded = _EMBEDDED.search(text)
    if embedded:
        return text[embedded.start() : embedded.start() + 40]
    targets = (match.group(1) for match in _TARGET.finditer(text))
    return next((target for target in targets if not re.match(r"https?://", target)), "")


def _near(text: str, end: int) -> str:
    return re.split(r"[\d.;:(,]", text[end : end + 60].lower(), maxsplit=1)[0]


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group(0))


def _number(match: re.Match[str], text: str) -> Number:
    digits = match["digits"].replace(",", "").replace(" ", "")
    part = match["part"] or ""
    written = match.group(0)
    return Number(
        written.strip(),
        Decimal(digits + part),
        max(0, len(part) - 1),
        percent=match["percent"] is not None,
        unit=match["unit"] or "",
        near=_near(text, match.end()),
        start=match.start(),
        end=match.end("percent") if match["percent"] else match.end("part") if part else match.end("digits"),
        sign=1 if written.startswith("+") else -1 if written[0] in "-−" else 0,
        money=text[match.start() - 1] if match.start() and text[match.start() - 1] in "$€£" else "",
    )


def reads(stamp: datetime, moment: Moment) -> bool:
    """Whether a time, local to the reader, is this moment to the precision in which it is written."""
    if moment.weekday is not None and stamp.weekday() != moment.weekday:
        return False
    for name in ("year", "month", "day"):
        written = getattr(moment, name)
        if written is not None and getattr(stamp, name) != written:
            return False
    if moment.hour is None:
        return True
    written_minutes = moment.hour * 60 + (moment.minute or 0)
    return abs(stamp.hour * 60 + stamp.minute - written_minutes) <= 1


def _int(text: str | None) -> int | None:
    return int(text) if text else None
