"""A message as Teams is to show it, and the elements of its card. Pure.

Text of other people's goes into rich text blocks, in which nothing is read as markup.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.channels.teams_text import cut

CARD = "application/vnd.microsoft.card.adaptive"
# "Approximately 28 KB per post" (learn.microsoft.com/microsoftteams/limits-specifications-teams), with all that the
# connector adds around text and card.
LARGEST = 28 * 1024
AROUND = 1024
INFORMATIVE = 1000  # characters of a sentence that says what is being done

Element = dict[str, Any]


@dataclass(frozen=True)
class Post:
    """One message: `text` in Markdown above the card, `summary` for notifications.

    While it is `live` it may be streamed instead, where that is possible: `informative` says what is being done,
    `words` is a text that only grows.
    """

    text: str
    card: Mapping[str, Any] | None = None
    summary: str = ""
    live: bool = False
    informative: str = ""
    words: str = ""


@dataclass(frozen=True)
class Extra:
    """Something that may give way to a line that says where it is seen, if the message grows too large."""

    element: Element
    instead: Element


def size(post: Post) -> int:
    """The bytes that a message takes."""
    said = {"text": post.text, "summary": post.summary, "card": post.card}
    return len(json.dumps(said, ensure_ascii=False).encode("utf-8")) + AROUND


def fitted(post: Post, body: Sequence[Element | Extra], actions: Sequence[Element], whole: str) -> Post:
    """The post with a card of this body, cut to what Teams takes: extras give way, the largest first, then words.

    `whole` is where all of it is seen.
    """
    kept = list(body)
    while True:
        drawn = replace(post, card=card([one.element if isinstance(one, Extra) else one for one in kept], actions))
        over = size(drawn) - LARGEST
        if over <= 0:
            return drawn
        extras = [(len(json.dumps(one.element)), n) for n, one in enumerate(kept) if isinstance(one, Extra)]
        if extras:
            _, n = max(extras)
            extra = kept[n]
            assert isinstance(extra, Extra)
            kept[n] = extra.instead
        elif len(post.text) > 400:
            more = f"\n\n[The whole answer is in Deus]({whole})"
            # One character takes up to six bytes.
            text = cut(post.text.removesuffix(more), max(len(post.text) - max(over // 4, 200), 200))
            post = replace(post, text=_closed(text) + more)
        else:
            kept = [one for n, one in enumerate(kept) if n != len(kept) // 2]


def card(body: Sequence[Element], actions: Sequence[Element] = ()) -> Mapping[str, Any] | None:
    """An Adaptive Card; None where there is nothing to show. 1.5 is what Teams draws everywhere."""
    if not body and not actions:
        return None
    drawn: dict[str, Any] = {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.5",
        "msteams": {"width": "Full"},
        "body": list(body),
    }
    return {**drawn, "actions": list(actions)} if actions else drawn


def run(text: str, **more: Any) -> Element:
    """Words within a paragraph; weight, color, strikethrough and the like as cards name them."""
    return {"type": "TextRun", "text": text, **more}


def link(text: str, url: str | None, **more: Any) -> Element:
    """Words that lead somewhere, if the address is one of the web."""
    if not str(url or "").startswith(("https://", "http://")):
        return run(text, **more)
    return run(text, color="Accent", selectAction={"type": "Action.OpenUrl", "url": url}, **more)


def paragraph(*runs: Element, **more: Any) -> Element:
    """Words that are shown as they are."""
    return {"type": "RichTextBlock", "inlines": [one for one in runs if one["text"]] or [run("–")], **more}


def small(*parts: str | Element) -> Element:
    """Small print."""
    runs = [run(one) if isinstance(one, str) else one for one in parts]
    return paragraph(*({**one, "size": "Small", "isSubtle": True} for one in runs), spacing="Small")


def heading(text: str) -> Element:
    """A card's title."""
    return paragraph(run(text, weight="Bolder", size="Medium"))


def opens(title: str, url: str) -> Element:
    """A button that leads to the web."""
    return {"type": "Action.OpenUrl", "title": title, "url": url}


def executes(title: str, verb: str, data: Mapping[str, str], style: str = "default") -> Element:
    """A button whose answer replaces the card; where that is not known it says the same in a message."""
    said = {"deus": verb, **data}
    return {
        "type": "Action.Execute",
        "title": title,
        "verb": verb,
        "data": said,
        "style": style,
        "fallback": {"type": "Action.Submit", "title": title, "data": said, "style": style},
    }


def _closed(text: str) -> str:
    """A text that was cut within a code block, with the block's end."""
    return text + "\n```" if text.count("```") % 2 else text
