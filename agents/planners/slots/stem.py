"""English words cut to a common stem, for comparing what people write with names like `checkout_completed`."""

from __future__ import annotations

import re

_IRREGULAR = {
    "sent": "send",
    "sending": "send",
    "churned": "churn",
    "churning": "churn",
    "bought": "buy",
    "paid": "pay",
    "men": "man",
    "people": "user",
    "began": "begin",
    "went": "go",
    "cancelled": "cancel",
    "canceled": "cancel",
    "cancellation": "cancel",
    "cancelation": "cancel",
    "cancelling": "cancel",
    "cancels": "cancel",
    "cancellations": "cancel",
    "activation": "activate",
    "activations": "activate",
    "active": "activate",
    "conversion": "convert",
    "conversions": "convert",
    "completion": "complete",
    "completions": "complete",
    "creation": "create",
    "views": "view",
    "registration": "register",
    "registrations": "register",
    "subscriptions": "subscription",
    "bookings": "book",
    "booking": "book",
    "booked": "book",
    "pageview": "pageview",
    "logins": "login",
    "shipped": "ship",
    "shipping": "ship",
    "renewal": "renew",
    "renewals": "renew",
    "upgrades": "upgrade",
    "downloads": "download",
    "purchases": "purchase",
    "invites": "invite",
    "invitation": "invite",
    "invitations": "invite",
    "shared": "share",
    "sharing": "share",
}


def stem(word: str) -> str:
    """A stem such as `invoic` or `start`; equal for the common inflections of a word."""
    word = word.lower()
    if word in _IRREGULAR:
        return _ending(_IRREGULAR[word])
    return _ending(word)


def words(text: str) -> list[str]:
    """The words of a sentence or of a name in snake, kebab or camel case."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    return re.findall(r"[^\W_]+", spaced.lower().replace("’", "'").replace("'s ", " ").replace("'s", ""))


def _ending(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    for suffix in ("ings", "ing", "ed"):
        if len(word) > len(suffix) + 2 and word.endswith(suffix):
            root = word[: -len(suffix)]
            if len(root) > 2 and root[-1] == root[-2] and root[-1] not in "sl":
                root = root[:-1]
            return root.removesuffix("e")
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us")):
        word = word[:-1]
        if word.endswith(("she", "xe", "che", "sse")):
            word = word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word
