"""An ask and a receipt as Slack's blocks: what changes, why, until when, and the buttons. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from app.channels.approval_card import card, moment
from app.channels.diff_view import counted
from app.channels.slack_post import Block, Post, context, section
from app.channels.slack_text import HEADER, SECTION, cut, escape, link
from tools.kit.tool import Write, verbs

APPROVE, REJECT, UNDO = "deus_approve", "deus_reject", "deus_undo"
APPROVE_ALL, EDIT = "deus_approve_all", "deus_edit"
BUTTON = 2000  # characters of a button's value
CONFIRM = 300  # characters of what is asked once more
MOST_ROWS, MOST_SOURCES = 30, 5

_SETTLED = {
    "approved": ":white_check_mark: Approved",
    "rejected": ":no_entry: Rejected",
    "expired": ":hourglass: Expired: nobody decided in time, so nothing was done",
    "withdrawn": ":leftwards_arrow_with_hook: Taken back",
}


def asking(
    ask: Mapping[str, Any], titles: Mapping[str, str], home: str, *, over: bool, together: Sequence[Mapping[str, Any]]
) -> Post:
    """An ask as a message. Where not all of the change fits, it can be approved only where all of it is seen.

    `together` are all asks that stand open with this one, if it is the last of them and approves them all at once.
    """
    drawn = card(ask, titles)
    state = "withdrawn" if over and ask["state"] == "requested" else str(ask["state"])
    body, whole = _change(drawn)
    said = [
        *(f":warning: {escape(one)}" for one in drawn["warnings"]),
        f"*Risk:* {escape(drawn['risk']['level'])}" + _listed(drawn["risk"]["reasons"]),
        *([f"*Reaches:* {escape(', '.join(drawn['people']))}"] if drawn["people"] else []),
        *([f"*Why you are asked:* {escape(' '.join(drawn['why']))}"] if drawn["why"] else []),
        *(f"*From:* {_source(one)}" for one in drawn["sources"][:MOST_SOURCES]),
        *(
            [f"and {len(drawn['sources']) - MOST_SOURCES} more, in Deus"]
            if len(drawn["sources"]) > MOST_SOURCES
            else []
        ),
        f"*To take it back:* {escape(drawn['undo'])}" if drawn["undo"] else "*This cannot be taken back.*",
    ]
    title = f"{drawn['title']}"
    blocks: list[Block] = [
        {"type": "header", "text": {"type": "plain_text", "text": cut(title, HEADER), "emoji": False}},
        *(section(one) for one in body),
        section("\n".join(said)),
    ]
    if state != "requested":
        blocks.append(context(_outcome(ask, state)))
        return Post(text=f"{escape(title)}: {escape(state)}", blocks=tuple(blocks))
    asked = f"Asked for {drawn['requester']}; {drawn['who']} may decide, until {moment(drawn['expires_at'])}."
    more = ask.get("more", drawn["needed"])
    blocks.append(context(escape(asked) + (f" {more} decisions are needed." if more > 1 else "")))
    if not whole:
        blocks.append(context("This is too long to be shown here. Open it in Deus to approve it."))
    everything = together if all(_change(card(one, titles))[1] for one in together) else ()
    blocks.append(_buttons(drawn, home, whole, everything))
    return Post(text=f"Deus asks for a yes: {escape(cut(title, HEADER))}", blocks=tuple(blocks))


def done(receipt: Mapping[str, Any], run: str) -> Post:
    """What was done, with the way to take it back."""
    title = str(receipt.get("title") or receipt.get("ref") or "Done")
    url = str(receipt.get("url") or "")
    named = link(url, title) if url.startswith(("https://", "http://")) else escape(title)
    said = escape(str(receipt.get("said") or ""))
    lines = [f":white_check_mark: *Done:* {named}" + (f" – {said}" if said and said != escape(title) else "")]
    if receipt.get("verified") is False:
        lines.append(":warning: It could not be read back afterwards; look at it.")
    if receipt.get("approved_by"):
        lines.append(f"Approved by {escape(', '.join(receipt['approved_by']))}.")
    elif receipt.get("allowed_by"):
        lines.append(f"Allowed by the rule “{escape(receipt['allowed_by'])}”.")
    back = receipt.get("taken_back")
    if back is not None:
        by = f" by {escape(back['by'])}" if back["by"] else ""
        lines.append(
            f":leftwards_arrow_with_hook: Taken back{by}."
            if back["ok"]
            else f":x: It could not be taken back: {escape(back['said'])}"
        )
    blocks = [section("\n".join(lines))]
    if receipt.get("undo") and not (back is not None and back["ok"]):
        until = f" (until {moment(str(receipt['undo_until']))})" if receipt.get("undo_until") else ""
        undo = _button("Undo", UNDO, {"effect": str(receipt["id"]), "run": run})
        undo["confirm"] = {
            "title": {"type": "plain_text", "text": "Take it back?"},
            "text": {"type": "plain_text", "text": cut(f"{receipt['undo']}{until}", CONFIRM)},
            "confirm": {"type": "plain_text", "text": "Take it back"},
            "deny": {"type": "plain_text", "text": "Leave it"},
        }
        blocks.append({"type": "actions", "elements": [undo]})
    return Post(text=f"Done: {escape(cut(title, HEADER))}", blocks=tuple(blocks))


def _change(drawn: Mapping[str, Any]) -> tuple[list[str], bool]:
    """The change as sections, and whether it is all of it."""
    where = drawn["target"]
    named = link(where["url"], where["title"]) if where["url"] and where["title"] else escape(where["title"] or "")
    shown, whole = [f"*{escape(drawn['service'])}* · {escape(where['kind'])} {named}".rstrip()], True
    for row in drawn["rows"][:MOST_ROWS]:
        text, fits = _diff(row) if "diff" in row else _row(row, new=drawn["new"])
        whole = whole and fits
        shown.append(cut(text, SECTION))
    return shown, whole and len(drawn["rows"]) <= MOST_ROWS


def _row(row: Mapping[str, Any], *, new: bool) -> tuple[str, bool]:
    """A field's change, and whether it is all of it."""
    before, after = (None if one is None else escape(one) for one in (row["before"], row["after"]))
    text = f"*{escape(row['label'])}*: "
    if row["block"]:
        text = f"*{escape(row['label'])}*\n"
        before, after = (None if one is None else _quoted(one) for one in (before, after))
    if new or before is None:
        text += after or "–"
    else:
        text += f"~{before}~ → {after or 'nothing'}" if not row["block"] else f"{before}\n→\n{after or 'nothing'}"
    return text, len(text) <= SECTION


def _diff(row: Mapping[str, Any]) -> tuple[str, bool]:
    """A diff, and whether it is all of it: where it does not fit, its files."""
    head = f"*{escape(row['label'])}* {escape(counted(row['diff']))}\n"
    text = head + "```" + escape(row["after"].replace("```", "ˋˋˋ").strip("\n")) + "```"
    if len(text) <= SECTION:
        return text, True
    files = [f"• {escape(one['path'])} +{one['added']} −{one['removed']}" for one in row["diff"]["files"]]
    return cut(head + "\n".join(files), SECTION), False


def _quoted(text: str) -> str:
    return "\n".join(f">{line}" for line in text.splitlines())


def _listed(reasons: Any) -> str:
    return f" – {escape('; '.join(reasons))}" if reasons else ""


def _source(one: Mapping[str, Any]) -> str:
    named = link(one["url"], one["title"]) if one["url"] else escape(one["title"])
    return named + (f": “{escape(cut(one['excerpt'], 300))}”" if one["quoted"] else "")


def _outcome(ask: Mapping[str, Any], state: str) -> str:
    by = f" by {escape(str(ask['by']))}" if ask.get("by") and state in ("approved", "rejected", "withdrawn") else ""
    changed = "; other arguments were given, which are asked about anew" if ask.get("edited") else ""
    return f"{_SETTLED.get(state, escape(state))}{by}{changed}."


def _buttons(drawn: Mapping[str, Any], home: str, whole: bool, together: Sequence[Mapping[str, Any]]) -> Block:
    value = {"id": drawn["id"], "digest": drawn["digest"]}
    approve, reject = _button("Approve", APPROVE, value), _button("Reject", REJECT, value)
    approve["style"], reject["style"] = "primary", "danger"
    seen = {"type": "button", "action_id": "deus_open", "text": {"type": "plain_text", "text": "Open in Deus"}}
    # Slack's blocks refuse what is no address on the web.
    seen["url"] = f"{home}/approvals#{drawn['id']}"
    edit = [_button("Edit", EDIT, value)] if str(drawn["verb"]) in verbs(Write) else []
    return {"type": "actions", "elements": [*([approve] if whole else []), *_all(together), *edit, reject, seen]}


def _all(together: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The button that approves all of them, each by its digest; none where they do not fit into its value."""
    value = {str(one["id"]): str(one["digest"]) for one in together}
    if len(value) < 2 or len(_packed(value)) > BUTTON:
        return []
    button = _button(f"Approve all {len(value)}", APPROVE_ALL, value)
    titles = "\n".join(f"• {one['title']}" for one in together)
    button["confirm"] = {
        "title": {"type": "plain_text", "text": f"Approve all {len(value)}?"},
        "text": {"type": "plain_text", "text": cut(titles, CONFIRM)},
        "confirm": {"type": "plain_text", "text": f"Approve all {len(value)}"},
        "deny": {"type": "plain_text", "text": "Not yet"},
    }
    return [button]


def _button(words: str, action: str, value: Mapping[str, str]) -> Block:
    text = _packed(value)
    assert len(text) <= BUTTON, "a button's value is too long for Slack"
    return {"type": "button", "action_id": action, "text": {"type": "plain_text", "text": words}, "value": text}


def _packed(value: Mapping[str, str]) -> str:
    return json.dumps(value, separators=(",", ":"))
