"""Slack's markup: Markdown as Slack wants it, and Slack's own as people read it."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

_MARKUP = re.compile(r"<([@#!]?)([^|>]+)(?:\|([^>]*))?>")

_WEB = r"(?:https?://|mailto:)[^\s<>|\"`]+"
# What stands as it is: code, links, addresses. The order is that in which Markdown reads them.
_LITERAL = re.compile(
    r"(?P<code>```.*?```|`[^`\n]+`)"
    r"|!?\[(?P<label>[^\[\]\n]*)\]\((?P<target>[^()\s]+(?:\([^()\s]*\)[^()\s]*)*)\)"
    rf"|<(?P<bracketed>{_WEB})>"
    rf"|(?P<bare>{_WEB}(?<![.,;:!?'*_~)\]]))",
    re.DOTALL,
)
_HEADING = re.compile(r"^#{1,6}[ \t]+(.+?)[ \t#]*$", re.MULTILINE)
_BULLET = re.compile(r"^([ \t]*)[-*+][ \t]+", re.MULTILINE)
_BOLD = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")
_ITALIC = re.compile(r"(?<![\w*])\*(?=[^\s*])([^*\n]+?)(?<=\S)\*(?![\w*])")
_STRUCK = re.compile(r"~~(?=\S)(.+?)(?<=\S)~~")
_KEPT = re.compile("\x00(\\d+)\x00")


def mrkdwn(markdown: str) -> str:
    """Markdown in Slack's markup. Nothing in it but a web or mail address becomes one of Slack's <…> sequences.

    So no text can call a channel or a person: `<!channel>` and `<@U123>` arrive as these letters.
    """
    kept: list[str] = []

    def keep(text: str) -> str:
        kept.append(text)
        return f"\x00{len(kept) - 1}\x00"

    def literal(found: re.Match[str]) -> str:
        code, label, target = found["code"], found["label"], found["target"]
        if code is not None:
            return keep(_escaped(code))
        address = target or found["bracketed"] or found["bare"]
        if re.fullmatch(_WEB, address) is None:
            return f"{label} ({keep(_escaped(address))})"
        name = _escaped(label or "").replace("|", "¦")
        return keep(f"<{_escaped(address)}|{name}>" if name else f"<{_escaped(address)}>")

    text = _escaped(_LITERAL.sub(literal, markdown.replace("\x00", "")))
    text = _ITALIC.sub(r"_\1_", _BULLET.sub(r"\1• ", text))
    text = _HEADING.sub(lambda found: f"*{found[1].replace('**', '').replace('__', '')}*", text)
    text = _STRUCK.sub(r"~\1~", _BOLD.sub(r"*\2*", text))
    return _KEPT.sub(lambda found: kept[int(found[1])], text)


def plain(text: str, people: Mapping[str, str]) -> str:
    """Slack's markup as people read it: names in place of ids, addresses without brackets."""

    def shown(match: re.Match[str]) -> str:
        sign, target, label = match.groups()
        if sign == "@":
            return f"@{people.get(target, label or target)}"
        if sign:
            return f"{'#' if sign == '#' else '@'}{label or target}"
        return f"{label} ({target})" if label and label != target else target

    return html.unescape(_MARKUP.sub(shown, text))


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)
