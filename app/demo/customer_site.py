"""The page that the demo company's customers see, with the widget in it, and its public help pages."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from html import escape
from importlib import resources
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from app.channels.widget_token import signed
from app.demo.company import Company

PATH = "/site"
HELP = f"{PATH}/help"
_STYLE = """
:root { color-scheme: light dark; --ink: #17211d; --soft: #5c6b64; --paper: #fbfdfc; --card: #fff; --line: #dde6e1;
  --green: #0b6e4f }
@media (prefers-color-scheme: dark) { :root { --ink: #e9f1ed; --soft: #9db0a7; --paper: #0f1512; --card: #17201b;
  --line: #2a3730; --green: #5fd3a8 } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 17px/1.6 system-ui, sans-serif }
main, nav { max-width: 60rem; margin: 0 auto; padding: 1.5rem }
nav { display: flex; gap: 1.5rem; align-items: baseline; flex-wrap: wrap }
nav strong { font-size: 1.2rem; margin-right: auto }
a { color: var(--green) }
h1 { font-size: clamp(1.8rem, 5vw, 2.8rem); line-height: 1.15; margin: 2rem 0 1rem }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: 1rem; margin-top: 2rem }
.cards div { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1rem 1.2rem }
.soft { color: var(--soft) }
""".strip()


def pages() -> Path:
    """The folder of the public help pages, as Markdown."""
    return Path(str(resources.files("app.demo").joinpath("customer_site", "help")))


def theme() -> Path:
    """The widget's theme."""
    return pages().parent / "theme.json"


def widget_settings(base: str, secret: str) -> dict[str, str]:
    """The environment of a product whose widget the company's page at `base` shows, and may sign people in to."""
    return {
        "DEUS_WIDGET_ORIGINS": f"{base},{base.replace('127.0.0.1', 'localhost')}",
        "DEUS_WIDGET_SECRET": secret,
        "DEUS_WIDGET_THEME": str(theme()),
        "DEUS_WIDGET_DOCUMENTS": str(pages()),
        "DEUS_WIDGET_DOCUMENTS_URL": f"{base}{HELP}",
    }


def routes(company: Company, deus: str, secret: str) -> Sequence[BaseRoute]:
    """The company's page and help pages. `?as=cust-1` signs a customer of the world in, as a real page would."""
    name = company.facts.name

    async def front(request: Request) -> Response:
        customer = company.get(request.query_params.get("as", ""))
        user = _user(customer.id, str(customer["name"]), str(customer["email"]), secret) if customer else None
        who = f"Signed in as {escape(str(customer['name']))}" if customer else "Not signed in"
        others = "".join(
            f' · <a href="{PATH}?as={escape(one.id)}">{escape(str(one["name"]))}</a>'
            for one in company.of_kind("customer")[:2]
        )
        content = (
            f"<h1>Reports that your clients read</h1><p>Ask in the corner below: it answers from "
            f'<a href="{HELP}">{escape(name)}’s help pages</a>, and asks a person for you.</p>'
            f'<p class="soft">{who}. Be <a href="{PATH}">a guest</a>{others}.</p>'
            '<div class="cards"><div><b>Try</b><br>I can’t export my reports since this morning</div>'
            "<div><b>Try</b><br>How do I cancel my subscription?</div>"
            "<div><b>Try</b><br>What is the meaning of life?</div></div>"
        )
        return _page(name, name, content, deus, user)

    async def index(request: Request) -> Response:
        listed = "".join(
            f'<li><a href="{HELP}/{path.stem}">{escape(_title(path.read_text(encoding="utf-8")))}</a></li>'
            for path in sorted(pages().glob("*.md"))
        )
        return _page(f"{name} help", name, f"<h1>Help</h1><ul>{listed}</ul>", deus)

    async def article(request: Request) -> Response:
        path = pages() / f"{request.path_params['page']}.md"
        if path not in set(pages().glob("*.md")):
            return PlainTextResponse("There is no such page.", 404)
        text = path.read_text(encoding="utf-8")
        return _page(_title(text), name, _html(text), deus)

    return [Route(PATH, front), Route(HELP, index), Route(f"{HELP}/{{page}}", article)]


def _user(ident: str, name: str, email: str, secret: str) -> dict[str, object]:
    """What the company's own server says of who is signed in."""
    fields: dict[str, object] = {"id": ident, "email": email, "name": name, "at": int(time.time())}
    return {**fields, "hmac": signed(fields, secret)}


def _page(title: str, company: str, content: str, deus: str, user: dict[str, object] | None = None) -> Response:
    data = f" data-user='{escape(json.dumps(user))}'" if user else ""
    return HTMLResponse(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        f'<nav><strong>{escape(company)}</strong><a href="{PATH}">Home</a><a href="{HELP}">Help</a></nav>'
        f'<main>{content}</main><script src="{escape(deus)}/widget.js"{data} async></script></body></html>'
    )


def _title(text: str) -> str:
    return text.split("\n", 1)[0].removeprefix("# ").strip()


def _html(text: str) -> str:
    """The little Markdown that the help pages use."""
    parts = []
    for block in re.split(r"\n{2,}", text.strip()):
        lines = [re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", escape(line)) for line in block.splitlines()]
        head = re.match(r"(#+) (.*)", lines[0])
        if head:
            parts.append(f"<h{len(head[1])}>{head[2]}</h{len(head[1])}>")
        elif all(re.match(r"(?:-|\d+\.) ", line) for line in lines):
            kind = "ul" if lines[0].startswith("-") else "ol"
            items = "".join(f"<li>{line.split(' ', 1)[1]}</li>" for line in lines)
            parts.append(f"<{kind}>{items}</{kind}>")
        else:
            parts.append(f"<p>{' '.join(lines)}</p>")
    return "".join(parts)
