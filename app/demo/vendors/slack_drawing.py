"""Slack's messages, blocks and views as HTML, for the page of the demo company's Slack. Pure; everything is escaped."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from html import escape, unescape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

Block = Mapping[str, Any]
EMOJI = {
    "white_check_mark": "✅", "x": "❌", "warning": "⚠️", "hourglass_flowing_sand": "⏳", "hourglass": "⌛",
    "white_circle": "⚪", "raised_hand": "✋", "heavy_minus_sign": "➖", "no_entry": "⛔", "bar_chart": "📊",
    "leftwards_arrow_with_hook": "↩️", "arrow_down": "⬇️", "page_facing_up": "📄", "wave": "👋", "mag": "🔍",
    "bulb": "💡", "bust_in_silhouette": "👤", "speech_balloon": "💬", "lock": "🔒", "gear": "⚙️", "link": "🔗",
}  # fmt: skip
_MARKS = {"pending": "○", "in_progress": "◔", "complete": "✓", "error": "✕"}
_ADDRESS = re.compile(r"<([^<>]+)>")
_SPANS: Sequence[tuple[re.Pattern[str], str]] = (
    (re.compile(r"(?<![\w*])\*(\S(?:[^*\n]*\S)?)\*(?![\w*])"), r"<b>\1</b>"),
    (re.compile(r"(?<![\w_])_(\S(?:[^_\n]*\S)?)_(?![\w_])"), r"<i>\1</i>"),
    (re.compile(r"(?<![\w~])~(\S(?:[^~\n]*\S)?)~(?![\w~])"), r"<s>\1</s>"),
)


def blocks_html(blocks: Sequence[Block]) -> str:
    """Blocks one below the other; a kind that is not known is shown as what it is."""
    return "".join(_DRAWN.get(str(block.get("type")), _unknown)(block) for block in blocks)


def mrkdwn(text: str) -> str:
    """Slack's own markup."""
    parts, at = [], 0
    for found in _ADDRESS.finditer(text):
        parts.append(_spans(text[at : found.start()]))
        parts.append(_address(found[1]))
        at = found.end()
    parts.append(_spans(text[at:]))
    lines = "".join(parts).split("\n")
    drawn = [f"<blockquote>{line[4:]}</blockquote>" if line.startswith("&gt;") else line + "<br>" for line in lines]
    return "".join(drawn).removesuffix("<br>").replace("</blockquote><blockquote>", "<br>")


def markdown(text: str) -> str:
    """Standard Markdown, as markdown blocks and streams have it: no HTML and no pictures."""
    return str(_markdown().render(text))


def modal_html(view: Block) -> str:
    """A modal: its title, its blocks, and its buttons."""
    submit = f'<button class="primary">{_plain(view["submit"])}</button>' if view.get("submit") else ""
    close = _plain(view.get("close") or {"text": "Close"})
    return (
        f'<form method="dialog" data-view="{escape(str(view["id"]))}"><h2>{_plain(view["title"])}</h2>'
        f"{blocks_html(view['blocks'])}"
        f'<p class="buttons">{submit}<button type="button" data-close>{close}</button></p></form>'
    )


@cache
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"]).disable("image")


def _spans(text: str) -> str:
    """What stands between addresses. Code is left as it is."""
    parts = re.split(r"(```.*?```|`[^`\n]+`)", text, flags=re.DOTALL)
    drawn = []
    for part in parts:
        safe = escape(unescape(part), quote=False)
        if part.startswith("```") and len(part) > 5:
            drawn.append(f"<pre>{safe[3:-3]}</pre>")
        elif part.startswith("`") and len(part) > 2:
            drawn.append(f"<code>{safe[1:-1]}</code>")
        else:
            for pattern, shape in _SPANS:
                safe = pattern.sub(shape, safe)
            drawn.append(re.sub(r":([a-z_]+):", lambda found: EMOJI.get(found[1], found[0]), safe))
    return "".join(drawn)


def _address(inner: str) -> str:
    place, _, words = inner.partition("|")
    if place[:1] in "@#!":
        shown = words or (place if place[:1] != "!" else f"@{place[1:]}")
        return f'<span class="mention">{escape(unescape(shown))}</span>'
    if not place.startswith(("https://", "http://", "mailto:")):
        return escape(unescape(f"<{inner}>"))
    return _link(unescape(place), _spans(words) if words else escape(unescape(place)))


def _link(url: str, inner: str) -> str:
    if not url.startswith(("https://", "http://", "mailto:")):
        return inner
    return f'<a href="{escape(url)}" target="_blank" rel="noopener noreferrer">{inner}</a>'


def _plain(text: Any) -> str:
    return escape(unescape(str(text.get("text") if isinstance(text, Mapping) else text or "")))


def _text(text: Any) -> str:
    return mrkdwn(str(text["text"])) if isinstance(text, Mapping) and text.get("type") == "mrkdwn" else _plain(text)


def _section(block: Block) -> str:
    fields = "".join(f"<div>{_text(one)}</div>" for one in block.get("fields") or ())
    words = _text(block["text"]) if block.get("text") else ""
    beside = _element(block["accessory"]) if block.get("accessory") else ""
    listed = f'<div class="fields">{fields}</div>' if fields else ""
    return f'<div class="section"><div>{words}{listed}</div>{beside}</div>'


def _context(block: Block) -> str:
    return f'<div class="context">{" ".join(_text(one) for one in block.get("elements") or ())}</div>'


def _actions(block: Block) -> str:
    return f'<div class="buttons">{"".join(_element(one) for one in block.get("elements") or ())}</div>'


def _element(one: Mapping[str, Any]) -> str:
    """A button; it carries what Slack sends back when it is pressed."""
    if one.get("type") != "button":
        return f'<span class="context">[{escape(str(one.get("type")))}]</span>'
    style, words = escape(str(one.get("style") or "")), _plain(one.get("text"))
    told = escape(json.dumps({name: one[name] for name in ("action_id", "value", "text", "type") if name in one}))
    asked = f' data-confirm="{escape(json.dumps(one["confirm"]))}"' if one.get("confirm") else ""
    url = str(one.get("url") or "")
    opens = f' data-url="{escape(url)}"' if url.startswith(("https://", "http://")) else ""
    return f'<button class="{style}" data-action="{told}"{asked}{opens}>{words}</button>'


def _table(block: Block) -> str:
    """A table block; its first row is its head."""
    ends = [one.get("align") == "right" if one else False for one in block.get("column_settings") or ()]
    drawn = []
    for place, row in enumerate(block["rows"]):
        name = "td" if place else "th"
        cells = [
            f"<{name}{' class=right' if n < len(ends) and ends[n] else ''}>{_cell(cell)}</{name}>"
            for n, cell in enumerate(row)
        ]
        drawn.append(f"<tr>{''.join(cells)}</tr>")
    return f'<div class="scroll"><table>{"".join(drawn)}</table></div>'


def _cell(cell: Mapping[str, Any]) -> str:
    return _rich(cell) if cell.get("type") == "rich_text" else _plain(cell.get("text"))


def _rich(block: Block) -> str:
    parts = []
    for group in block.get("elements") or ():
        for one in group.get("elements") or ():
            words = escape(str(one.get("text") or one.get("url") or ""))
            parts.append(_link(str(one["url"]), words) if one.get("type") == "link" else words)
    return "".join(parts)


def _plan(block: Block) -> str:
    tasks = "".join(_card(task) for task in block.get("tasks") or ())
    return f'<details class="plan" open><summary>{_plain(block.get("title"))}</summary><ol>{tasks}</ol></details>'


def _card(task: Mapping[str, Any]) -> str:
    state = str(task.get("status"))
    said = "".join(
        f'<div class="context">{mrkdwn(str(task[name]))}</div>' for name in ("details", "output") if task.get(name)
    )
    places = "".join(
        _link(str(one["url"]), escape(str(one.get("text") or one["url"]))) for one in task.get("sources") or ()
    )
    links = f'<div class="sources">{places}</div>' if places else ""
    mark = f'<span class="mark" role="img" aria-label="{escape(state)}">{_MARKS.get(state, "?")}</span>'
    return f'<li class="{escape(state)}">{mark}<div>{_plain(task.get("title"))}{said}{links}</div></li>'


def _input(block: Block) -> str:
    """A field of a modal with its label, its hint and room for what is wrong with it."""
    name, element = escape(str(block["block_id"])), block["element"]
    told = {"id": name, "name": name, "data-action-id": element["action_id"], "data-kind": element["type"]}
    told |= {} if element["type"] == "static_select" else {"maxlength": element.get("max_length", 3000)}
    attributes = "".join(f' {key}="{escape(str(value))}"' for key, value in told.items())
    attributes += "" if block.get("optional") else " required"
    initial = escape(str(element.get("initial_value") or ""))
    if element["type"] == "static_select":
        chosen = (element.get("initial_option") or {}).get("value")
        options = [*([{"value": "", "text": ""}] if block.get("optional") else []), *element["options"]]
        field = f"<select{attributes}>{''.join(_option(one, chosen) for one in options)}</select>"
    elif element.get("multiline"):
        field = f'<textarea rows="6"{attributes}>\n{initial}</textarea>'
    else:
        field = f'<input value="{initial}"{attributes}>'
    hint = f"<small>{_plain(block['hint'])}</small>" if block.get("hint") else ""
    label = f'<label for="{name}">{_plain(block["label"])}</label>'
    return f'<div class="field">{label}{field}{hint}<p class="wrong" data-for="{name}" role="alert"></p></div>'


def _option(one: Mapping[str, Any], chosen: Any) -> str:
    marked = " selected" if one["value"] == chosen else ""
    return f'<option value="{escape(str(one["value"]))}"{marked}>{_plain(one["text"])}</option>'


def _unknown(block: Block) -> str:
    return f'<div class="context">[{escape(str(block.get("type")))}]</div>'


_DRAWN: Mapping[str, Callable[[Block], str]] = {
    "section": _section,
    "header": lambda block: f"<h3>{_plain(block['text'])}</h3>",
    "markdown": lambda block: f'<div class="markdown">{markdown(str(block["text"]))}</div>',
    "context": _context,
    "actions": _actions,
    "divider": lambda block: "<hr>",
    "table": _table,
    "rich_text": _rich,
    "plan": _plan,
    "task_card": lambda block: f'<ol class="plan">{_card(block)}</ol>',
    "input": _input,
}
