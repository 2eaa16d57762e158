"""A message that the asker points at: somebody else's words, kept apart from the asker's own. Pure.

It is known to a run as an earlier answer is that cites one record: nothing in it is an order. What is taken from it
fills holes of a plan that the asker's own words chose, and marks whatever write depends on it.
"""

from __future__ import annotations

import hashlib
import json

from pydantic import AwareDatetime, Field

from agents.approval import Source
from agents.record import Answer, Claim, Evidence, Frozen
from tools.nouns import Message, dump

LONGEST = 4000
LONGEST_EXCERPT = 240


class Quote(Frozen):
    """The message, as its service shows it. `text` is untrusted, whoever wrote it; so is the author's name."""

    service: str = Field(min_length=1, max_length=32)
    ref: str = Field(min_length=1, max_length=200)
    url: str = ""
    channel: str = ""
    author: str = ""
    text: str = Field(max_length=LONGEST)
    at: AwareDatetime

    @property
    def source(self) -> Source:
        """The message as a text that a write depends on."""
        words = " ".join(self.text.split())
        excerpt = words if len(words) <= LONGEST_EXCERPT else words[: LONGEST_EXCERPT - 1] + "…"
        return Source(service=self.service, title=self.title, url=self.url or None, excerpt=excerpt)

    @property
    def title(self) -> str:
        """How the message is called, with none of its words."""
        return "The message that was asked about"

    def answer(self) -> tuple[Answer, Evidence]:
        """The message as an answer that quotes it, with the record that it cites."""
        message = Message(
            service=self.service, ref=self.ref, url=self.url, at=self.at, title=self.title, channel=self.channel,
            author=self.author, body=self.text,
        )  # fmt: skip
        content = dump(message)
        evidence = Evidence(
            id="quoted", run="", step="", number=1, service=self.service, verb="messages.thread", title=self.title,
            ref=self.ref, url=self.url or None, at=self.at, excerpt=self.source.excerpt, content=(content,),
            sha256=hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest(),
        )  # fmt: skip
        claim = Claim(text=self.text, kind="fact", evidence=(evidence.id,))
        return Answer(text=self.text, claims=(claim,)), evidence
