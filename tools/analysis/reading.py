"""What a company says about reading its own numbers: ordinary days, holidays, seasons, peaks. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from tools.analysis.subject import commands
from tools.nouns import Annotation, Document, Message, Noun

_DAYS = (
    r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b|weekends?\b|wochenende|(?:mon|diens|donners|frei|sams|sonn)tags?\b"
    r"|s[áa]bados?|domingos?|lunes|fin de semana|luned[ìi]|sabato|domenica|samedi|dimanche"
)
_USUAL = (
    r"compare|same (?:day|weekday)|\b(?:half|quarter|third|fifth|sixth|seventh|tenth|twentieth)\b|clos|quiet|normal"
    r"|usual|every|always|\blow\b|fewer|do(?:es)? not work|not an outage|trabaja|monday to sunday|days are in"
    r"|time ?zone"
)
_CLOCK = (
    r"today'?s (?:bar|number|figure)|the day'?s bar|incomplete|running day|not over"
    r"|\b(?:evening|afternoon|noon|abends|tarde)\b|after (?:six|seven|eight|five)|before (?:half|nine|ten)"
)
_HOLIDAY = r"holiday|feiertag|festivo|br[üu]ckentag|quiet days|thanksgiving|christmas|labou?r day|new year|easter"
_SEASON = r"season|follow(?:s)? the|climb|sink|both have risen|slowly|for years|month by month"
_PEAK = r"week before|ordinary weeks?|looks like a fall|spike|trebles|doubles|after a (?:press|mailing|launch|sale)"
_LOUD = re.compile(
    r"front page|newsletter|featured|mention|podcast|viral|sale|discount|launch|campaign|push|\btv\b|\btele\b|forum"
    r"|hacker news|product hunt|press|mailing",
    re.IGNORECASE,
)
# What a document or a message must say for a label: each of these patterns somewhere.
_SAYS = {
    "weekday": (_DAYS, _USUAL),
    "incomplete-period": (_CLOCK,),
    "holiday": (_HOLIDAY,),
    "trend": (_SEASON,),
    "earlier-peak": (_PEAK,),
}
# Talk of a coming holiday stands near it; talk of the running season not much longer back than this.
_NEAR = timedelta(days=10)


def reading(
    nouns: Sequence[Noun], label: str, about: datetime | None = None, peak: tuple[float, float] | None = None
) -> list[tuple[Noun, str]]:
    """The records that explain an impression which has an ordinary reason, each with what it does for that.

    `about` is when the change began, `peak` the days that were high, in seconds since the epoch.
    """
    patterns = [re.compile(pattern, re.IGNORECASE) for pattern in _SAYS.get(label, ())]
    found: dict[tuple[str, str], tuple[Noun, str]] = {}
    for noun in nouns:
        if not isinstance(noun, Message | Document) or commands(noun.text()):
            continue
        if patterns and all(pattern.search(noun.text()) for pattern in patterns) and _in_time(noun, label, about):
            found[noun.service, noun.ref] = (noun, "says how to read these numbers")
    if label == "earlier-peak" and peak is not None:
        for noun in nouns:
            near = peak[0] - 36 * 3600 <= noun.at.timestamp() <= peak[0] + 36 * 3600
            loud = isinstance(noun, Annotation) or (isinstance(noun, Message) and _LOUD.search(noun.body) is not None)
            if near and loud:
                found[noun.service, noun.ref] = (noun, "tells of the peak")
    return list(found.values())


def _in_time(noun: Noun, label: str, about: datetime | None) -> bool:
    """Documents hold for good; what was said of a holiday holds for that one."""
    if isinstance(noun, Document) or label in ("weekday", "incomplete-period"):
        return True
    return about is not None and abs(noun.at - about) <= _NEAR
