"""Words of a text, reduced so that "exports", "exported" and "ExportTruncated" meet. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping

_STOP = """
    bug bugs error errors issue issues problem problems ticket tickets fix sentry linear github slack notion
    a an the and or but if so of in on at to for from by with about into over after before since until as is are
    was were be been being am do does did done has have had having can could may might must shall should will would
    i you he she it we they me him her us them my your his its our their this that these those there here what
    which who whom whose when where why how not no nor only own same than too very just also any all some more most
    other such then them again please tell show find give get let us know us out up down off our anything something
    everything still yet der die das ein eine und oder ist sind war was wer wie wo wann warum nicht mit von zu im
    in am auf für uns wir ich el la los las un una y o es son que qué quién cómo cuándo dónde por para con de del
    en se lo no mi su document documents doc docs page pages decision decisions written wrote note notes
"""
STOP = frozenset(_STOP.split())
UNHEARD = 0.5
_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_ENDINGS = ("ations", "ation", "ements", "ement", "ings", "ing", "ied", "ies", "ers", "er", "ed", "es", "s", "e", "y")


def stem(word: str) -> str:
    """A word without its ending: a light stemmer, enough to join the forms of an English word."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            root = word[: -len(ending)]
            return root[:-1] if len(root) > 3 and root[-1] == root[-2] and root[-1] not in "ls" else root
    return word


def words(text: str) -> list[str]:
    """The stems of a text's words, identifiers and paths taken apart, stop words left out."""
    found = []
    for token in _TOKEN.findall(_CAMEL.sub(" ", text)):
        lowered = token.lower()
        if lowered not in STOP and (len(lowered) > 1 or lowered.isdigit()):
            found.append(stem(lowered))
    return found


def rarity(texts: Iterable[str]) -> Mapping[str, float]:
    """How telling each word of some texts is: the logarithm of how few of them hold it, at least a little."""
    total = 0
    holding: Counter[str] = Counter()
    for text in texts:
        total += 1
        holding.update(set(words(text)))
    return {word: math.log((total + 1) / (n + 0.5)) + 0.1 for word, n in holding.items()}


def covered(query: Iterable[str], text: Iterable[str], weights: Mapping[str, float]) -> float:
    """The weighted share of the query's words that a text holds, 0 to 1; a word that no text holds counts little."""
    wanted, held = set(query), set(text)
    unheard = UNHEARD * max(weights.values(), default=1.0)
    total = sum(weights.get(word, unheard) for word in wanted)
    return sum(weights.get(word, 0.0) for word in wanted if word in held) / total if total else 0.0
