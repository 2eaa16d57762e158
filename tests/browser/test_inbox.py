"""The inbox in a browser, beside the chat of whoever asks: read along, take over, answer, hand back."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Server, Visit, visitor

QUESTION = "What's blocking the auth milestone?"
LONG = 60_000


def asked(visit: Visit) -> str:
    """Asks in the chat; the conversation's id."""
    visit.sign_in()
    visit.page.locator("#starters").wait_for()
    visit.ask(QUESTION)
    visit.page.locator(".deus-plan").wait_for(timeout=LONG)
    visit.answered()
    return visit.page.url.rpartition("/")[2]


def opened(visit: Visit, conversation: str, query: str = "") -> Page:
    page = visit.context.new_page()
    page.on("pageerror", lambda error: visit.errors.append(str(error)))
    page.goto(f"{visit.server.url}/inbox{query}")
    page.locator(f"#talks a[data-conversation='{conversation}']").click()
    expect(page.locator("#runs article.deus").last).to_contain_text("of the auth milestone", timeout=LONG)
    return page


def test_a_person_takes_over_beside_the_chat_and_hands_back(visit: Visit) -> None:
    conversation = asked(visit)
    chat, inbox = visit.page, opened(visit, conversation, "?channel=web")
    expect(inbox).to_have_url(re.compile(f"channel=web&conversation={conversation}"))
    inbox.locator("summary", has_text="steps done").last.click()
    expect(inbox.locator(".steps li[data-state=done]").first).to_be_visible()
    assert inbox.locator("#runs .words a[href^=http]").count() >= 3
    # Taken over and written by keyboard alone; the chat shows it without a reload.
    inbox.get_by_role("button", name="Take over").focus()
    inbox.keyboard.press("Enter")
    expect(inbox.locator("#words")).to_be_focused()
    inbox.keyboard.type("I ask Mateo **today**.")
    inbox.keyboard.press("Control+Enter")
    expect(inbox.locator("#runs article.person strong").last).to_have_text("today")
    expect(inbox.locator("#told")).to_contain_text("founder: I ask Mateo")
    expect(chat.get_by_text("founder has taken over this conversation.")).to_be_visible()
    expect(chat.get_by_text("I ask Mateo today.")).to_be_visible()
    # What is said meanwhile is answered by nobody but the person.
    visit.ask("Thank you!")
    expect(chat.get_by_text("founder has this conversation.")).to_be_visible()
    expect(inbox.locator("#runs article.turn").last).to_contain_text("Thank you!")
    expect(chat.locator(".deus-plan")).to_have_count(1)
    chat.reload()
    expect(chat.get_by_text("I ask Mateo today.")).to_be_visible(timeout=LONG)
    expect(chat.get_by_text("founder has taken over this conversation.")).to_have_count(1)
    inbox.get_by_role("button", name="Hand back to Deus").click()
    expect(inbox.locator("#standing")).to_have_text("Deus answers")
    visit.ask(QUESTION)
    expect(chat.locator(".deus-plan")).to_have_count(2, timeout=LONG)
    visit.answered()
    expect(inbox.locator("#runs article.deus").last).to_contain_text("of the auth milestone", timeout=LONG)


def test_on_a_phone_one_thing_is_shown_at_a_time(chromium: Browser, demo: Server, visit: Visit) -> None:
    conversation = asked(visit)
    guest = visitor(chromium, demo, phone=True, dark=True)
    guest.sign_in()
    guest.page.locator("#starters").wait_for()
    page = opened(guest, conversation)
    expect(page.locator("#side")).to_be_hidden()
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
    page.locator("#all").click()
    expect(page.locator("#talk")).to_be_hidden()
    first = page.locator("#talks a").first
    first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    expect(first).to_be_focused()
    page.locator("select[name=state]").select_option("closed")
    expect(page).to_have_url(re.compile("state=closed"))
    expect(page.get_by_text("No conversation is like that.")).to_be_visible()
    assert (guest.foreign, guest.errors) == ([], [])
    guest.context.close()
