"""The page that a person sees who follows a citation into the demo company."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from starlette.responses import HTMLResponse

_STYLE = """
:root { color-scheme: light dark;
  --ink: #1d2330; --soft: #667085; --line: #e4e7ec; --paper: #fff; --card: #f8f9fb; --link: #3349d1 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8eaf0; --soft: #98a2b3; --line: #2c3240; --paper: #12151c; --card: #1a1e28; --link: #9db0ff }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif }
main { max-width: 46rem; margin: 0 auto; padding: 2rem 1.25rem 4rem }
header { color: var(--soft); font-size: .85rem; display: flex; justify-content: space-between; gap: 1rem }
h1 { font-size: 1.5rem; line-height: 1.3; margin: 1rem 0; overflow-wrap: anywhere }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1.25rem; padding: 1rem; margin: 0 0 1.5rem;
     background: var(--card); border: 1px solid var(--line); border-radius: 10px }
dt { color: var(--soft) }
dd { margin: 0; overflow-wrap: anywhere }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; margin: 0 }
a { color: var(--link) }
ul { padding-left: 1.1rem }
""".strip()


def page(title: str, service: str, facts: Sequence[tuple[str, str]], body: str) -> HTMLResponse:
    """One record as plain HTML: its title, its facts as a list of pairs, its body as text. Everything is escaped."""
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts if value)
    listed = f"<dl>{rows}</dl>" if rows else ""
    text = f"<pre>{escape(body)}</pre>" if body else ""
    return _html(title, service, f"<h1>{escape(title)}</h1>{listed}{text}")


def index(company: str, services: Sequence[tuple[str, Sequence[tuple[str, str]]]]) -> HTMLResponse:
    """What the demo company shows, by service: (service, [(words, URL)])."""
    parts = [f"<h1>{escape(company)}</h1><p>What the tools of this demo company show.</p>"]
    for service, records in services:
        items = "".join(f'<li><a href="{escape(url)}">{escape(words)}</a></li>' for words, url in records)
        parts.append(f"<h2>{escape(service)}</h2><ul>{items}</ul>")
    return _html(company, "all services", "".join(parts))


def _html(title: str, service: str, content: str) -> HTMLResponse:
    return HTMLResponse(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>"
        f"<header><span>{escape(service)}</span><span>demo company</span></header>{content}</main></body></html>"
    )
