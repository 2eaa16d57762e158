"""The whole product on the demo company, as a founder meets it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Server, Visit, visitor

QUESTION = "Why did signups drop 20% last week?"


def test_a_founder_asks_and_gets_steps_a_chart_and_evidence(visit: Visit) -> None:
    visit.sign_in()
    page = visit.page
    page.locator("[id^=starter-]", has_text=QUESTION).click()
    page.locator(".deus-plan").wait_for()
    visit.answered()
    expect(page.locator(".deus-plan")).to_have_attribute("data-status", "answered")
    expect(page.locator("[data-sidebar=sidebar]").get_by_text(QUESTION)).to_have_count(1)
    page.locator(".deus-plan-head").click()
    assert page.locator(".deus-steps li[data-state=done]").count() >= 3
    assert page.locator(".deus-step-services").get_by_text("PostHog").count() >= 1
    expect(page.locator(".deus-chart .deus-onset")).to_have_count(1)
    assert page.locator(".deus-chart .deus-line").count() >= 2
    page.locator('.ai-message a[href*="#evidence/"]').first.click()
    panel = page.locator(".deus-evidence")
    expect(panel.get_by_text("What was asked")).to_be_visible()
    expect(panel.get_by_text("What came back")).to_be_visible()


def test_a_reload_right_after_the_question_still_ends_in_the_answer(visit: Visit) -> None:
    visit.sign_in()
    page = visit.page
    page.locator("[id^=starter-]", has_text=QUESTION).click()
    page.locator(".deus-plan").wait_for()
    page.reload()
    visit.answered()
    expect(page.locator(".ai-message")).to_have_count(1)
    expect(page.locator(".deus-sources")).to_be_visible()


def test_a_follow_up_stays_in_the_conversation_and_history_survives_a_restart(visit: Visit, demo: Server) -> None:
    visit.sign_in()
    page = visit.page
    page.locator("[id^=starter-]", has_text=QUESTION).click()
    page.locator(".deus-plan").wait_for()
    visit.answered()
    address = page.url
    visit.ask("and for mobile?")
    expect(page.locator(".deus-plan")).to_have_count(2, timeout=30_000)
    visit.answered()
    assert page.url == address
    said = page.locator(".ai-message").last.locator("[role=article]").first.inner_text()
    demo.stop()
    demo.start()
    page.goto(demo.url)
    page.locator(f'[data-sidebar=sidebar] a[href="{urlsplit(address).path}"]').click()
    expect(page.locator(".deus-plan")).to_have_count(2, timeout=30_000)
    expect(page.locator(".ai-message").last.locator("[role=article]").first).to_have_text(said)


def test_a_question_that_is_not_understood_is_answered_with_what_can_be_asked(visit: Visit) -> None:
    visit.sign_in()
    page = visit.page
    page.locator("#starters").wait_for()
    visit.ask("What should I cook for dinner tonight?")
    page.locator(".deus-plan").wait_for()
    visit.answered()
    assert len(page.locator(".ai-message").last.inner_text()) > 40


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_phone_shows_everything_within_its_width(chromium: Browser, demo: Server, dark: bool) -> None:
    guest = visitor(chromium, demo, phone=True, dark=dark)
    guest.sign_in()
    page = guest.page
    page.locator("[id^=starter-]", has_text=QUESTION).click()
    page.locator(".deus-plan").wait_for()
    guest.answered()
    expect(page).to_have_url(re.compile("/thread/"))
    page.locator(".deus-sources").wait_for()
    wide = page.evaluate(
        "() => [...document.querySelectorAll('.deus-card, .deus-source, .message-content')]"
        ".filter((e) => e.getBoundingClientRect().right > innerWidth + 1).length"
    )
    assert wide == 0
    assert page.evaluate("() => document.documentElement.classList.contains('dark')") is dark
    page.locator('a[href*="#evidence/"]').first.click()
    expect(page.locator(".deus-evidence")).to_be_visible()
    assert guest.foreign == []
    assert guest.errors == []
    guest.context.close()
