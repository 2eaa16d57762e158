"""The demo company's Slack in Chromium, with no settings: asked, changed by a form, approved by a button, undone."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Server

SLOW = 90_000


@pytest.fixture
def page(chromium: Browser, demo: Server) -> Iterator[Page]:
    page = chromium.new_page()
    page.set_default_timeout(SLOW)
    page.goto(f"{demo.site}/slack/posted")
    yield page
    page.close()


def say(page: Page, text: str) -> None:
    page.fill("#words", text)
    page.press("#words", "Enter")


def test_a_question_is_answered_with_its_plan_its_sources_and_its_chart(page: Page) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    say(page, "Why did signups drop 20% last week?")
    expect(page.locator(".plan li").first).to_be_visible(timeout=SLOW)
    thread = page.locator("section", has_text="Why did signups drop 20% last week?")
    expect(thread.locator("figure img")).to_be_visible(timeout=SLOW)
    assert "the change" in (thread.locator("figure img").get_attribute("alt") or "")
    assert page.evaluate("document.querySelector('figure img').naturalWidth") > 1000
    assert thread.locator(".markdown a[href^='http']").count() > 1
    expect(thread.get_by_text("Open in Deus")).to_be_visible()
    thread.locator("[data-reply]").click()
    say(page, "Which customers are affected?")
    expect(thread.get_by_text("Open in Deus")).to_have_count(2, timeout=SLOW)
    assert errors == []


def test_a_write_is_changed_by_a_form_approved_by_a_button_and_taken_back(page: Page) -> None:
    page.on("dialog", lambda asked: asked.accept())
    say(page, "Create an issue for the crooked footer")
    thread = page.locator("section", has_text="Create an issue for the crooked footer")
    thread.get_by_role("button", name="Edit").click()
    form = page.locator("dialog form")
    form.get_by_label("title").fill(" ")
    form.get_by_role("button", name="Ask anew").click()
    expect(form.get_by_role("alert").filter(has_text="This has to be filled in.")).to_be_visible()
    form.get_by_label("title").fill("The footer is crooked on every page")
    form.get_by_role("button", name="Ask anew").click()
    expect(page.locator("dialog")).to_be_hidden()
    anew = thread.locator("article", has_text="The footer is crooked on every page")
    anew.get_by_role("button", name="Approve").click()
    thread.get_by_role("button", name="Undo").click()
    expect(thread.get_by_text("Taken back by", exact=False).last).to_be_visible(timeout=SLOW)
    expect(thread.get_by_role("button", name="Undo")).to_have_count(0)


def test_nobody_else_s_page_may_press_a_button(page: Page, demo: Server) -> None:
    # A page of the other host that goes nowhere by itself.
    page.goto(f"{demo.url}/api/health")
    sent = json.dumps({"user": "U1", "channel": "D1", "ts": "1"})
    tried = (
        "async ([url, body]) => { try { return (await fetch(url, {method: 'POST', body, headers:"
        " {'Content-Type': 'application/json'}})).status } catch (error) { return 'refused' } }"
    )
    assert page.evaluate(tried, [f"{demo.site}/slack/page/press", sent]) == "refused"
