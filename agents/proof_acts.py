"""What a claim says that Deus has done; only a receipt bears that out. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

# The words for what was done, and the write verbs whose receipts bear them out.
_ACTS: Mapping[str, tuple[str, ...]] = {
    r"created|opened|filed|added|made|logged": ("issues.create", "pulls.create", "documents.create", "issues.link"),
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
_PATTERNS = tuple(
    (
        re.compile(rf"{_WHO}(?:{act})\b", re.DOTALL),
        re.compile(rf"{_BARE}(?i:{act})\b{_IT}", re.DOTALL),
        re.compile(_BY_ME.replace("{act}", f"(?:{act})"), re.DOTALL),
        verbs,
    )
    for act, verbs in _ACTS.items()
)


def unreceipted(text: str, content: Iterable[Mapping[str, Any]]) -> str | None:
    """What a text says that Deus did although no receipt among the records says so; None if it says no such thing.

    A dry run's receipt bears nothing out: nothing was done. What others say of themselves stands in quotation marks.
    """
    own = {str(record.get("verb")) for record in content if record.get("kind") == "receipt" and not record.get("dry")}
    words = _QUOTED.sub("“…”", text)
    for said, bare, passive, verbs in _PATTERNS:
        found = said.search(words) or bare.search(words) or passive.search(words)
        if found and own.isdisjoint(verbs):
            return " ".join(found.group(0).split()).strip(" .-*:")
    return None
