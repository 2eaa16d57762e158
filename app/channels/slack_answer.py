"""An answer in Markdown → Slack's blocks: text, one table, the citations as links, no more than Slack takes. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from app.channels.slack_post import Block
from app.channels.slack_table import aligned, cells, table
from app.channels.slack_text import MARKDOWN, cited, cut, parted

# The rest of the 12,000, which all Markdown blocks of a message share, is for the sentence that says where it is whole.
LONGEST_ANSWER = MARKDOWN - 500
_HALF = re.compile(r"(\[[^\[\]]*\]?\]?(\([^)\s]*)?|`+)…$")


def answer_blocks(said: str, place: Callable[[str], str | None], whole: str) -> list[Block]:
    """The blocks of what was said. `place` gives the URL of a citation's number, `whole` is where all of it is read."""
    blocks: list[Block] = []
    texts: list[str] = []
    left = LONGEST_ANSWER

    def closed() -> None:
        text = "\n".join(texts).strip("\n")
        texts.clear()
        if text:
            blocks.append({"type": "markdown", "text": text})

    native = False
    for is_table, lines in parted(said.splitlines()):
        block = table(lines, place) if is_table and not native else None
        if block is not None:
            native = True
            closed()
            blocks.append(block)
            continue
        text = aligned(cells(lines)) if is_table else cited("\n".join(lines), place)
        if len(text) > left:
            texts.append(_within(text, left) + f"\n\n[The whole answer is in Deus]({whole})")
            break
        left -= len(text) + 1
        texts.append(text)
    closed()
    return blocks


def _within(text: str, most: int) -> str:
    """A text cut between paragraphs where it can be: within no link, and with the end of a code block."""
    # What is left may be no room at all.
    kept = _HALF.sub("…", cut(text, most)) if most > 1 else ""
    return kept + "\n```" if kept.count("```") % 2 else kept
