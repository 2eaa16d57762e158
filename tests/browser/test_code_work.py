"""Code work in the chat: what the agent does as it does it, stop, the diff, the tests, and text of a stranger's."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Server, Visit, visitor

GOAL = "Fix the auth bug from Sentry"


@pytest.fixture
def visit(chromium: Browser, scripted: Server) -> Iterator[Visit]:
    yield from visiting(chromium, scripted, night=False)


@pytest.fixture
def phone(chromium: Browser, scripted: Server) -> Iterator[Visit]:
    yield from visiting(chromium, scripted, night=True)


def visiting(chromium: Browser, scripted: Server, *, night: bool) -> Iterator[Visit]:
    """Somebody at a desk by day, or with a phone by night."""
    guest = visitor(chromium, scripted, phone=night, dark=night)
    yield guest
    assert guest.foreign == []
    assert guest.errors == []
    guest.context.close()


def test_calls_show_what_they_write_and_a_reload_shows_how_they_ended(visit: Visit) -> None:
    visit.sign_in()
    page = visit.page
    visit.ask(GOAL)
    live = page.locator(".deus-out.live:visible")
    expect(live).to_contain_text("test session starts")
    expect(live).to_contain_text("tests/test_session.py ..F....")
    page.reload()
    work = page.locator(".deus-work").last
    expect(work).to_have_attribute("aria-label", re.compile("Mend it and prove the fix"))
    expect(work.locator(".deus-calls > li").nth(3)).to_contain_text("1 failed, 6 passed")
    visit.answered()
    expect(page.locator(".deus-work-foot").last).to_contain_text("$0.42")
    expect(page.locator(".deus-out.live")).to_have_count(0)
    page.reload()
    visit.answered()
    heads = page.locator(".deus-work-toggle")
    expect(heads).to_have_count(2)
    heads.last.press("Enter")
    red = page.locator(".deus-work").last.locator("button.deus-call", has_text="1 failed, 6 passed")
    red.press("Enter")
    expect(red).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_label("Output of test")).to_contain_text("KeyError: None")


def test_stop_stops_the_run_from_its_own_button(visit: Visit) -> None:
    visit.sign_in()
    page = visit.page
    visit.ask(GOAL)
    page.locator(".deus-out.live:visible").wait_for()
    page.get_by_role("button", name="Stop the run").click()
    expect(page.locator(".deus-plan")).to_have_attribute("data-status", "stopped")
    expect(page.get_by_role("button", name="Stop the run")).to_have_count(0)
    page.locator(".deus-work-toggle").last.click()
    expect(page.locator(".deus-calls > li").last).to_have_attribute("data-state", "cut")
    page.reload()
    expect(page.get_by_text("Stopped before the answer was ready")).to_be_visible()


def test_the_diff_opens_and_closes_and_the_tests_tell_their_verdict(visit: Visit) -> None:
    visit.sign_in()
    page = visit.page
    visit.ask("Fix it badly")
    visit.answered()
    badge = page.locator(".deus-verdict")
    expect(badge).to_have_text("Refuted")
    expect(page.get_by_text("do not trust the claim")).to_be_visible()
    first = page.locator(".deus-file").first
    expect(first.locator(".removed", has_text="partitioned=True")).to_be_visible()
    expect(first.locator(".added")).to_have_count(6)
    expect(first.locator(".ink-keyword", has_text="return").first).to_be_visible()
    first.locator("summary").press("Enter")
    expect(first.locator("table")).to_have_count(0)
    with visit.context.expect_page() as opened:
        page.locator(".deus-patch").get_by_role("link", name="All of it").click()
    expect(opened.value.locator(".verdict")).to_have_text(re.compile("Refuted"))
    expect(opened.value.locator("details.file")).to_have_count(2)


WIDER = """() => [...document.querySelectorAll('.deus-work, .deus-patch, .deus-tests')]
  .filter((one) => one.getBoundingClientRect().right > innerWidth + 1).length"""


def test_nothing_is_wider_than_a_phone(phone: Visit) -> None:
    phone.sign_in()
    phone.ask("Fix it badly")
    phone.answered()
    phone.page.locator(".deus-patch").wait_for()
    assert phone.page.evaluate(WIDER) == 0
    assert phone.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth") is True
    assert phone.page.locator(".deus-lines .hunk code").first.is_visible()


def test_what_a_stranger_wrote_is_words_on_the_page_and_nothing_else(visit: Visit) -> None:
    visit.sign_in()
    page = visit.page
    visit.ask("Run what a stranger wrote")
    visit.answered()
    expect(page.get_by_role("button", name="Stop the run")).to_have_count(0)
    toggle = page.locator(".deus-work-toggle")
    expect(toggle).to_have_attribute("aria-expanded", "false")
    toggle.click()
    page.locator("button.deus-call").first.click()
    page.locator(".deus-out").first.wait_for()
    expect(page.locator(".deus-patch").first).to_contain_text("⟨U+202E⟩")
    said = page.evaluate("() => document.querySelector('.ai-message').innerText")
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f]", said)
    assert page.locator(".ai-message script, .ai-message img[src=x]").count() == 0
    links = page.locator(".ai-message").evaluate(
        "(all) => [...all.querySelectorAll('a, img')].map((one) => one.href || one.src)"
    )
    assert all(link.startswith(visit.server.url) for link in links)
