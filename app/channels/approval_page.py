"""/approvals as a page of its own, without scripts: what waits, what was decided, what was done. Pure.

Every text is escaped: anybody may have written it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from agents.approval import Approval
from agents.effect import Effect
from app.channels.approval_card import card_of, label, moment, rows
from app.channels.approval_form import fields
from app.channels.diff_html import ALL, diff_html
from app.channels.diff_view import counted, diff_shown

STATES = {
    "open": "Open",
    "approved": "Approved",
    "rejected": "Rejected",
    "expired": "Expired",
    "withdrawn": "Withdrawn",
    "all": "All",
}
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
NAMES = {"github": "GitHub", "posthog": "PostHog", "pagerduty": "PagerDuty", "launchdarkly": "LaunchDarkly"}
_PUBLIC = Path(__file__).parents[1] / "public"


def approvals_page(
    found: Sequence[Approval],
    effects: Iterable[Effect],
    *,
    state: str,
    actor: str,
    trouble: str = "",
    coming: bool = False,
) -> str:
    """The page. `trouble` is said at its top; while something is `coming` it looks again by itself."""
    done = {(effect.run, effect.step): effect for effect in effects}
    newest: set[tuple[str, str]] = set()
    items = []
    for one in found:
        place = (one.proposal.run, one.proposal.step)
        effect = done.get(place) if place not in newest and one.state == "approved" else None
        newest.add(place)
        steps = {other.proposal.step: other.proposal.title for other in found if other.proposal.run == place[0]}
        items.append(_item(one, effect, state, steps))
    nothing = "Nothing waits for a decision." if state == "open" else "There is nothing here."
    tabs = "".join(
        f'<a href="/approvals?state={name}"{" aria-current=page" if name == state else ""}>{words}</a>'
        for name, words in STATES.items()
    )
    again = f'<meta http-equiv="refresh" content="2;url=/approvals?state={state}">' if coming else ""
    warned = f'<p class="trouble" role="alert">{escape(trouble)}</p>' if trouble else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'{again}<title>Approvals · Deus</title><link rel="icon" href="/public/favicon.svg"><style>{_style()}</style>'
        '</head><body><header><h1>Approvals</h1><p><a href="/">Back to the chat</a> · <a href="/inbox">Inbox</a> · '
        f"signed in as {escape(actor)}</p>"
        f'</header><nav aria-label="Which ones">{tabs}</nav><main>{warned}'
        f"{''.join(items) or f'<p class=soft>{nothing}</p>'}</main></body></html>"
    )


def _item(approval: Approval, effect: Effect | None, state: str, titles: Mapping[str, str]) -> str:
    drawn = card_of(approval, titles)
    waits = approval.state == "requested"
    parts = [
        f'<article id="{escape(approval.id)}" data-state="{approval.state}" aria-label="{escape(drawn["title"])}">'
    ]
    risky = waits and drawn["risk"]["level"] in ("high", "critical")
    parts.append(f"<h2>{escape(drawn['title'])}</h2><p>{_place(drawn)}")
    parts.append(f' <b class="risk">{escape(drawn["risk"]["level"])} risk</b></p>' if risky else "</p>")
    if waits:
        parts += [_rows(drawn["rows"]), _why(drawn), _buttons(drawn, state), _form(drawn, approval, state)]
    else:
        parts.append(f"<p>{escape(_settled(drawn))}</p>")
        parts.append(_receipt(effect, state) if effect is not None else "")
        parts.append(f"<details><summary>What was asked</summary>{_rows(drawn['rows'])}{_why(drawn)}</details>")
    asked = f"asked by {drawn['requester']}, {moment(drawn['at'])}"
    until = f" · open for {drawn['lasts']}, until {moment(drawn['expires_at'])}" if waits else ""
    link = f'<a href="/runs/{quote(drawn["run"])}">to its run</a>'
    parts.append(f"<footer>{escape(asked + until)} · {link}</footer></article>")
    return "".join(parts)


def _place(drawn: Mapping[str, Any]) -> str:
    target = drawn["target"]
    name = escape(" ".join(filter(None, (target["kind"], target["title"]))))
    service = f'<b class="chip">{escape(_service(drawn["service"]))}</b> '
    return service + (_link(target["url"], name) if target["url"] else name)


def _rows(shown: Sequence[Mapping[str, Any]]) -> str:
    lines = []
    for row in shown:
        if "diff" in row:
            whole = diff_shown({"diff": row["after"]}, ALL, ALL)
            words = f"<span class=soft>{escape(counted(whole))}</span>{diff_html(whole)}"
            lines.append(f'<div class="wide"><dt>{escape(row["label"])}</dt><dd>{words}</dd></div>')
            continue
        tag = "pre" if row["block"] else "span"
        before = f"<{tag} class=was>{escape(row['before'])}</{tag}>" if row["before"] is not None else ""
        kind = row.get("verdict") or ("will" if row["after"] is not None else "soft")
        after = f"<{tag} class={kind}>{escape(row['after'] if row['after'] is not None else 'nothing')}</{tag}>"
        arrow = " → " if before and not row["block"] else ""
        lines.append(f"<div><dt>{escape(row['label'])}</dt><dd>{before}{arrow}{after}</dd></div>")
    return f"<dl>{''.join(lines)}</dl>" if lines else ""


def _why(drawn: Mapping[str, Any]) -> str:
    said = [f'<p class="warning">{escape(text)}</p>' for text in drawn["warnings"]]
    facts = [
        ("Who will read it", ", ".join(drawn["people"])),
        ("How many it touches", f"{drawn['affects']:,}" if drawn["affects"] > 1 else ""),
        ("Why you are asked", " ".join(drawn["why"])),
        ("Risk", ". ".join((drawn["risk"]["level"], *drawn["risk"]["reasons"]))),
        ("Who may decide", drawn["who"] + (f"; {drawn['needed']} have to say yes" if drawn["needed"] > 1 else "")),
        ("Taking it back", drawn["undo"] or "This cannot be taken back."),
    ]
    said += [f"<p><i>{name}</i> {escape(text)}</p>" for name, text in facts if text]
    if drawn["sources"]:
        said.append(
            "<div class=outside><p><b>It builds on text from outside.</b> Nobody here vouches for it, so read it as a "
            "stranger’s words.</p>"
        )
        named = []
        for one in drawn["sources"]:
            cite = escape(f"{one['title']} ({_service(one['service'])})" if one["service"] else one["title"])
            linked = _link(one["url"], cite) if one["url"] else cite
            if one["quoted"]:
                said.append(f"<blockquote><pre>{escape(one['excerpt'])}</pre><cite>{linked}</cite></blockquote>")
            else:
                named.append(linked)
        said.append(f"<p class=soft>Named there: {', '.join(named)}</p>" if named else "")
        said.append("</div>")
    return "".join(said)


def _buttons(drawn: Mapping[str, Any], state: str) -> str:
    return (
        f'<form method="post" action="/approvals/{quote(drawn["id"])}/decision?state={state}" class="buttons">'
        f'<input type="hidden" name="digest" value="{escape(drawn["digest"])}">'
        '<button class="yes" name="choice" value="approve">Approve</button>'
        '<button name="choice" value="reject">Reject</button>'
        '<input name="note" maxlength="2000" placeholder="A note, if you like" aria-label="Note"></form>'
    )


def _form(drawn: Mapping[str, Any], approval: Approval, state: str) -> str:
    lines = [
        f'<details><summary>Edit</summary><form method="post" class="edit" '
        f'action="/approvals/{quote(drawn["id"])}/edit?state={state}">'
    ]
    for field in fields(approval.proposal.verb, approval.proposal.args):
        name = f'name="arg.{escape(field["name"])}"' + (" required" if field["required"] else "")
        value = escape(field["value"])
        if field["choices"]:
            options = "".join(
                f"<option{' selected' if one == field['value'] else ''}>{escape(one)}</option>"
                for one in field["choices"]
            )
            control = f"<select {name}>{options}</select>"
        elif field["kind"] in ("text", "list", "json"):
            control = f'<textarea {name} rows="{7 if field["kind"] == "text" else 2}">\n{value}</textarea>'
        else:
            control = f'<input {name} value="{value}">'
        more = "; ".join(filter(None, (field["help"], "one a line" if field["kind"] == "list" else "")))
        lines.append(f"<label><b>{escape(field['label'])}</b> <small>{escape(more)}</small>{control}</label>")
    lines.append("<button>Show the change</button> <small>Nothing is done yet: you are asked again.</small>")
    return "".join(lines) + "</form></details>"


def _settled(drawn: Mapping[str, Any]) -> str:
    note = f" “{drawn['note']}”" if drawn["note"] else ""
    if drawn["edited"]:
        return "Other arguments were given; it was asked about anew."
    words = {"approved": f"Approved by {drawn['by']}.", "rejected": f"Rejected by {drawn['by']}; nothing was done."}
    words |= {"expired": "Nobody decided in time, so nothing was done.", "withdrawn": "It is no longer asked."}
    return words.get(str(drawn["state"]), "") + note


def _receipt(effect: Effect, state: str) -> str:
    landed = effect.landed
    if effect.state == "undone":
        return '<p class="done">It was done, and taken back since.</p>'
    if effect.state != "done" or landed is None:
        what = "Nobody can tell whether it happened." if effect.state == "unknown" else "It was not done."
        return f'<p class="warning">{escape(f"{what} {effect.error}".strip())}</p>'
    said = landed.said or landed.title or landed.ref
    lines = f'<p class="done">{escape(said)} {_link(landed.url, "Open it") if landed.url.startswith("http") else ""} '
    lines += f'<span class="soft">{escape(moment(effect.at.isoformat()))}</span></p>'
    lines += _rows(rows(effect.change.before, landed.state or effect.change.after, {}))
    if effect.change.undo:
        until = f" Until {moment((effect.at + effect.change.undo_for).isoformat())}." if effect.change.undo_for else ""
        lines += (
            f'<form method="post" action="/approvals/undo/{quote(effect.key)}?state={state}" class="buttons">'
            f"<button>Undo</button><small>{escape(effect.change.undo + until)}</small></form>"
        )
    return lines


def _link(url: str, inner: str) -> str:
    return f'<a href="{escape(url)}" target="_blank" rel="noopener noreferrer">{inner}</a>'


def _service(name: str) -> str:
    return NAMES.get(name, label(name).capitalize())


@cache
def _style() -> str:
    return "".join((_PUBLIC / name).read_text(encoding="utf-8") for name in ("approvals.css", "diff.css"))
