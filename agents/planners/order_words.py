"""The words of orders: which flag, how far; what to say and to whom; what shall become of an issue. Pure."""

from __future__ import annotations

import re

_OFF = re.compile(
    r"\b(?:turn(?:ed|ing)?|switch|set|put|shut|take)\b.*\b(?:off|down)\b|\b(?:disable|deactivate|kill|stop|"
    r"ausschalten|"
    r"abschalten|deaktivier\w*|desactiva\w*|apaga\w*)\b|\b(?:schalt\w*|mach\w*|stell\w*)\b.*\b(?:aus|ab)\b",
    re.IGNORECASE,
)
_ON = re.compile(
    r"\b(?:turn|switch|set|put)\b.*\bon\b|\b(?:enable|activate|launch|release|ramp|roll(?:\s+\S+){0,5}?\s+out|"
    r"einschalten|aktivier\w*|"
    r"activa\w*|enciende)\b|\b(?:schalt\w*|mach\w*)\b.*\b(?:ein|an|frei)\b",
    re.IGNORECASE,
)
_FLAG = (
    re.compile(r"\b(?:flag|schalter|bandera)\s+[`'“\"]?(?P<key>[\w.]+(?:[-_][\w.]+)+)", re.IGNORECASE),
    re.compile(
        r"(?:\b(?:the|das|den|la|"
        r"el)\s+)?[`'“\"]?(?P<key>[\w.]+(?:[-_ ][\w.]+){0,4})[`'”\"]?[\s-]+(?:feature[\s-]*)?(?:flag|toggle)\b",
        re.IGNORECASE,
    ),
    re.compile(r"\b(?:flag|toggle|bandera)\s+(?:de\s+)?[`'“\"]?(?P<key>[\w.-]{3,})", re.IGNORECASE),
    re.compile(r"(?P<key>[a-z][\w.]*(?:-[\w.]+)+)", re.IGNORECASE),
)
_BEFORE_KEY = re.compile(
    r"^(?:(?:please|can|could|you|turn|switch|off|on|the|set|disable|enable|kill|activate|deactivate|our|roll|out|"
    r"back|ramp|up|"
    r"down|bitte|schalte?|das|den|die|feature|desactiva|activa|apaga|la|el)\s+)+",
    re.IGNORECASE,
)
_SHARE = re.compile(r"(\d{1,3}(?:[.,]\d+)?)\s*(?:%|percent\b|per cent\b|prozent\b|por ciento\b)", re.IGNORECASE)
_SAYS = re.compile(
    r"(?::\s+|\b(?:that says|saying that|saying|that|to say that|to say|know that|dass|que|diciendo que|"
    r"diciendo)\s+)(?P<text>\S.+)$",
    re.IGNORECASE | re.DOTALL,
)
_QUOTED = re.compile(r"[“\"„«](?P<text>[^“”\"„«»]{2,})[”\"“»]")
_STATES = (
    ("cancelled", r"cancel|won['’]?t (?:fix|do)|discard|abbrechen|verwirf|cancela"),
    ("open", r"re-?open|wieder (?:auf|öffnen)|reabre"),
    (
        "done",
        r"clos(?:e|ing)|mark\b.*\b(?:done|fixed|resolved|complete)|resolve|finish|complete|schlie(?:ß|ss)\w*|"
        r"erledigt|cierra|cerrar",
    ),
    ("in_review", r"in(?:to)? review"),
    ("in_progress", r"in(?:to)? progress|start(?:ed)?\b|in arbeit|en curso"),
    ("backlog", r"(?:to|into|in) the backlog|ins backlog|al backlog"),
)
_GREEN = re.compile(
    r"\b(?:once|when|as soon as|after|if|sobald|wenn|cuando|en cuanto)\b.*\b(?:green|pass\w*|succeed\w*|done|grün|"
    r"durch|verdes?|pasen)\b",
    re.IGNORECASE,
)

_CONDITION = re.compile(
    r"[,;]?\s*\b(?:once|when|as soon as|after|if|sobald|wenn|cuando|en cuanto)\b[^,;]*[,;]?", re.IGNORECASE
)
_MERGING = frozenset(
    [
        "merge",
        "merges",
        "merged",
        "land",
        "ship",
        "squash",
        "and",
        "the",
        "a",
        "an",
        "this",
        "that",
        "it",
        "please",
        "pls",
        "bitte",
        "por",
        "favor",
        "can",
        "could",
        "you",
        "get",
        "me",
        "for",
        "my",
        "our",
        "pr",
        "prs",
        "pull",
        "request",
        "requests",
        "fix",
        "hotfix",
        "change",
        "branch",
        "with",
        "of",
        "about",
        "on",
        "in",
        "into",
        "main",
        "go",
        "ahead",
        "now",
        "approved",
        "one",
        "auto",
        "complete",
        "set",
        "to",
        "führe",
        "zusammen",
        "den",
        "der",
        "das",
        "die",
        "für",
        "mit",
        "haz",
        "fusiona",
        "mezcla",
        "el",
        "la",
        "los",
        "del",
        "de",
        "arreglo",
        "open",
        "new",
    ]
)


def switch(text: str) -> bool | None:
    """Whether a sentence turns something on (True) or off (False); None where it says neither."""
    if _OFF.search(text):
        return False
    return True if _ON.search(text) or share(text) is not None else None


def share(text: str) -> float | None:
    """The share that a sentence gives something to, in per cent."""
    found = _SHARE.search(text)
    value = float(found[1].replace(",", ".")) if found else None
    return value if value is not None and 0 <= value <= 100 else None


def flag(text: str) -> str | None:
    """The key of the flag that a sentence names: "the new checkout flag" is new-checkout."""
    for pattern in _FLAG:
        found = pattern.search(text)
        if found:
            words = _BEFORE_KEY.sub("", found["key"].strip())
            if words:
                return re.sub(r"\s+", "-", words.strip(" -_.")).lower() if " " in words else words.strip(" -_.")
    return None


def message(text: str) -> str | None:
    """What shall be said, with a capital at its start: "tell #eng that we froze deploys" → "We froze deploys"."""
    found = _SAYS.search(text) or _QUOTED.search(text)
    if found is None:
        return None
    words = found["text"].strip().strip('“”"„«»').strip()
    return words[0].upper() + words[1:] if words else None


def issue_state(text: str) -> str | None:
    """What an issue shall become."""
    return next((name for name, pattern in _STATES if re.search(rf"\b(?:{pattern})", text, re.IGNORECASE)), None)


def pull_topic(text: str) -> str | None:
    """The words by which an order to merge names a pull request: "the CSV invites PR" → "CSV invites"."""
    rest = _CONDITION.sub("", text)
    kept = [word for word in re.findall(r"[\w'’-]+", rest) if word.lower() not in _MERGING]
    return " ".join(kept) or None


def when_green(text: str) -> bool:
    """Whether a merge shall wait for the checks."""
    return bool(_GREEN.search(text))
