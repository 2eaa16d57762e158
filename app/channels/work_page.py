"""/runs/{id}/work: all that a run did in sandboxes, whole, as one page without a script. Pure.

Every text is escaped, and what steers a terminal or turns the direction of writing is gone or shown as a sign.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from app.channels.approval_page import POLICY
from app.channels.code_view import SAYS, CallLine, word
from app.channels.diff_html import ALL, diff_html
from app.channels.diff_view import counted, diff_shown
from app.channels.terminal_text import one_line, revealed
from app.channels.tests_view import shown_tests
from app.channels.web_code import ours, spent
from app.channels.web_view import RunView

__all__ = ["POLICY", "work_page"]

_MARKS = {"running": "…", "done": "✓", "failed": "✗", "cut": "–"}
_PUBLIC = Path(__file__).parents[1] / "public"


def work_page(view: RunView) -> str:
    """The page."""
    titles = {line.id: line.title or line.id for line in view.steps}
    parts = [_shown(view, one) for one in view.artifacts.values()]
    for step in view.code.steps:
        calls = "".join(_call(one) for one in view.code.of(step))
        parts.append(
            f'<article id="work-{escape(step)}"><h2>{_words(titles.get(step, step))}</h2><ol>{calls}</ol></article>'
        )
    live = view.standing == "running"
    again = '<meta http-equiv="refresh" content="5">' if live else ""
    cost = spent(view.usage)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'{again}<title>Work in the sandbox · Deus</title><link rel="icon" href="/public/favicon.svg">'
        f"<style>{_style()}</style></head><body><header><h1>{_words(view.question) or 'Work in the sandbox'}</h1>"
        f'<p><a href="/runs/{quote(view.run, safe="")}">Back to its answer</a></p></header>'
        f'<p class="soft">{escape(" · ".join(filter(None, (view.standing.replace("_", " "), cost))))}</p><main>'
        f"{''.join(parts) or '<p class=soft>Nothing ran in a sandbox.</p>'}</main></body></html>"
    )


def _shown(view: RunView, one: Mapping[str, Any]) -> str:
    data = one.get("data") if isinstance(one.get("data"), Mapping) else {}
    assert isinstance(data, Mapping)
    title, ident = _words(one.get("title") or ""), escape(str(one["id"]))
    if one.get("kind") == "diff":
        shown = diff_shown(data, ALL, ALL)
        inner = f"<p class=soft>{escape(counted(shown))}</p>{diff_html(shown)}"
    elif one.get("kind") == "tests":
        inner = _tests(shown_tests(data))
    elif one.get("kind") == "code":
        inner = f'<pre class="out" tabindex="0">{escape(revealed(str(data.get("code") or "")))}</pre>'
    elif one.get("kind") == "file" and (url := ours(data.get("url"))):
        inner = f'<p><a href="{escape(url)}" download>{_words(data.get("name") or "The file")}</a></p>'
    elif one.get("kind") == "chart" and (png := ours(data.get("png"))):
        inner = f'<p><img src="{escape(png)}" alt="{_words(one.get("alt") or "")}"></p>'
    else:
        return ""
    return f'<article id="{ident}"><h2>{title or ident}</h2>{inner}</article>'


def _tests(shown: Mapping[str, Any]) -> str:
    runs = []
    for run in shown["runs"]:
        tail = f'<pre class="out" tabindex="0">{escape(run["tail"])}</pre>' if run["tail"] else ""
        sign = "✓" if run["green"] else "✗"
        said = f"<b>{escape(run['label'])}</b> {escape(run['said'])} <code>{escape(run['command'])}</code>"
        runs.append(f"<p>{sign} {said}</p>{tail}")
    badge = f'<b class="verdict" data-verdict="{shown["verdict"]}">{shown["sign"]} {shown["word"]}</b>'
    return f"<p>{badge} {escape(shown['meaning'])}</p>{''.join(runs)}"


def _call(call: CallLine) -> str:
    if call.verb == SAYS:
        return f'<li class="says">{escape(call.text)}</li>'
    told = escape(call.error or call.summary)
    done = f"{_MARKS[call.state]} <b>{escape(word(call))}</b> <code>{escape(call.text)}</code>"
    line = f"{done} <span class=soft>{told}</span>"
    took = f" <span class=soft>{call.ms / 1000:.1f} s</span>" if call.ms is not None else ""
    out = f'<details><summary>Output</summary><pre class="out" tabindex="0">{escape(call.output)}</pre></details>'
    return f'<li data-state="{call.state}">{line}{took}{out if call.output else ""}</li>'


def _words(text: object) -> str:
    return escape(one_line(text))


@cache
def _style() -> str:
    return "".join((_PUBLIC / name).read_text(encoding="utf-8") for name in ("approvals.css", "diff.css", "work.css"))
