"""Nothing leaves through an answer: no image is shown, no link leads anywhere but to a record's own page. Pure.

Whoever opens an answer would fetch its images and might follow its links, and an address can carry what was read. So
only addresses that a service gave as a record's `url` stay links, to the letter; all others are words.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Set
from typing import Any

from agents.answer_format import link
from agents.record import Answer, Claim, Evidence

# A word joiner is not seen and takes an address or a bracket its meaning.
JOINER = "\u2060"
_ENTITY = re.compile(r"&(?:#[xX]?[0-9a-fA-F]{1,8}|[A-Za-z][A-Za-z0-9]{1,31});")
_HIDDEN = re.compile(r"[A-Za-z0-9:/.@\\]")
_IMAGE = re.compile(r"!(?=\\?\[)")
_TARGET = re.compile(r"\](?P<mark>[(:])(?P<rest>\s*(?:<(?P<angled>[^<>\n]*)>|(?P<bare>[^\s()<>\[\]]*)))")
_ANGLED = re.compile(r"<(?P<to>[A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>]*)(?P<end>>?)")
_TAG = re.compile(r"<(?=/?[A-Za-z][\w:-]*[\s/][^>]*=)")
_BARE = re.compile(
    rf"(?i)(?<![\w{JOINER}])(?P<head>[a-z][a-z0-9+.-]*|www)(?P<sign>\\?:\\?/\\?/|(?<=www)\\?\.|(?<=mailto)\\?:|(?<=xmpp)\\?:)"
    rf"(?P<rest>[^\s<>()\[\]|\"`{JOINER}]*)"
)
_END = re.compile(r"[)\]\"'|*_~.,;:!?]*(?:\s|<|$)")
_TRAILING = ".,;:!?'*_~\\"


def issued(evidence: Iterable[Evidence]) -> frozenset[str]:
    """The addresses that services gave for their records in a run's evidence."""
    found: set[str] = set()
    for item in evidence:
        found |= {url for url in (item.url, *_urls(item.content)) if url}
    return frozenset(address for url in found if (address := link(url))) | frozenset(
        url for url in found if link(url) == url
    )


def guarded(text: str, allowed: Set[str]) -> str:
    """The text with every image, and every link to an address that is not `allowed`, turned into words."""
    text = _ENTITY.sub(_revealed, text)
    text = _IMAGE.sub(f"!{JOINER}", text)
    text = _TARGET.sub(lambda match: _target(match, allowed), text)
    text = _ANGLED.sub(lambda match: _angled(match, allowed), text)
    text = _TAG.sub(f"<{JOINER}", text)
    return _BARE.sub(lambda match: _bare(match, allowed), text)


def guarded_answer(answer: Answer, evidence: Iterable[Evidence]) -> Answer:
    """An answer in which every text is guarded; it links to the records of its run and to nothing else."""
    allowed = issued(evidence)
    return answer.model_copy(
        update={
            "text": guarded(answer.text, allowed),
            "claims": tuple(_claim(claim, allowed) for claim in answer.claims),
            "preface": guarded(answer.preface, allowed),
            "notes": tuple(guarded(note, allowed) for note in answer.notes),
            "artifacts": tuple(_artifact(artifact, allowed) for artifact in answer.artifacts),
            "suggestions": tuple(guarded(one, allowed) for one in answer.suggestions),
        }
    )


def _claim(claim: Claim, allowed: Set[str]) -> Claim:
    update = {"text": guarded(claim.text, allowed), "section": guarded(claim.section, allowed)}
    return claim.model_copy(update=update)


def _artifact(artifact: Mapping[str, Any], allowed: Set[str]) -> dict[str, Any]:
    words = {name: guarded(str(artifact[name]), allowed) for name in ("title", "alt") if artifact.get(name)}
    return {**artifact, **words}


def _urls(value: Any) -> Iterable[str]:
    if isinstance(value, Mapping):
        for name, part in value.items():
            if name == "url" and isinstance(part, str):
                yield part
            yield from _urls(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _urls(part)


def _revealed(match: re.Match[str]) -> str:
    """A character that an address is written with, in place of the entity that hides it."""
    meant = html.unescape(match[0])
    return meant if _HIDDEN.fullmatch(meant) else match[0]


def _target(match: re.Match[str], allowed: Set[str]) -> str:
    to = match["angled"] if match["angled"] is not None else match["bare"]
    ended = match.string[match.end() : match.end() + 1] in ("", " ", "\t", "\n", ")")
    return match[0] if to in allowed and ended else f"]{JOINER}{match['mark']}{match['rest']}"


def _angled(match: re.Match[str], allowed: Set[str]) -> str:
    return match[0] if match["to"] in allowed else f"<{JOINER}{match['to']}{match['end']}"


def _bare(match: re.Match[str], allowed: Set[str]) -> str:
    whole = match[0]
    # What follows a link's bracket was judged with it; elsewhere a page reads on until the next space.
    inside = match.string[: match.start()].endswith(("](", "](<", "<"))
    if (inside or _END.match(match.string, match.end())) and (whole in allowed or whole.rstrip(_TRAILING) in allowed):
        return whole
    # Marks such as ** end an address for a page, so that another may begin within what was read as one.
    rest = _BARE.sub(lambda inner: _bare(inner, frozenset()), match["rest"])
    return f"{match['head']}{JOINER}{match['sign']}{rest}"
