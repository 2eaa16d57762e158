"""Words from outside stay words: nothing that an issue, a message or a patch says can be clicked or loaded."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.answer_format import code, environment, fenced, link, plain
from agents.proof_mentions import unsafe

AT = datetime(2026, 11, 18, 15, tzinfo=UTC)
HOSTILE = [
    "![x](http://evil.test/?q=)",
    "<img src=http://evil.test/x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "[click](javascript:alert(1))",
    "[click]: http://evil.test",
    "<http://evil.test>",
    "http://evil.test/?q=1 and https://evil.test and www.evil.test and mail@evil.test",
    "```\n![x](http://evil.test)\n```",
    "`](http://evil.test)`",
    "\\[click\\](http://evil.test) \\\\[a](http://evil.test)",
    "| a | b |\n|---|---|",
    "~~gone~~ **bold** _soft_",
    "line\n\n# Heading\n- item",
]
# What Markdown with GitHub's additions makes a link or an image of, unless a backslash stands before it.
_LINKS = re.compile(r"(?<!\\)(?:\\\\)*(?:!?\[[^\]]*(?<!\\)\]|<[a-zA-Z/!])|https?://|ftp://|www\.|\w@\w", re.IGNORECASE)


@pytest.mark.parametrize("text", HOSTILE)
def test_words_from_outside_are_neither_link_nor_image_nor_markup(text: str) -> None:
    shown = plain(text)
    assert "\n" not in shown
    assert not _LINKS.search(shown)
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_<>|~]", shown)
    assert unsafe(shown) == ""


@given(st.text(alphabet="`[]()<>!\\*_~|: /.@htpsw\n", max_size=60))
def test_no_words_become_markup(text: str) -> None:
    assert not _LINKS.search(plain(text))


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "//evil.test", "/etc", "", "HTTP//x", "http:///"]
)
def test_a_record_that_lies_at_no_web_address_gets_no_link(url: str) -> None:
    assert link(url) == ""


def test_an_address_cannot_end_its_link_early() -> None:
    assert link("https://a.test/x) [y](http://evil.test") == "https://a.test/x%29%20%5By%5D%28http://evil.test"
    assert link("https://a.test/a_b?q=1&r=%20#f") == "https://a.test/a_b?q=1&r=%20#f"


@given(st.text(alphabet="`~\n x@+-", max_size=80))
def test_nothing_in_a_patch_ends_its_block(patch: str) -> None:
    lines = fenced(patch, "diff").split("\n")
    fence = lines[-1]
    assert lines[0] == f"{fence}diff"
    assert not any(re.match(rf" {{0,3}}`{{{len(fence)},}}\s*$", line) for line in lines[1:-1])


def test_a_code_span_is_one_span() -> None:
    assert code("a`b`\n![x](http://evil.test)").count("`") == 2


def test_a_template_that_forgets_to_make_words_plain_is_caught_by_the_gate() -> None:
    words = environment(ZoneInfo("UTC"), AT).from_string("- {{ title }}").render(title="![x](http://evil.test/?q=)")
    assert unsafe(words)
