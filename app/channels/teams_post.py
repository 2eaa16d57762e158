"""A message as Teams is to show it, and the elements of its card. Pure.

Text of other people's goes into rich text blocks, in which nothing is read as markup.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from app.channels.teams_text import cut

CARD = "application/vnd.microsoft.card.adaptive"
# "Approximately 28 KB per post" (learn.microsoft.com/microsoftteams/limits-specifications-teams), with all that the
# connector adds around text and card.
LARGEST = 28 * 1024
AROUND = 1024
LONGEST_URL = 1000
INFORMATIVE = 1000  # characters of a sentence that says what is being done

Element = dict[str, Any]


@dataclass(frozen=True)
class Post:
    """One message: a card, or `text` in Markdown where there is none; `summary` is for notifications.

    Teams makes two messages of one with both, and changes neither; only a stream may end with a text and a card, which
    is `beside` then. While it is `live` it may be streamed, where that is possible: `informative` says what is being
    done, `words` is a text that only grows.
    """

    text: str
    card: Mapping[str, Any] | None = None
    summary: str = ""
    live: bool = False
    informative: str = ""
    words: str = ""
    beside: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Extra:
    """Something that may give way to a line that says where it is seen, if the message grows too large."""

    element: Element
    instead: Element

    @property
    def mark(self) -> str:
        """What tells it from others; the longer, the larger."""
        return json.dumps(self.element, sort_keys=True)


def size(post: Post) -> int:
    """The bytes that a message takes, in either form."""
    forms = ({"card": post.card}, {"text": post.text, "card": post.beside})
    return max(len(json.dumps([one, post.summary], ensure_ascii=False).encode("utf-8")) for one in forms) + AROUND


Drawn = tuple[Sequence[Element | Extra], str, Sequence[Element | Extra]]


def fitted(
    post: Post,
    draw: Callable[[str], Drawn],
    said: str,
    beside: Sequence[Element | Extra],
    actions: Sequence[Element],
    whole: str,
) -> Post:
    """The post with a card, cut to what Teams takes: extras give way, the largest first, then the words.

    `draw` makes of what is said the elements that say it, and the text that says it with the tables that it lacks.
    `beside` stands below both; `whole` is where all of it is seen.
    """
    given_way: set[str] = set()
    while True:
        said_so, text, tables = draw(said)
        shown, lacking, more = (_given_way(part, given_way) for part in (said_so, tables, beside))
        drawn = replace(post, text=text, card=card([*shown, *more], actions), beside=card([*lacking, *more], actions))
        if size(drawn) <= LARGEST:
            return drawn
        extras = [mark for one in (*said_so, *beside) if isinstance(one, Extra) and (mark := one.mark) not in given_way]
        if extras:
            given_way.add(max(extras, key=len))
        elif len(said) > 200:
            said = _closed(cut(said.removesuffix(_MORE.format(whole)), len(said) * 3 // 4)) + _MORE.format(whole)
        elif beside:
            beside = beside[: len(beside) // 2]
        else:
            raise AssertionError("what cannot be cut is small")


_MORE = "\n\n[The whole answer is in Deus]({})"


def _given_way(body: Sequence[Element | Extra], given_way: Set[str]) -> list[Element]:
    return [
        one if not isinstance(one, Extra) else one.instead if one.mark in given_way else one.element for one in body
    ]


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


def saying(text: str, **more: Any) -> Element:
    """A paragraph in Markdown of our own, in which others' words are marked as such."""
    return {"type": "TextBlock", "text": text, "wrap": True, **more}


def run(text: str, **more: Any) -> Element:
    """Words within a paragraph; weight, color, strikethrough and the like as cards name them."""
    return {"type": "TextRun", "text": text, **more}


def link(text: str, url: str | None, **more: Any) -> Element:
    """Words that lead somewhere, if the address is one of the web."""
    if not str(url or "").startswith(("https://", "http://")) or len(str(url)) > LONGEST_URL:
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
