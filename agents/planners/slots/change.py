"""How much and which way a number is said to have moved."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from agents.planners.glossary import Glossed

_DOWN = (
    r"drop(?:s|ped|ping)?|fell|falls?|falling|fallen|down|decreas\w+|declin\w+|dip(?:s|ped|ping)?|"
    r"collaps\w+|crater\w*|tank(?:s|ed|ing)|plung\w+|plummet\w*|"
    r"s[aiu]nk(?:s|ing)?|sunk|shr[aiu]nk\w*|shrinking|low(?:er)?|less|fewer|few|los[et]|losing|lost|"
    r"loss|crash(?:ed|ing)?|disappear\w*|vanish\w*|halv\w+|cut in half|"
    r"worse|slump\w*|slid(?:e|ing)?|off a cliff|through the floor|almost (?:zero|nothing)|"
    r"near(?:ly)? zero|nobody|no one|hurt\w*|kill\w*|reduc\w+|dead|dying|cost us|gone|awful|terrible|"
    r"bad|poor|weak(?:er|ened|ening)?|soft(?:er|ened|ening)|thinner|sluggish|dismal|miserable|weniger"
)
_UP = (
    r"r[io]se(?:s|n)?|rising|increas\w+|gr[eo]w(?:s|n|ing|th)?|jump\w*|spik\w+|spiked?|gain\w*|"
    r"higher|soar\w*|surg\w+|climb\w*|doubl\w+|tripl\w+|quadrupl\w+|"
    r"twice|(?:went|go(?:es|ing)?|are|is|was|were|shot|shoot|be|been|being) up|up (?:by )?(?:a |"
    r"an )?(?:\d|fifth|third|quarter|half|tenth|so)|more|boost\w*|skyrocket\w*"
)
_DIRECTION = re.compile(rf"\b(?:(?P<down>{_DOWN})|(?P<up>{_UP}))\b")
_PERCENT = re.compile(
    r"(?P<sign>[-+−])?(?P<number>\d+(?:[.,]\d+)?)\s*(?:%|percent\b|per cent\b|pct\b|prozent\b|por ciento\b)"
)
_FRACTIONS = {"tenth": 10.0, "fifth": 20.0, "quarter": 25.0, "third": 100 / 3, "half": 50.0, "halb": 50.0}
_FRACTION = re.compile(
    r"\b(?:(?P<count>two|three|2|3)[ -](?P<plural>third|quarter|fifth)s|(?:by|in|lost|lose|losing|of|"
    r"about|down|up|almost|nearly|fell|dropped)\s+(?:about |almost |nearly |over |more than )?(?:a |"
    r"an |one )?(?P<one>tenth|fifth|quarter|third|half)"
    r"|(?P<a>(?:a|one) (?:tenth|fifth|third|half|quarter)) (?:of|fewer|less|lower|more|"
    r"higher))\b(?! (?:of the year|ago|year|an? hour))"
)
_TIMES = re.compile(
    r"\b(?:(?P<halved>halv\w+|cut in half)|(?P<doubled>doubl\w+|twice)|(?P<tripled>tripl\w+)|"
    r"(?P<quadrupled>quadrupl\w+))\b"
)
_NOT_A_CHANGE = re.compile(
    r"sign[ -]?(?:ed )?up|what'?s up|look(?:ed)? up|follow[ -]?ups?|set up|write down|wrote down|"
    r"written down|shut down|break down|few days|few hours|few weeks|few minutes|so far|more than|"
    r"no more|low[ -]priority|lowest|drop[ -]?down|is up to|are up to|up to\b"
)
_WEAK = frozenset(("more", "less", "few", "fewer", "low", "gone", "is up", "are up"))


class Direction(StrEnum):
    """Which way."""

    DOWN = "down"
    UP = "up"


@dataclass(frozen=True)
class Change:
    """The direction that was said, and its size in percent of before (positive; None where not said)."""

    direction: Direction | None
    percent: float | None
    text: str
    at: tuple[int, int]

    @property
    def signed(self) -> float | None:
        """The size with its sign; None where either is unknown."""
        if self.percent is None or self.direction is None:
            return None
        return -self.percent if self.direction is Direction.DOWN else self.percent


def find(glossed: Glossed) -> Change | None:
    """The change that the sentence claims; None where it claims none."""
    text = _NOT_A_CHANGE.sub(lambda match: "·" * len(match[0]), glossed.text.lower())
    sized = _size(text)
    moves = list(_DIRECTION.finditer(text))
    if sized is None and not moves:
        return None
    if sized is None:
        # a bare "more" or "few" only counts where no verb says it
        move = next((match for match in moves if match[0] not in _WEAK), moves[0])
        direction = Direction.DOWN if move["down"] else Direction.UP
        return Change(direction, None, glossed.original(*move.span()), move.span())
    percent, at, known = sized
    direction_found = known
    if direction_found is None and moves:
        nearest = min(moves, key=lambda match: max(at[0] - match.end(), match.start() - at[1], 0))
        direction_found = Direction.DOWN if nearest["down"] else Direction.UP
        at = (min(at[0], nearest.start()), max(at[1], nearest.end()))
    if direction_found is None:
        return None
    return Change(direction_found, percent, glossed.original(*at), at)


def _size(text: str) -> tuple[float, tuple[int, int], Direction | None] | None:
    match = _PERCENT.search(text)
    if match:
        sign = {"-": Direction.DOWN, "−": Direction.DOWN, "+": Direction.UP}.get(match["sign"] or "")
        return float(match["number"].replace(",", ".")), match.span(), sign
    match = _TIMES.search(text)
    if match:
        if match["halved"]:
            return 50.0, match.span(), Direction.DOWN
        return (100.0 if match["doubled"] else 200.0 if match["tripled"] else 300.0), match.span(), Direction.UP
    match = _FRACTION.search(text)
    if match:
        if match["count"]:
            times = {"two": 2, "2": 2, "three": 3, "3": 3}[match["count"]]
            return times * _FRACTIONS[match["plural"]], match.span(), None
        name = match["one"] or match["a"].split()[-1]
        return _FRACTIONS[name], match.span(), None
    return None
