"""German, Spanish, Portuguese and French words of the trade, in English.

Enough for the English encoder to see what a sentence is about. No translation: word for word, without grammar.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from agents.planners.glossary_romance import FRENCH, FRENCH_SIGNS, PORTUGUESE, PORTUGUESE_SIGNS, ROMANCE_PHRASES
from agents.planners.glossary_words import ENGLISH_SIGNS, GERMAN, GERMAN_SIGNS, PHRASES, SPANISH, SPANISH_SIGNS

_WORD = re.compile(r"[^\W\d_]+")
_DAY_PART = re.compile(
    r"(montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag)(abend|nachmittag|vormittag|mittag|nacht)s?"
)


def language(text: str) -> str:
    """The likeliest of `en`, `de`, `es`, `pt`, `fr`, by small words and by letters of their own; else English."""
    lowered = text.casefold()
    words = _WORD.findall(re.sub(r"\d\s?[ap]m\b", "", lowered))
    german = sum(word in GERMAN_SIGNS for word in words) + (2 if re.search("[äöüß]", lowered) else 0)
    spanish = sum(word in SPANISH_SIGNS for word in words) + (3 if re.search("[¿¡ñ]", lowered) else 0)
    spanish += 1 if re.search("[áéíóú]", lowered) else 0
    english = sum(word in ENGLISH_SIGNS for word in words)
    portuguese = sum(word in PORTUGUESE_SIGNS for word in words) + (3 if re.search("[ãõ]", lowered) else 0)
    portuguese += 1 if re.search("[áéíóúâêôç]", lowered) else 0
    french = sum(word in FRENCH_SIGNS for word in words) + (2 if re.search("[èêàœûîùç]", lowered) else 0)
    # One small word is no sign: "um" and "des" are German as well.
    if max(portuguese, french) > max(german, spanish, english, 1):
        return "pt" if portuguese >= french else "fr"
    if max(german, spanish) == 0 or english >= max(german, spanish):
        return _unsigned_language(words) if english == 0 else "en"
    return "de" if german >= spanish else "es"


@dataclass(frozen=True)
class Glossed:
    """An English wording of `source` that remembers where each of its parts came from (no parts: it is the source)."""

    text: str
    source: str
    _parts: tuple[tuple[int, int, int, int], ...]

    def original(self, start: int, end: int) -> str:
        """The words of the source that `text[start:end]` stands for."""
        if not self._parts:
            return self.source[start:end].strip()
        hit = [part for part in self._parts if part[0] < end and part[1] > start]
        return self.source[hit[0][2] : hit[-1][3]].strip() if hit else ""


def gloss(text: str) -> str:
    """The sentence with the foreign words that are known put into English; unchanged where it is English."""
    return aligned(text).text


def aligned(text: str) -> Glossed:
    """As `gloss`, with the way back to the source."""
    found = language(text)
    if found == "en":
        return Glossed(text, text, ())
    out: list[str] = []
    parts: list[tuple[int, int, int, int]] = []
    length = 0
    for match in _PIECES[found].finditer(text):
        piece = match[0]
        english = _PHRASES[found].get(bare(piece).replace("’", "'"))
        if english is None:
            english = _TABLES[found].look_up(piece) if match["word"] else piece
        english = english.replace("¿", "").replace("¡", "")
        out.append(english)
        if not piece.isspace():
            parts.append((length, length + len(english), match.start(), match.end()))
        length += len(english)
    return Glossed("".join(out), text, tuple(parts))


def meaning(word: str, tongue: str) -> str:
    """A word of one of the languages in English, part by part ("ont-elles" → "have they"); itself where unknown."""
    table = _TABLES.get(tongue)
    return " ".join(table.look_up(part) for part in _WORD.findall(word)) if table else word


def bare(word: str) -> str:
    """Lower case without accents; `ß` becomes `ss`."""
    folded = unicodedata.normalize("NFKD", word.casefold())
    return "".join(char for char in folded if not unicodedata.combining(char))


class _Glossary:
    def __init__(self, table: str) -> None:
        self._whole: dict[str, str] = {}
        self._stems: dict[str, str] = {}
        for entry in table.replace("\n", "").split("|"):
            word, _, english = entry.strip().partition(" ")
            if word.endswith("*"):
                self._stems.setdefault(word[:-1], english)
            else:
                self._whole.setdefault(word, english)

    def look_up(self, word: str) -> str:
        key = bare(word)
        if key in self._whole:
            return self._whole[key]
        day = _DAY_PART.fullmatch(key)
        if day:
            return f"{self.look_up(day[1])} {self.look_up(day[2])}"
        for length in range(len(key), 2, -1):
            if key[:length] in self._stems:
                return self._stems[key[:length]]
        return word


_TABLES = {
    "de": _Glossary(GERMAN),
    "es": _Glossary(SPANISH),
    "pt": _Glossary(PORTUGUESE),
    "fr": _Glossary(FRENCH),
}
_PHRASES = PHRASES | ROMANCE_PHRASES


def _pieces(phrases: Iterable[str]) -> re.Pattern[str]:
    accented = {
        "a": "[aáäàâã]", "e": "[eéèêë]", "i": "[iíîï]", "o": "[oóöôõ]", "u": "[uúüùû]", "n": "[nñ]", "c": "[cç]",
        "'": "['’]", " ": r"\s+",
    }  # fmt: skip
    longest_first = sorted(phrases, key=len, reverse=True)
    known = "|".join("".join(accented.get(char, char) for char in phrase) for phrase in longest_first)
    return re.compile(rf"\b(?:{known})(?:\b|(?<=['’]))|(?P<word>[^\W\d_]+)|\s+|.", re.IGNORECASE | re.DOTALL)


_PIECES = {name: _pieces(phrases) for name, phrases in _PHRASES.items()}


def _unsigned_language(words: list[str]) -> str:
    for name, table in _TABLES.items():
        if words and all(table.look_up(word) != word for word in words):
            return name
    return "en"
