"""/inbox as a page of its own: its frame; what stands in it is brought by its script. Pure."""

from __future__ import annotations

from functools import cache
from html import escape
from pathlib import Path

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
CHANNELS = {"web": "Web", "slack": "Slack", "teams": "Teams", "widget": "Widget", "api": "API", "cli": "Terminal"}
STATES = {"open": "Deus answers", "waiting": "Wants a person", "taken": "A person has it", "closed": "Closed"}
ASSETS = {"inbox.js": "text/javascript", "inbox.css": "text/css"}
_PUBLIC = Path(__file__).parents[1] / "public"


def inbox_page(actor: str, *, may_take: bool) -> str:
    """The page for somebody; the buttons are there for those who `may_take` conversations over."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Inbox · Deus</title>'
        '<link rel="icon" href="/public/favicon.svg"><link rel="stylesheet" href="/inbox/inbox.css">'
        '<script src="/inbox/inbox.js" defer></script></head>'
        f'<body data-me="{escape(actor)}" data-may="{"yes" if may_take else "no"}">'
        '<header><h1>Inbox</h1><p><a href="/">Back to the chat</a> · <a href="/approvals">Approvals</a> · '
        f"signed in as {escape(actor)}</p></header>{_filters()}"
        '<div class="panes"><nav id="side" aria-label="Conversations">'
        "<noscript><p>The inbox needs JavaScript. <code>deus inbox</code> lists the same in a terminal.</p></noscript>"
        '<p id="lost" role="alert" hidden></p><ul id="talks"></ul><p id="none" hidden>No conversation is like that.</p>'
        f'</nav><p id="empty">Choose a conversation to read along.</p>{_talk()}</div>'
        '<div id="told" class="unseen" aria-live="polite"></div></body></html>'
    )


@cache
def asset(name: str) -> bytes:
    """A file that the page loads. Raises LookupError for another."""
    if name not in ASSETS:
        raise LookupError(f"The inbox has no {name}.")
    return (_PUBLIC / name).read_bytes()


def _filters() -> str:
    return (
        '<form id="filters" role="search" aria-label="Which conversations">'
        f"{_select('channel', 'Channel', 'Every channel', CHANNELS)}{_select('state', 'State', 'Every state', STATES)}"
        f"{_select('person', 'Person', 'Everybody', {})}</form>"
    )


def _select(name: str, label: str, every: str, options: dict[str, str]) -> str:
    shown = "".join(f'<option value="{value}">{words}</option>' for value, words in options.items())
    return f'<label>{label} <select name="{name}"><option value="">{every}</option>{shown}</select></label>'


def _talk() -> str:
    return (
        '<main id="talk" aria-labelledby="title" hidden><div id="head"><div><a id="all" href="/inbox">← All</a>'
        '<h2 id="title" tabindex="-1"></h2><p class="soft"><span id="about"></span> <b id="standing" class="chip"></b>'
        '</p><p id="why" class="soft" hidden></p></div><div class="buttons">'
        '<button type="button" id="take" class="yes" hidden>Take over</button>'
        '<button type="button" id="back" hidden>Hand back to Deus</button>'
        '<button type="button" id="close" hidden>Close</button></div></div>'
        '<ol id="runs" role="log" aria-live="off" aria-label="What was said" tabindex="0"></ol>'
        '<div id="foot"><p id="trouble" role="alert" hidden></p><p id="reading" class="soft"></p>'
        '<form id="writing" hidden><label for="words">You write in the place of Deus, in the same channel. '
        "Ctrl+Enter sends.</label>"
        '<textarea id="words" rows="3" maxlength="8000" required></textarea>'
        '<button id="send" class="yes">Send</button></form></div></main>'
    )
