"""The chat over slow scripted runs: what happens in the middle of one."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Server, Visit, visitor

QUESTION = "Why did signups drop 20% last week?"


@pytest.fixture
def visit(chromium: Browser, scripted: Server) -> Iterator[Visit]:
    guest = visitor(chromium, scripted)
    yield guest
    assert guest.foreign == []
    assert guest.errors == []
    guest.context.close()


def test_a_wrong_password_is_refused_with_what_helps(visit: Visit) -> None:
    visit.sign_in("wrong")
    expect(visit.page.get_by_text("That name and password do not fit")).to_be_visible()
    assert visit.page.locator("#starters").count() == 0


def test_steps_stream_and_a_reload_in_the_middle_shows_progress_and_then_the_result(visit: Visit) -> None:
    visit.sign_in()
    page = visit.page
    page.locator("[id^=starter-]", has_text=QUESTION).click()
    expect(page.locator(".deus-steps li[data-state=running]")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"/thread/[0-9a-f-]{36}$"))
    page.locator(".deus-steps li[data-state=done]").nth(1).wait_for()
    page.reload()
    expect(page.locator(".deus-plan")).to_have_attribute("data-status", "running")
    # The plan's box is on the page a moment before its lines are; with the first of them all that ended is there.
    page.locator(".deus-steps li").first.wait_for()
    page.locator(".deus-steps li[data-state=done]").nth(1).wait_for()
    visit.answered()
    expect(page.locator(".ai-message").get_by_text("Yes: signups fell by 21%")).to_have_count(1)
    expect(page.locator("[data-step-type=user_message]")).to_have_count(1)
    expect(page.locator(".deus-chart svg")).to_have_attribute("aria-label", re.compile("Safari alone fell"))


def test_text_streams_before_it_is_whole(visit: Visit) -> None:
    visit.sign_in()
    visit.page.locator("[id^=starter-]", has_text=QUESTION).click()
    visit.page.locator(".ai-message").get_by_text("Yes: signups fell by 21%").wait_for()
    expect(visit.page.locator(".deus-plan")).to_have_attribute("data-status", "running")
    visit.answered()


def test_stop_ends_the_run_and_says_so_for_good(visit: Visit) -> None:
    visit.sign_in()
    page = visit.page
    page.locator("[id^=starter-]", has_text=QUESTION).click()
    page.locator(".deus-steps li[data-state=running]").first.wait_for()
    page.click("#stop-button")
    expect(page.locator(".deus-plan")).to_have_attribute("data-status", "stopped")
    page.reload()
    expect(page.get_by_text("Stopped before the answer was ready")).to_be_visible()
    expect(page.locator(".ai-message")).to_have_count(1)


def test_a_lost_connection_heals_by_itself(visit: Visit) -> None:
    visit.sign_in()
    page = visit.page
    page.locator("[id^=starter-]", has_text=QUESTION).click()
    page.locator(".deus-steps li[data-state=done]").first.wait_for()
    visit.context.set_offline(True)
    page.evaluate("() => window.dispatchEvent(new Event('offline'))")
    visit.context.set_offline(False)
    visit.answered()
    expect(page.locator(".deus-sources")).to_be_visible()
    expect(page.locator("[data-step-type=user_message]")).to_have_count(1)


def test_evidence_is_paged_beside_the_answer(visit: Visit) -> None:
    visit.sign_in()
    page = visit.page
    page.locator("[id^=starter-]", has_text=QUESTION).click()
    visit.answered()
    page.locator('a[href*="#evidence/"]').first.click()
    panel = page.locator(".deus-evidence")
    expect(panel.get_by_text("What was asked")).to_be_visible()
    expect(panel.get_by_text("1–20 of 56")).to_be_visible()
    panel.get_by_role("button", name="Later").click()
    expect(panel.get_by_text("21–40 of 56")).to_be_visible()
    expect(panel.get_by_role("link", name="Open at PostHog")).to_have_attribute("href", re.compile("^http://127"))
    page.locator(".deus-source").nth(4).click()
    expect(panel.get_by_role("heading", name="SessionLost in session.ts")).to_be_visible()


def test_nobody_sees_another_persons_conversation(visit: Visit) -> None:
    visit.sign_in()
    page = visit.page
    page.locator("#starters").wait_for()
    answer = page.request.get(f"{visit.server.url}/project/thread/2f1f6d0c-5f0e-4a3b-9d7e-1c2b3a4d5e6f")
    assert answer.status == 404
    assert page.request.get(f"{visit.server.url}/project/thread/x' OR '1'='1").status == 404
    visit.context.clear_cookies()
    assert (
        page.request.post(f"{visit.server.url}/project/threads", data={"pagination": {"first": 9}, "filter": {}}).status
        == 401
    )
