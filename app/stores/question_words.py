"""The words of a question that are worth looking up: stop words raw in a query make every text match. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

MOST = 24
_WORD = re.compile(r"\w+(?:[.\-/:#@']\w+)*")
_PART = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+|[^\W\d_a-zA-Z]+")

ENGLISH = """
a about after all also am an and any are as at be been before being but by can could did do does doing for from get
give got had has have having he her here him his how i if in into is it its just know let like make many may me
might more most much must my need no nor not now of off on once only or other our out over own please same shall she
should show so some such tell than that the their them then there these they this those through to too under until
up us very was we were what when where which while who whom whose why will with would you your
"""
GERMAN = """
aber alle als am an auch auf aus bei bin bis bist da das dass dem den der des die dies diese dieser doch du ein eine
einem einen einer eines er es für gibt hat haben ich ihr im in ist ja kann kein keine man mein mit muss nach nicht
noch nur oder ohne schon sich sie sind so um und uns unser vom von vor war waren warum was wegen welche welcher wenn
wer werden wie wir wird wo wurde zu zum zur über
"""
SPANISH = """
al algo ante aquí así con cual cuando cuándo cuánto cómo como de del desde donde dónde el ella ellos en entre era es
esa ese eso esta este esto está están fue ha hace hasta hay la las le les lo los me mi muy más nos o para pero por
porque qué que quien quién se ser si sin sobre son su sus también te tiene todo un una uno unos y ya
"""
STOP_WORDS = frozenset(f"{ENGLISH} {GERMAN} {SPANISH}".split())


def question_words(text: str) -> list[str]:
    """The words to look up, in order, each once, at most 24.

    An identifier (`checkout.session_id`, `AUTH-142`) stays whole, its parts beside it: the database reads the whole
    as a phrase. A question of stop words alone has none.
    """
    found: dict[str, None] = {}
    for word in _WORD.findall(text):
        # A digit or two out of a longer name says nothing.
        parts = [part for part in split(word) if len(part) > 2]
        for one in (word.removesuffix("'s"), *parts):
            plain = one.casefold()
            if plain not in STOP_WORDS and (len(plain) > 1 or plain.isdigit()):
                found.setdefault(plain)
    return list(found)[:MOST]


def coverage(asked: Sequence[str], found: Sequence[str]) -> float:
    """The share of a question's words that a text has, where `found` are the words marked in it, in other forms too."""
    return sum(any(_akin(word, other) for other in found) for word in asked) / len(asked) if asked else 0.0


def _akin(word: str, other: str) -> bool:
    """Whether two words are forms of one, as a stemmer sees them: alike but for their last letters."""
    same = next((n for n, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), min(len(word), len(other)))
    shorter, longer = sorted((len(word), len(other)))
    return word == other or (same >= 3 and same >= shorter - 2 and same >= longer - 4)


def names(text: str) -> str:
    """The parts of the compound names in a text (`sessionId` → `session Id`), to be found by each part."""
    found: dict[str, None] = {}
    for word in _WORD.findall(text):
        parts = split(word)
        if len(parts) > 1 and not word.isdigit():
            found.update(dict.fromkeys(parts))
    return " ".join(found)


def split(word: str) -> list[str]:
    """The parts of a name by its capitals, digits and marks."""
    return _PART.findall(word)
