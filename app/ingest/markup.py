"""HTML and Markdown → title and text."""

from __future__ import annotations

import re
import warnings

from app.ingest.plain import tidy

_TITLE = re.compile(r"^#\s+(.+?)\s*#*\s*$", re.MULTILINE)
_FRONT = re.compile(r"\A---\n.*?^title:\s*[\"']?(.+?)[\"']?\s*$.*?^---\s*$", re.MULTILINE | re.DOTALL)
_BLANKS = re.compile(r"\n\s*\n+")
SILENT = ("script", "style", "noscript", "template", "svg", "iframe", "object", "nav", "head")
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
BLOCKS = ("p", "div", "li", "tr", "pre", "blockquote", "section", "article", "br", "dt", "dd", "table", "ul", "ol")


def markdown_title(text: str) -> str:
    """The title in the front matter, else the first top heading; empty if there is neither."""
    found = _FRONT.search(text[:4000]) or _TITLE.search(text[:20_000])
    return found[1].strip() if found else ""


def html_text(page: str) -> tuple[str, str]:
    """The title and the words of a page; headings become Markdown's, scripts and navigation are dropped."""
    from bs4 import BeautifulSoup, MarkupResemblesLocatorWarning, XMLParsedAsHTMLWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MarkupResemblesLocatorWarning)
        warnings.simplefilter("ignore", XMLParsedAsHTMLWarning)
        soup = BeautifulSoup(page, "html.parser")
    title = soup.title.get_text(" ", strip=True) if soup.title else ""
    for tag in soup.find_all(SILENT):
        tag.decompose()
    for tag in soup.find_all(HEADINGS):
        words = tag.get_text(" ", strip=True)
        tag.replace_with(f"\n\n{'#' * int(tag.name[1])} {words}\n\n" if words else "")
    for tag in soup.find_all(BLOCKS):
        tag.insert_before("\n")
        tag.insert_after("\n")
    lines = (" ".join(line.split()) for line in soup.get_text().splitlines())
    return title, tidy(_BLANKS.sub("\n\n", "\n".join(lines)).strip())
