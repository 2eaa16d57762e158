"""What a claim says that Deus has done; only a receipt bears that out. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

# The words for what was done, and the write verbs whose receipts bear them out.
_ACTS: Mapping[str, tuple[str, ...]] = {
    r"created|opened|filed|added|made|logged": (
        "issues.create",
        "pulls.create",
        "pulls.propose",
        "documents.create",
        "issues.link",
    ),
    r"sent|posted|told|notified|announced|messaged|informed": ("messages.send", "issues.comment", "pulls.comment"),
    r"commented|replied": ("issues.comment", "pulls.comment", "pulls.review", "messages.send"),
    r"merged": ("pulls.merge",),
    r"approved|reviewed": ("pulls.review",),
    r"rolled\b.{0,40}?\bback|reverted": ("deploys.rollback",),
    r"deployed|promoted|redeployed|released": ("deploys.promote", "deploys.redeploy", "deploys.rollback"),
    r"turned\b.{0,60}?\b(?:on|off)|switched\b.{0,60}?\b(?:on|off)|enabled|disabled|ramped": ("flags.set",),
    r"assigned|gave|given|handed": ("issues.update", "issues.create", "errors.assign"),
    r"closed|reopened|changed|updated|raised|moved|set|escalated|marked": (
        "issues.update",
        "issues.create",
        "flags.set",
        "errors.resolve",
        "errors.assign",
        "messages.send",
    ),
    r"resolved": ("errors.resolve", "issues.update"),
}
_WHO = r"(?:\b(?:I|Deus|[Ww]e)(?:['’]ve|\s+have|\s+has)?\s+(?:(?:just|now|already|also|successfully)\s+)*)"
_BARE = r"(?:(?:^|[.!?:]\s+|\n)(?:[-*]\s+)?\**)"
# What stands behind a bare "Created": the very thing. "Closed bugs" and "Merged on Friday" tell of what others did.
_IT = r"(?=\**\s+\**(?:\[|“|#\d|[A-Z][A-Z0-9]+-\d|(?:the|an?|it|this|that|these|them|your|for)\b))"
_QUOTED = re.compile(r"“[^”]*”|`[^`]*`")
_BY_ME = r"(?:\b(?:is|was|were|has been|have been|got)\s+(?:now\s+|just\s+)?{act}\s+(?:by\s+(?:me|Deus|us)|for you)\b)"
# The same in German and Spanish: the participle at the end of "Ich habe …", and the one behind "He …".
_GERMAN = {
    r"erstellt|angelegt|eröffnet|hinzugefügt": "created",
    r"gesendet|geschickt|gepostet|benachrichtigt|informiert|mitgeteilt": "sent",
    r"kommentiert|geantwortet": "commented",
    r"zusammengeführt|gemergt|gemerged": "merged",
    r"genehmigt|freigegeben": "approved",
    r"zurückgerollt|zurückgesetzt": "reverted",
    r"ausgerollt|deployt|veröffentlicht": "deployed",
    r"(?:ein|aus|ab)geschaltet|aktiviert|deaktiviert": "enabled",
    r"zugewiesen|übergeben": "assigned",
    r"geschlossen|geändert|aktualisiert|verschoben|eskaliert|markiert": "closed",
    r"behoben|gelöst": "resolved",
}
_SPANISH = {
    r"cread[oa]s?|abiert[oa]s?|añadid[oa]s?": "created",
    r"enviad[oa]s?|publicad[oa]s?|avisad[oa]s?|informad[oa]s?|notificad[oa]s?": "sent",
    r"comentad[oa]s?|respondid[oa]s?": "commented",
    r"fusionad[oa]s?": "merged",
    r"aprobad[oa]s?|revisad[oa]s?": "approved",
    r"revertid[oa]s?": "reverted",
    r"desplegad[oa]s?|promovid[oa]s?": "deployed",
    r"activad[oa]s?|desactivad[oa]s?|encendid[oa]s?|apagad[oa]s?": "enabled",
    r"asignad[oa]s?|entregad[oa]s?": "assigned",
    r"cerrad[oa]s?|cambiad[oa]s?|actualizad[oa]s?|movid[oa]s?|escalad[oa]s?|marcad[oa]s?": "closed",
    r"resuelt[oa]s?": "resolved",
}


def _bearing(word: str) -> tuple[str, ...]:
    """The write verbs whose receipts bear an English word out."""
    return next(verbs for act, verbs in _ACTS.items() if word in act.split("|"))


_PATTERNS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    *(
        (re.compile(pattern, re.DOTALL), verbs)
        for act, verbs in _ACTS.items()
        for pattern in (
            rf"{_WHO}(?:{act})\b",
            rf"{_BARE}(?i:{act})\b{_IT}",
            _BY_ME.replace("{act}", f"(?:{act})"),
        )
    ),
    *(
        (re.compile(pattern, re.IGNORECASE), _bearing(word))
        for act, word in _GERMAN.items()
        for pattern in (
            rf"\b(?:ich habe|wir haben|Deus hat|habe ich|haben wir|hat Deus)\b[^.!?\n]{{0,120}}?\b(?:{act})\b",
            rf"\bvon (?:mir|uns|Deus)\s+(?:{act})\b",
        )
    ),
    *(
        (re.compile(pattern, re.IGNORECASE), _bearing(word))
        for act, word in _SPANISH.items()
        for pattern in (
            rf"\b(?:he|hemos|Deus ha)\s+(?:{act})\b",
            rf"\b(?:fue|fueron|ha sido|han sido)\s+(?:{act})\s+por (?:mí|nosotros|Deus)\b",
        )
    ),
)


def unreceipted(text: str, content: Iterable[Mapping[str, Any]]) -> str | None:
    """What a text says that Deus did although no receipt among the records says so; None if it says no such thing.

    A dry run's receipt bears nothing out: nothing was done. What others say of themselves stands in quotation marks.
    """
    own = {str(record.get("verb")) for record in content if record.get("kind") == "receipt" and not record.get("dry")}
    words = _QUOTED.sub("“…”", text)
    for pattern, verbs in _PATTERNS:
        found = pattern.search(words)
        if found and own.isdisjoint(verbs):
            return " ".join(found.group(0).split()).strip(" .-*:")
    return None
