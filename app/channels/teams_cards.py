"""An ask, a receipt, a chart and a table as elements of Adaptive Cards. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app.channels.approval_card import card as ask_card
from app.channels.approval_card import moment
from app.channels.diff_view import counted
from app.channels.teams_post import (
    LARGEST,
    Element,
    Post,
    card,
    executes,
    heading,
    link,
    opens,
    paragraph,
    run,
    size,
    small,
)
from app.channels.teams_text import cut

APPROVE, REJECT, UNDO = "deus.approve", "deus.reject", "deus.undo"
MOST_ROWS = 30
SOURCES, MOST_SOURCES, SEEN_SOURCES = "sources", 10, 2
LONGEST = 4000  # characters of one text in a card
MOST_POINTS = 60
MOST_LINES, MOST_COLUMNS, LONGEST_CELL = 40, 8, 160

_SETTLED = {
    "approved": ("✓ Approved", "Good"),
    "rejected": ("✗ Rejected", "Attention"),
    "expired": ("Expired: nobody decided in time, so nothing was done", "Warning"),
    "withdrawn": ("Taken back", "Default"),
}


def asking(ask: Mapping[str, Any], titles: Mapping[str, str], home: str, *, over: bool) -> Post:
    """An ask as a message. Where not all of the change fits, it can be approved only where all of it is seen."""
    drawn = ask_card(ask, titles)
    state = "withdrawn" if over and ask["state"] == "requested" else str(ask["state"])
    title, seen = cut(str(drawn["title"]), 300), f"{home}/approvals#{drawn['id']}"
    rows = [_row(row, new=drawn["new"]) for row in drawn["rows"]]
    whole = len(rows) <= MOST_ROWS and all(fits for _, fits in rows)
    body: list[Element] = [
        heading(title),
        _target(drawn),
        *(row for row, _ in rows[:MOST_ROWS]),
        *_about(drawn),
    ]
    if state != "requested":
        body.append(_outcome(ask, state))
        return _cut(Post("", summary=f"{title}: {state}"), body, [opens("Open in Deus", seen)])
    body.append(
        small(f"Asked for {drawn['requester']}; {drawn['who']} may decide, until {moment(drawn['expires_at'])}.")
    )
    more = ask.get("more", drawn["needed"])
    if more > 1:
        body.append(small(f"{more} decisions are needed."))
    value = {"id": str(drawn["id"]), "digest": str(drawn["digest"]), "run": str(ask.get("run") or "")}
    approve = executes("Approve", APPROVE, value, "positive")
    others = [executes("Reject", REJECT, value, "destructive"), opens("Open in Deus", seen)]
    post = Post("", summary=f"Deus asks for a yes: {title}")
    full = replace(post, card=card(body, [approve, *others]))
    if whole and size(full) <= LARGEST:
        return full
    body.insert(2, paragraph(run("This is too long to be shown here. Open it in Deus to approve it.", weight="Bolder")))
    return _cut(post, body, others)


def _cut(post: Post, body: list[Element], actions: list[Element]) -> Post:
    """The post with as much of the body as fits, from its beginning and its end."""
    while size(replace(post, card=card(body, actions))) > LARGEST:
        body.remove(max(body[2:], key=lambda one: len(str(one))))
    return replace(post, card=card(body, actions))


def done(receipt: Mapping[str, Any], of: str) -> Post:
    """What was done by the run `of`, with the way to take it back."""
    title = cut(str(receipt.get("title") or receipt.get("ref") or "Done"), 300)
    said = str(receipt.get("said") or "")
    runs = [run("✓ Done: ", weight="Bolder", color="Good"), link(title, receipt.get("url"))]
    body = [paragraph(*runs, *([run(f" – {cut(said, 1000)}")] if said and said != title else []))]
    if receipt.get("verified") is False:
        body.append(paragraph(run("It could not be read back afterwards; look at it.", color="Warning")))
    if receipt.get("approved_by"):
        body.append(small(f"Approved by {', '.join(receipt['approved_by'])}."))
    elif receipt.get("allowed_by"):
        body.append(small(f"Allowed by the rule “{receipt['allowed_by']}”."))
    back = receipt.get("taken_back")
    if back is not None:
        by = f" by {back['by']}" if back["by"] else ""
        words = f"Taken back{by}." if back["ok"] else f"✗ It could not be taken back: {cut(str(back['said']), 1000)}"
        body.append(paragraph(run(words, color="Default" if back["ok"] else "Attention")))
    actions = []
    if receipt.get("undo") and not (back is not None and back["ok"]):
        until = f" (until {moment(str(receipt['undo_until']))})" if receipt.get("undo_until") else ""
        sure = card(
            [paragraph(run(f"Take it back? {receipt['undo']}{until}"))],
            [executes("Take it back", UNDO, {"effect": str(receipt["id"]), "run": of}, "destructive")],
        )
        actions.append({"type": "Action.ShowCard", "title": "Undo", "card": sure})
    return Post("", card(body, actions), f"Done: {title}")


def chart(artifact: Mapping[str, Any]) -> Element:
    """A chart that Teams draws itself, over days or over what is counted; its alternative text where it cannot."""
    data = artifact.get("data") or {}
    alt = cut(" – ".join(filter(None, (str(artifact.get("title") or ""), str(artifact.get("alt") or "")))), LONGEST)
    zone = ZoneInfo(data.get("timezone") or "UTC")
    lines = [(str(one.get("name") or ""), _points(one.get("points"), zone)) for one in data.get("series") or ()]
    if data.get("expected"):
        lines.append(("expected", _points(data["expected"], zone)))
    lines = [(name, points) for name, points in lines if points]
    fallback = {"type": "TextBlock", "text": literal_block(alt or "A chart"), "wrap": True}
    if not lines:
        return fallback
    drawn = {"title": str(artifact.get("title") or ""), "yAxisTitle": str(data.get("unit") or ""), "fallback": fallback}
    if len(lines) == 1 and len(lines[0][1]) <= 12:
        bars = [{"x": x, "y": y} for x, y in lines[0][1]]
        return {"type": "Chart.VerticalBar", **drawn, "data": bars}
    series = [{"legend": name, "values": [{"x": x, "y": y} for x, y in points]} for name, points in lines]
    return {"type": "Chart.Line", **drawn, "data": series}


def table(rows: Sequence[Sequence[str]]) -> Element:
    """A table; the first row is its header. What is more than fits is counted below."""
    columns = min(max((len(row) for row in rows), default=1), MOST_COLUMNS)
    drawn = {
        "type": "Table",
        "firstRowAsHeader": True,
        "gridStyle": "default",
        "columns": [{"width": 1} for _ in range(columns)],
        "rows": [
            {"type": "TableRow", "cells": [_cell(row[n] if n < len(row) else "", n == 0) for n in range(columns)]}
            for row in rows[: MOST_LINES + 1]
        ],
    }
    more = len(rows) - 1 - MOST_LINES
    return {"type": "Container", "items": [drawn, small(f"and {more} more rows")]} if more > 0 else drawn


def table_rows(data: Mapping[str, Any]) -> list[list[str]]:
    """The cells of a table artifact: columns are names or {key, label}, rows are lists or objects."""
    rows = list(data.get("rows") or ())
    columns = list(data.get("columns") or (rows[0].keys() if rows and isinstance(rows[0], Mapping) else ()))
    keys = [str(one.get("key")) if isinstance(one, Mapping) else str(one) for one in columns]
    labels = [str(one.get("label") or one.get("key")) if isinstance(one, Mapping) else str(one) for one in columns]
    cells = [[row.get(key) for key in keys] if isinstance(row, Mapping) else list(row) for row in rows]
    return [labels, *([_said(cell) for cell in row] for row in cells)]


def literal_block(text: str) -> str:
    """Words as they are for a text block, which reads Markdown."""
    for mark in "\\*_[]`":
        text = text.replace(mark, f"\\{mark}")
    return text.replace("<", "&lt;")


def _said(value: Any) -> str:
    return "" if value is None else f"{value:,g}" if isinstance(value, float) else str(value)


def _cell(text: str, first: bool) -> Element:
    words = paragraph(run(cut(text, LONGEST_CELL)))
    right = not first and bool(text) and text.strip("+-−±~<>$€£% ,.0123456789") == ""
    return {"type": "TableCell", "items": [{**words, "horizontalAlignment": "Right"} if right else words]}


def _points(raw: Any, zone: ZoneInfo) -> list[tuple[str, float]]:
    """[(x, y)], thinned to MOST_POINTS: x is a day as YYYY-MM-DD, which Teams draws to scale, or a time in words."""
    read = [(datetime.fromisoformat(str(at)), float(y)) for at, y in raw or () if at and y is not None]
    if not read:
        return []
    hourly = len(read) > 1 and abs(read[1][0] - read[0][0]) < timedelta(hours=20)
    every = -(-len(read) // MOST_POINTS)
    kept = read[::every] if (len(read) - 1) % every == 0 else [*read[::every], read[-1]]
    local = [(at.astimezone(zone) if at.tzinfo else at, y) for at, y in kept]
    return [(f"{at:%-d %b %H:%M}" if hourly else f"{at:%Y-%m-%d}", round(y, 4)) for at, y in local]


def _target(drawn: Mapping[str, Any]) -> Element:
    where = drawn["target"]
    named = [run(f" {where['kind']} ")] if where["kind"] else []
    runs = [run(str(drawn["service"]), weight="Bolder"), run(" ·"), *named]
    return paragraph(*runs, *([link(str(where["title"]), where["url"])] if where["title"] else []))


def _row(row: Mapping[str, Any], *, new: bool) -> tuple[Element, bool]:
    """A field's change, and whether it is all of it."""
    if "diff" in row:
        return _diff(row)
    before, after = (None if row[name] is None else str(row[name]) for name in ("before", "after"))
    whole = all(one is None or len(one) <= LONGEST for one in (before, after))
    runs = [run(f"{row['label']}: ", weight="Bolder")]
    gap = "\n" if row["block"] else ""
    if new or before is None:
        runs.append(run(gap + cut(after or "–", LONGEST)))
    else:
        runs.append(run(gap + cut(before, LONGEST), strikethrough=True, isSubtle=True))
        runs.append(run(f"{gap or ' '}→{gap or ' '}"))
        runs.append(run(cut(after or "nothing", LONGEST)))
    return paragraph(*runs, spacing="Small"), whole


def _diff(row: Mapping[str, Any]) -> tuple[Element, bool]:
    """A diff, and whether it is all of it: where it does not fit, its files."""
    text = str(row["after"]).strip("\n")
    head = run(f"{row['label']}: {counted(row['diff'])}\n", weight="Bolder")
    if len(text) <= LONGEST:
        return paragraph(head, run(text, fontType="Monospace", size="Small"), spacing="Small"), True
    files = "\n".join(f"{one['path']} +{one['added']} −{one['removed']}" for one in row["diff"]["files"])
    return paragraph(head, run(cut(files, LONGEST)), spacing="Small"), False


def _about(drawn: Mapping[str, Any]) -> list[Element]:
    """Why they are asked, who reads it, what it comes from, whether it can be taken back."""

    def said(label: str, *runs: Element) -> Element:
        return paragraph(run(f"{label}: ", weight="Bolder"), *runs, spacing="Small")

    risk = "; ".join([str(drawn["risk"]["level"]), *drawn["risk"]["reasons"]])
    found = [paragraph(run(cut(one, 1000), color="Warning", weight="Bolder")) for one in drawn["warnings"]]
    found.append(said("Risk", run(cut(risk, 1000))))
    if drawn["people"]:
        found.append(said("Reaches", run(cut(", ".join(drawn["people"]), 1000))))
    if drawn["why"]:
        found.append(said("Why you are asked", run(cut(" ".join(drawn["why"]), 1000))))
    sources = []
    for one in drawn["sources"][:MOST_SOURCES]:
        quoted = [run(f": “{cut(one['excerpt'], 300)}”")] if one["quoted"] else []
        sources.append(said("From", link(cut(one["title"], 200), one["url"]), *quoted))
    found += sources[:SEEN_SOURCES]
    if rest := sources[SEEN_SOURCES:]:
        shows = {"type": "Action.ToggleVisibility", "title": f"{len(rest)} more sources", "targetElements": [SOURCES]}
        found.append({"type": "ActionSet", "actions": [shows]})
        found.append({"type": "Container", "id": SOURCES, "isVisible": False, "items": rest})
    undo = said("To take it back", run(cut(str(drawn["undo"]), 500))) if drawn["undo"] else None
    return [*found, undo or paragraph(run("This cannot be taken back.", weight="Bolder"), spacing="Small")]


def _outcome(ask: Mapping[str, Any], state: str) -> Element:
    words, color = _SETTLED.get(state, (state, "Default"))
    by = f" by {ask['by']}" if ask.get("by") and state in ("approved", "rejected", "withdrawn") else ""
    changed = "; other arguments were given, which are asked about anew" if ask.get("edited") else ""
    return paragraph(run(f"{words}{by}{changed}.", weight="Bolder", color=color))
