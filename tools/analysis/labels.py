"""What people call a metric: "signed_up" is Sign-ups, "export_completed" is Exports completed. Pure."""

from __future__ import annotations

import re

_KNOWN = {
    "pageview": "Page views",
    "page view": "Page views",
    "signed up": "Sign-ups",
    "sign up": "Sign-ups",
    "signup": "Sign-ups",
    "activated": "Activations",
    "churned": "Churned customers",
    "purchased": "Purchases",
    "logged in": "Log-ins",
}
_DONE = re.compile(r"(?:ed|sent|paid|seen|made|built|won|lost|begun|left|read)$")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def label(metric: str) -> str:
    """The metric's name in words, its noun in the plural: events are counted."""
    said = re.sub(r"[_\-.\s]+", " ", _CAMEL.sub(" ", metric)).strip(" $").lower()
    if said in _KNOWN:
        return _KNOWN[said]
    head, _, done = said.rpartition(" ")
    if head and _DONE.search(done):
        said = f"{_KNOWN.get(head, _plural(head))} {done}"
    return said[:1].upper() + said[1:] if said else metric


def _plural(noun: str) -> str:
    if noun.endswith(("s", "x", "ch", "sh")):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}s"
