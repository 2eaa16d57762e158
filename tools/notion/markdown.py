"""Markdown as Notion's blocks and back: headings, lists, to-dos, quotes, code, paragraphs; bold, code and links."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tools.notion.records import Record, plain

LONGEST = 2000
MARKS = {
    "heading_3": "### ", "heading_2": "## ", "heading_1": "# ", "to_do": "- [ ] ", "bulleted_list_item": "- ",
    "numbered_list_item": "1. ", "quote": "> ",
}  # fmt: skip
LINE = re.compile(r"^\s*(?:(#{1,6})|([-*+] \[[ xX]\])|([-*+])|(\d+[.)])|(>)) +(.*)$")
RULE = re.compile(r"^\s*([-*_])(?:\s*\1){2,}\s*$")
FENCE = re.compile(r"^\s*```")
INLINE = re.compile(r"\*\*(.+?)\*\*|`([^`]+)`|\[([^\]]+)\]\((https?://[^\s)]+)\)|(https?://[^\s<>)]+)")


def blocks_of(text: str) -> list[Record]:
    """The blocks that a text becomes. Lists are flat; what is no Markdown of these kinds is a paragraph."""
    blocks: list[Record] = []
    paragraph: list[str] = []
    code: list[str] | None = None
    for line in [*text.replace("\r\n", "\n").split("\n"), ""]:
        if FENCE.match(line) and code is None:
            _close(paragraph, blocks)
            code = []
        elif code is not None and FENCE.match(line):
            blocks.append(_block("code", [_piece("\n".join(code))], language="plain text"))
            code = None
        elif code is not None:
            code.append(line)
        elif RULE.match(line) or (found := LINE.match(line)) or not line.strip():
            _close(paragraph, blocks)
            if RULE.match(line):
                blocks.append({"object": "block", "type": "divider", "divider": {}})
            elif line.strip() and found:
                blocks.append(_marked(found))
        else:
            paragraph.append(line.strip())
    if code is not None:
        blocks.append(_block("code", [_piece("\n".join(code).rstrip("\n"))], language="plain text"))
    return blocks


def text_of(blocks: Sequence[Record]) -> str:
    """Blocks as Markdown, one a line, paragraphs and code apart from what precedes them."""
    parts: list[str] = []
    last = ""
    for block in blocks:
        kind = block["type"]
        close = kind == last and kind in ("bulleted_list_item", "numbered_list_item", "to_do", "quote")
        parts.append(("\n" if close else "\n\n") + _line(block))
        last = kind
    return "".join(parts).strip()


def title_pieces(title: str) -> list[Record]:
    """A title as rich text; it has no style."""
    return [_piece(title)]


def _close(paragraph: list[str], blocks: list[Record]) -> None:
    if paragraph:
        blocks.append(_block("paragraph", _pieces("\n".join(paragraph))))
        paragraph.clear()


def _marked(found: re.Match[str]) -> Record:
    heading, todo, bullet, number, _quote, text = found.groups()
    if heading:
        return _block(f"heading_{min(3, len(heading))}", _pieces(text))
    if todo:
        return _block("to_do", _pieces(text), checked="x" in todo.lower())
    return _block("bulleted_list_item" if bullet else "numbered_list_item" if number else "quote", _pieces(text))


def _block(kind: str, pieces: list[Record], **more: object) -> Record:
    return {"object": "block", "type": kind, kind: {"rich_text": pieces, **more}}


def _pieces(text: str) -> list[Record]:
    pieces: list[Record] = []
    at = 0
    for found in INLINE.finditer(text):
        pieces += _plain_pieces(text[at : found.start()])
        bold, code, words, url, bare = found.groups()
        if bold:
            pieces.append(_piece(bold, bold=True))
        elif code:
            pieces.append(_piece(code, code=True))
        else:
            pieces.append(_piece(words or bare, url or bare))
        at = found.end()
    return pieces + _plain_pieces(text[at:])


def _plain_pieces(text: str) -> list[Record]:
    return [_piece(text[start : start + LONGEST]) for start in range(0, len(text), LONGEST)]


def _piece(text: str, link: str | None = None, **marks: bool) -> Record:
    piece: Record = {"type": "text", "text": {"content": text, **({"link": {"url": link}} if link else {})}}
    return {**piece, "annotations": marks} if marks else piece


def _line(block: Record) -> str:
    kind = block["type"]
    content = block[kind]
    if kind == "divider":
        return "---"
    rich = content.get("rich_text") or ()
    if kind == "code":
        return f"```\n{''.join(_said(piece) for piece in rich)}\n```"
    mark = "- [x] " if kind == "to_do" and content.get("checked") else MARKS.get(kind, "")
    return mark + "".join(_styled(piece) for piece in rich)


def _styled(piece: Record) -> str:
    text, style = _said(piece), piece.get("annotations") or {}
    link = (piece.get("text") or {}).get("link") or {}
    if link.get("url"):
        return text if link["url"].rstrip("/") == text.rstrip("/") else f"[{text}]({link['url']})"
    if style.get("bold"):
        return f"**{text}**"
    return f"`{text}`" if style.get("code") else text


def _said(piece: Record) -> str:
    """A piece's words, as it is sent or as it comes back."""
    return plain([piece]) or str((piece.get("text") or {}).get("content", ""))
