"""What an order says of the thing that shall be made: the title of an issue, the words of a message. Pure."""

from __future__ import annotations

import re

_ASKING = (
    r"(?:(?:please|pls|can you|could you|would you|i(?:'d| would) like to|we need|i need|let's|bitte|"
    r"kannst du|por favor|puedes)[\s,]+)*"
)
_MAKE = (
    r"(?:create|make|open|file|add|log|write|raise|submit|put|note(?: down)?|start|capture|track|report|new|register|"
    r"erstelle?|leg(?:e)?|öffne|schreib(?:e)?|trag(?:e)?|mach(?:e)?|crea|abre|añade|agrega|registra|haz|"
    r"nuev[ao]|neue[rs]?)"
)
_THING = (
    r"(?:issue|ticket|task|bug(?: report)?|card|story|item|defect|feature request|to-?do|"
    r"aufgabe|fehlerbericht|fehler|vorgang|incidencia|tarea|caso|bug)"
)
_KIND = (
    r"(?:an?|the|one|another|new|neue[sn]?|eine?n?|una?|high|low|medium|urgent|critical|top|priority|prio|"
    r"linear|github|jira|nuev[ao]|\s)*"
)
_ABOUT = (
    r"(?:for the|for|about|that says|saying that|saying|that|to|on|because|because of|regarding|für|über|zu[mr]?|"
    r"wegen|dass|"
    r"para que|para|sobre|de que|por)(?!\w)"
)
_HEAD = re.compile(rf"^\s*{_ASKING}{_MAKE}\s+{_KIND}\s*{_THING}s?\b(?P<rest>.*)$", re.IGNORECASE | re.DOTALL)
_BARE = re.compile(
    rf"^\s*(?:new\s+)?(?:urgent\s+)?{_THING}s?\s*(?:anlegen)?\s*:\s*(?P<rest>.+)$", re.IGNORECASE | re.DOTALL
)
_TITLED = re.compile(r"^[^:“”\"]{0,80}:\s+(?P<rest>\S.{2,})$", re.DOTALL)
_QUOTED = re.compile(r"[“\"„«](?P<rest>[^“”\"„«»]{3,200})[”\"“»]")
_PLACE = r"(?:in|on|to|into|auf|im|en)\s+(?:linear|github|the backlog|our tracker|the board|jira)\b"
_TAIL = re.compile(
    r"[,;]?\s+(?:and|und|y)\s+(?:give|assign|hand|let|set|mark|make|gib|weise?|asigna|dá)\b.*$"
    r"|[,;]?\s+(?:and\s+)?(?:assign(?:ed)?(?:\s+(?:it|this))?\s+to|owned by)\s+.*$",
    re.IGNORECASE | re.DOTALL,
)
# What only points at something that was said before.
_POINTING = re.compile(
    r"^(?:(?:out )?of |zu |de )?(?:this|that|it|these|those|the (?:bug|error|problem|issue|cause|crash)|das|"
    r"dies(?:en|e|es)?|dem|"
    r"(?:den|diesen) (?:fehler|bug)|esto|eso|ello|este (?:error|fallo))?(?: as an? \w+)?[\s.?!]*$",
    re.IGNORECASE,
)
_MADE_OF = re.compile(
    rf"^\s*{_ASKING}(?:track|file|log|turn|make|write|note|jot|capture|record|report)\s+(?:this|that|it|das|esto)"
    r"(?:\s+(?:conversation|error|bug|problem|down))*(?:\s+(?:as|into|in|to|with|for)\b.*)?[\s.!?]*$",
    re.IGNORECASE | re.DOTALL,
)
MOST = 200


def title(text: str) -> str | None:
    """The title of the issue that a sentence orders, with a capital at its start; None where it says none.

    "create a high priority issue for backend: rotate tokens" → "Rotate tokens".
    """
    quoted = _QUOTED.search(text)
    if quoted:
        return _capital(quoted["rest"])
    found = _BARE.match(text) or _TITLED.match(text) or _HEAD.match(text)
    if found is None:
        return None
    rest = _TAIL.sub("", found["rest"])
    rest = re.sub(rf"^\s*{_PLACE}", "", rest, flags=re.IGNORECASE)
    rest = re.sub(rf"\s+{_PLACE}[\s.!?]*$", "", rest, flags=re.IGNORECASE)
    rest = re.sub(
        rf"^[\s:]*(?:(?:for|für|para)\s+(?:the\s+)?\w+(?:\s+team)?\s+)?{_ABOUT}\s*",
        "",
        rest,
        count=1,
        flags=re.IGNORECASE,
    )
    if _POINTING.match(rest.strip()):
        return None
    return _capital(rest)


_ORDERS = re.compile(
    rf"^\s*{_ASKING}(?:(?:create|make|open|file|add|log|raise|submit|erstelle?|lege?|crea|abre|haz)\b.*\b{_THING}\b|"
    r"(?:roll(?:\s+\w+){0,3}\s+back|rollback|revert|merge|turn\s+(?:off|on)|switch\s+(?:off|on)|disable|enable|"
    r"tell\s+#|"
    r"post\b|comment|assign|close|resolve|undo|escalate|track (?:this|that|it)|file (?:this|that|it)|"
    r"mach\w*\s+.*rückgängig|schalte\b|nimm\b.*zurück|eskalier\w*|revierte|deshaz|desactiva|activa|escala)\b)",
    re.IGNORECASE,
)


def is_order(text: str) -> bool:
    """Whether a sentence begins as an order to change something, which stands on its own."""
    return bool(_ORDERS.match(text))


def points(text: str) -> bool:
    """Whether an order is about what was said before: "create an issue for this"."""
    found = _HEAD.match(text)
    rest = _TAIL.sub("", found["rest"]) if found else ""
    rest = re.sub(rf"^[\s:]*{_ABOUT}\s*", "", rest, count=1, flags=re.IGNORECASE)
    pointed = found is not None and bool(rest.strip()) and bool(_POINTING.match(rest.strip()))
    return pointed or bool(_MADE_OF.match(_TAIL.sub("", text)))


def _capital(words: str) -> str | None:
    cut = " ".join(words.split()).strip(" .,:;!?")
    if not cut:
        return None
    return (cut[0].upper() + cut[1:])[:MOST]
