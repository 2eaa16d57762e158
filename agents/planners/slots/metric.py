"""Which of the company's metrics a sentence speaks of: by words and their synonyms, else by meaning."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.planners.glossary import Glossed, bare
from agents.planners.slots.foreign import in_english, inflected
from agents.planners.slots.stem import stem, words
from agents.planners.slots.vocabulary import Match

# What people say → what it is called in event names; the number is how surely the one means the other.
_SYNONYMS: tuple[tuple[str, tuple[tuple[str, float], ...]], ...] = (
    (
        r"sign(?:ed|ing|s)?[ -]?ups?|signups?|registr\w+|registered|register(?:s|ing)?|sign(?:ed|s)? up",
        (("signup", 1.0), ("register", 1.0), ("account create", 0.85), ("user create", 0.85)),
    ),
    (
        r"(?:new|fewer|few|more) (?:users?|customers?|people|members?)"
        r"(?! (?:are |who |to )?(?:open|complet|book|send|start|buy|us|pay|finish|check|shar|log|upload|"
        r"view)\w*)|joined|joiners|user growth",
        (
            ("signup", 0.85),
            ("register", 0.85),
            ("account create", 0.8),
            ("user create", 0.9),
            ("member join", 0.9),
            ("user join", 0.9),
        ),
    ),
    (
        r"(?:new )?accounts?(?: (?:created|opened|creation))?",
        (("account create", 1.0), ("account open", 1.0), ("signup", 0.7)),
    ),
    (
        r"(?:free )?trials?(?: starts?| started)?|start(?:ed|ing)? (?:a|the|their)?(?: free)? ?trials?",
        (("trial", 1.0),),
    ),
    (
        r"churn(?:ed|ing)?(?: rate)?|cancel\w*|unsubscrib\w+|lost customers|leav(?:e|ing) us",
        (("subscription cancel", 1.0), ("cancel", 0.9), ("churn", 1.0), ("unsubscrib", 1.0)),
    ),
    (
        r"checkouts?(?: conversions?| completions?| rate)?|check(?:ed|ing)? out",
        (("checkout complete", 1.0), ("checkout", 0.8), ("order", 0.7), ("purchase", 0.7)),
    ),
    (
        r"(?:completed |finished |successful )?(?:purchases?|orders?|sales|buyers|buying|"
        r"transactions)(?: (?:placed|completed))?",
        (("purchase", 1.0), ("order", 1.0), ("checkout complete", 0.85), ("sold", 0.85)),
    ),
    (
        r"payments?(?: completed)?|paying|revenue",
        (("payment", 1.0), ("pay", 0.9), ("checkout complete", 0.72), ("revenu", 1.0), ("purchase", 0.65)),
    ),
    (
        r"conversions?(?: rate)?|convert(?:ed|ing)?",
        (("convert", 1.0), ("checkout complete", 0.75), ("signup", 0.66), ("purchase", 0.7)),
    ),
    (
        r"page ?views?|views|traffic|visits?|visitors?|hits",
        (("pageview", 1.0), ("page view", 1.0), ("visit", 0.95), ("view", 0.7)),
    ),
    (
        r"(?:app )?sessions?|app opens?|opens? (?:of )?the app|(?:daily |weekly |monthly )?active users|"
        r"(?:daily|weekly|monthly) actives|"
        r"dau|wau|mau|usage",
        (("session", 1.0), ("app open", 0.9), ("activ user", 0.95), ("login", 0.7)),
    ),
    (r"activat\w+", (("activate", 1.0),)),
    (
        r"log[ -]?ins?|logged in|logging in|sign[ -]?ins?",
        (("login", 1.0), ("log in", 1.0), ("signin", 1.0), ("sign in", 1.0)),
    ),
    (r"messages?(?: sent)?|messaging|chats?|sends?", (("messag send", 1.0), ("messag", 0.9), ("chat", 0.8))),
    (r"engagement", (("messag send", 0.62), ("session", 0.62), ("app open", 0.62), ("activ user", 0.62))),
    (r"photos?|pictures?|images?", (("photo", 1.0), ("imag", 0.9), ("pictur", 0.95), ("upload", 0.65))),
    (r"uploads?|uploaded", (("upload", 1.0), ("photo", 0.66))),
    (r"bookings?|booked|reservations?|rentals?", (("book", 1.0), ("reserv", 0.95), ("rental", 0.9), ("rent", 0.9))),
    (r"invoices?(?: sent)?|invoicing|bills? sent", (("invoic", 1.0), ("bill", 0.8))),
    (r"exports?|exported", (("export", 1.0),)),
    (r"carts?|baskets?|added? to (?:the )?(?:cart|basket)", (("cart", 1.0), ("basket", 1.0))),
    (r"installs?|installations?|downloads?", (("install", 1.0), ("download", 0.9))),
    (
        r"subscriptions?|subscribers?|subs",
        (("subscription start", 0.95), ("subscription creat", 0.95), ("subscrib", 0.9), ("subscription", 0.7)),
    ),
)
_COMPILED = tuple((re.compile(rf"\b(?:{said})\b"), meant) for said, meant in _SYNONYMS)
_BEGINNING = re.compile(r"\b(?:start\w*|begin\w*|began|attempt\w*)\b")
_BEGUN = {"start", "begin", "open", "initiat", "attempt", "try", "view"}
# What a name ends in that only counts who saw a step.
_SHOWN = {"form", "screen", "page"}
_DONE = {"complet", "send", "creat", "success", "succeed", "finish", "done", "place", "up"}
_STOP_WORDS = """
    a an the and or of to in on at for by with from is are was were be been do does did has have had why what
    which who how when where our my we us i you it its this that these those so as than then there not no any some
    can could should will would since during between last next week month day today yesterday down up drop dropped
    fell fall rose rise lower higher more less fewer few happened broke break broken caused cause true real still
    going please tell show me new number numbers rate
"""
_STOP = frozenset(_STOP_WORDS.split())
_SEMANTIC_FLOOR = 0.5


@dataclass(frozen=True)
class _Said:
    name: str
    score: float
    at: tuple[int, int]


def describe(name: str) -> str:
    """A metric's event name as plain words, for embedding: `checkout_completed` → "checkout completed"."""
    return " ".join(words(name.lstrip("$")))


def names_any(text: str) -> bool:
    """Whether the sentence speaks of something that companies usually count; `text` as glossed."""
    lowered = text.lower()
    return any(pattern.search(lowered) for pattern, _ in _COMPILED)


def phrases(text: str) -> list[str]:
    """Word groups of up to three that may name a metric, for embedding; `text` as glossed."""
    tokens = words(text)
    found: dict[str, None] = {}
    for size in (3, 2, 1):
        for start in range(len(tokens) - size + 1):
            group = tokens[start : start + size]
            if group[0] not in _STOP and group[-1] not in _STOP and not any(token.isdigit() for token in group):
                found[" ".join(group)] = None
    return list(found)


def find(
    glossed: Glossed,
    metrics: Sequence[str],
    *,
    near: tuple[int, int] | None = None,
    phrase_vectors: Mapping[str, NDArray[np.float32]] | None = None,
    metric_vectors: Mapping[str, NDArray[np.float32]] | None = None,
) -> Match | None:
    """The metric that the sentence names, with its rivals; None where nothing comes near.

    `near` is where the sentence speaks of a change: of two metrics named alike well, the nearer one is meant.
    """
    said = _by_words(glossed.text.lower(), metrics, near) or _by_foreign_names(glossed, metrics, near)
    if not said and phrase_vectors and metric_vectors:
        said = _by_meaning(glossed.text.lower(), metrics, phrase_vectors, metric_vectors)
    if not said:
        return None
    best: dict[str, _Said] = {}
    for one in said:
        if one.name not in best or best[one.name].score < one.score:
            best[one.name] = one
    ranked = sorted(best.values(), key=lambda one: -one.score)
    first = ranked[0]
    if first.score > 1:
        # said in full: what matched only a part of those words is no rival
        ranked = [first, *(one for one in ranked[1:] if one.at[1] <= first.at[0] or first.at[1] <= one.at[0])]
    rivals = tuple((one.name, round(min(one.score, 1.0), 3)) for one in ranked[1:4])
    return Match(first.name, round(min(first.score, 1.0), 3), glossed.original(*first.at), rivals)


def _by_words(text: str, metrics: Sequence[str], near: tuple[int, int] | None) -> list[_Said]:
    found: list[_Said] = []
    for name in metrics:
        own = [_object(word) for word in words(name.lstrip("$"))]
        literal = re.search(rf"(?<!\w){re.escape(name.lower())}(?!\w)", text)
        if literal:
            found.append(_Said(name, 1.0, literal.span()))
            continue
        for pattern, meant in _COMPILED:
            fit = max((score * _fit(own, target.split()) for target, score in meant), default=0.0)
            if fit > 0:
                found.extend(
                    _Said(name, fit * _stage(own, match.span(), text) - _distance(match.span(), near), match.span())
                    for match in pattern.finditer(text)
                )
        found.extend(_plain(name, own, text, near))
        found.extend(_in_full(name, own, text, near))
    return found


def _by_foreign_names(glossed: Glossed, metrics: Sequence[str], near: tuple[int, int] | None) -> list[_Said]:
    """Names in another language: put into English, else held against the sentence as it was written."""
    english: dict[str, str] = {}
    for name in metrics:
        english.setdefault(" ".join(in_english(word) for word in words(name.lstrip("$"))), name)
    said = _by_words(glossed.text.lower(), list(english), near)
    if said:
        return [_Said(english[one.name], one.score, one.at) for one in said]
    text = glossed.text.lower()
    return [
        _Said(name, 0.8 * _stage([_object(word) for word in spoken.split()], match.span(), text), match.span())
        for spoken, name in english.items()
        for match in re.finditer(r"[^\W_]+", text)
        if inflected(bare(words(name.lstrip("$"))[0]), bare(match[0]))
    ]


def _in_full(name: str, own: Sequence[str], text: str, near: tuple[int, int] | None) -> list[_Said]:
    """All the words of the name side by side, in any order and inflection: "recipe views" is `recipe_viewed`."""
    tokens = list(re.finditer(r"[^\W_]+", text))
    found: list[_Said] = []
    for start in range(len(tokens) - len(own) + 1 if len(own) > 1 else 0):
        group = tokens[start : start + len(own)]
        if sorted(_object(token[0]) for token in group) == sorted(own):
            at = (group[0].start(), group[-1].end())
            found.append(_Said(name, 1.2 - _distance(at, near), at))
    return found


def _plain(name: str, own: Sequence[str], text: str, near: tuple[int, int] | None) -> list[_Said]:
    """Names without a synonym: their first word, said as it is."""
    nouns = [word for word in own if word not in _BEGUN and word not in _DONE] or list(own)
    return [
        _Said(name, 0.85 * _stage(own, match.span(), text) - _distance(match.span(), near), match.span())
        for match in re.finditer(r"[^\W_]+", text)
        if len(match[0]) > 3 and match[0] not in _STOP and _object(stem(match[0])) == nouns[0]
    ]


def _object(word: str) -> str:
    root = stem(word)
    return {"sign": "signup", "registr": "register"}.get(root, root)


def _fit(own: Sequence[str], target: Sequence[str]) -> float:
    """1 where all the target's words are in the name, in any order."""
    stems = [_object(word) for word in target]
    return 1.0 if all(word in own for word in stems) else 0.0


def _stage(own: Sequence[str], at: tuple[int, int], text: str) -> float:
    """A begun step counts less than a completed one, unless the words beside it speak of beginning."""
    begun = (own[-1] in _SHOWN or any(word in _BEGUN for word in own)) and "trial" not in own and "app" not in own
    speaks = bool(_BEGINNING.search(text[max(0, at[0] - 12) : at[1] + 12]))
    if begun:
        itself = any(_object(word) in own for word in words(text[at[0] : at[1]]))
        return 1.25 if speaks and itself else 1.0 if speaks else 0.75
    return 0.85 if speaks and any(word in _DONE or word == "signup" for word in own) else 1.0


def _distance(at: tuple[int, int], near: tuple[int, int] | None) -> float:
    if near is None:
        return min(at[0], 100) / 1000
    gap = max(near[0] - at[1], at[0] - near[1], 0)
    return min(gap, 60) / 400


def _by_meaning(
    text: str,
    metrics: Sequence[str],
    phrase_vectors: Mapping[str, NDArray[np.float32]],
    metric_vectors: Mapping[str, NDArray[np.float32]],
) -> list[_Said]:
    found: list[_Said] = []
    for name in metrics:
        vector = metric_vectors.get(name)
        if vector is None:
            continue
        for phrase, other in phrase_vectors.items():
            likeness = float(vector @ other)
            if likeness >= _SEMANTIC_FLOOR:
                start = max(text.find(phrase.split()[0]), 0)
                found.append(_Said(name, likeness * 0.95, (start, start + len(phrase))))
    return found
