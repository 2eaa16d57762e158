"""The widget on a page of another origin: ask, stream, cite, reload, keyboard, a person, a ticket, phone and night."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import Server, Visit, visitor

EXPORT = "I can't export my reports since this morning"
PATIENCE = 60_000


@pytest.fixture
def site(chromium: Browser, demo: Server) -> Iterator[Visit]:
    """A customer on the demo company's own page."""
    yield from _visiting(chromium, demo)


@pytest.fixture
def phone(chromium: Browser, demo: Server) -> Iterator[Visit]:
    yield from _visiting(chromium, demo, phone=True, dark=True)


def _visiting(chromium: Browser, demo: Server, *, phone: bool = False, dark: bool = False) -> Iterator[Visit]:
    guest = visitor(chromium, demo, phone=phone, dark=dark)
    page = demo.site
    guest.page.goto(f"{page}/site")
    yield guest
    assert [url for url in guest.foreign if not url.startswith(page)] == []
    assert guest.errors == []
    guest.context.close()


def talk(dialog: Locator) -> Locator:
    """What is seen of the conversation; what is read out lies beside it."""
    return dialog.get_by_role("region", name="Acme Help")


def opened(page: Page) -> Locator:
    page.get_by_role("button", name="Open help").click()
    dialog = page.get_by_role("dialog", name="Acme Help")
    expect(dialog).to_be_visible()
    return dialog


def ask(page: Page, text: str) -> None:
    page.get_by_role("textbox", name="Ask a question").fill(text)
    page.keyboard.press("Enter")


def cited(dialog: Locator) -> Locator:
    return dialog.get_by_role("link", name=re.compile(r"Sources 1: .*Exporting reports"))


def test_an_answer_comes_with_a_public_page_and_is_there_after_a_reload_in_the_middle(site: Visit) -> None:
    page = site.page
    dialog = opened(page)
    expect(talk(dialog).get_by_text("I answer from Acme's help pages")).to_be_visible()
    ask(page, EXPORT)
    # The first message waits until the server is ready.
    expect(talk(dialog).get_by_text(EXPORT)).to_be_visible(timeout=PATIENCE)
    page.reload()
    expect(dialog).to_be_visible()
    expect(cited(dialog)).to_be_visible(timeout=PATIENCE)
    expect(talk(dialog).get_by_text(EXPORT)).to_have_count(1)
    expect(talk(dialog).get_by_text("cannot see from here whether something is broken")).to_have_count(1)
    assert "/site/help/exporting" in str(cited(dialog).get_attribute("href"))
    page.reload()
    expect(cited(dialog)).to_have_count(1)
    # Nothing leads to the open conversation but the page's own storage.
    assert "token" not in page.url


def test_another_tab_sees_the_same_and_both_go_on(site: Visit) -> None:
    page = site.page
    ask_in = opened(page)
    ask(page, "How much does it cost?")
    expect(talk(ask_in).get_by_text("Starter costs")).to_be_visible(timeout=PATIENCE)
    other = site.context.new_page()
    other.goto(page.url)
    there = other.get_by_role("dialog", name="Acme Help")
    expect(talk(there).get_by_text("Starter costs")).to_have_count(1)
    ask(other, "How do I cancel my subscription?")
    for tab in (ask_in, there):
        expect(talk(tab).get_by_text("An admin can cancel")).to_have_count(1, timeout=PATIENCE)
        expect(talk(tab).get_by_text("How do I cancel my subscription?")).to_have_count(1)


def test_it_is_used_with_the_keyboard_alone(site: Visit) -> None:
    page = site.page
    launch = page.get_by_role("button", name="Open help")
    launch.focus()
    expect(launch).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Acme Help")
    text = dialog.get_by_role("textbox", name="Ask a question")
    expect(text).to_be_focused()
    page.keyboard.type("How much does it cost?")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("link", name=re.compile("Sources 1"))).to_be_visible(timeout=PATIENCE)
    expect(text).to_be_focused()
    seen = set()
    for _ in range(14):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.shadowRoot?.activeElement?.textContent?.slice(0, 20) ?? 'OUT'"))
    assert "OUT" not in seen, "Tab left the dialog"
    assert "Talk to a person" in seen
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name="Open help")).to_be_focused()


def test_a_screen_reader_hears_an_answer_once_and_every_control_has_a_name(site: Visit) -> None:
    page = site.page
    dialog = opened(page)
    log = dialog.get_by_role("log")
    expect(log).to_have_attribute("aria-live", "polite")
    page.evaluate(
        """() => { const log = document.querySelector('#help-widget').shadowRoot.querySelector('[role=log]');
        window.heard = []; const note = (node) => window.heard.push(node.textContent);
        new MutationObserver((all) => all.forEach((one) => one.addedNodes.forEach(note)))
        .observe(log, { childList: true, subtree: true, characterData: true }) }"""
    )
    ask(page, EXPORT)
    expect(cited(dialog)).to_be_visible(timeout=PATIENCE)
    heard = page.evaluate("window.heard")
    assert len(heard) == 1, heard
    assert "spam folder" in heard[0]
    nameless = page.evaluate(
        """() => [...document.querySelector('#help-widget').shadowRoot.querySelectorAll('button, a, input, textarea')]
        .filter((one) => !(one.getAttribute('aria-label') || one.labels?.[0]?.textContent || one.textContent).trim())
        .map((one) => one.outerHTML)"""
    )
    assert nameless == []
    assert dialog.get_attribute("aria-modal") == "true"


def test_where_nobody_is_there_a_ticket_is_kept(site: Visit) -> None:
    page = site.page
    dialog = opened(page)
    ask(page, EXPORT)
    expect(cited(dialog)).to_be_visible(timeout=PATIENCE)
    dialog.get_by_role("button", name="Talk to a person").click()
    expect(dialog.get_by_text("Nobody is here right now")).to_be_visible()
    dialog.get_by_role("textbox", name="Name").fill("Olga")
    dialog.get_by_role("textbox", name="E-mail").fill("olga@brightwater.test")
    dialog.get_by_role("textbox", name="Message").fill("My October export fails.")
    dialog.get_by_role("button", name="Leave a message").click()
    expect(dialog.get_by_text("Somebody will write to olga@brightwater.test")).to_be_visible(timeout=PATIENCE)
    expect(talk(dialog).get_by_text("Your message is kept. Somebody will read it")).to_have_count(1, timeout=PATIENCE)


def test_a_customer_who_is_signed_in_is_known_by_the_pages_word(site: Visit) -> None:
    page = site.page
    page.goto(f"{page.url}?as=cust-1")
    dialog = opened(page)
    ask(page, "How much does it cost?")
    expect(talk(dialog).get_by_text("Starter costs")).to_be_visible(timeout=PATIENCE)
    page.goto(page.url.split("?")[0])
    # A guest at the same machine sees nothing of it.
    expect(page.get_by_role("button", name="Open help")).to_be_visible()
    assert page.get_by_text("Starter costs").count() == 0


def test_on_a_phone_at_night_it_fills_the_screen(phone: Visit) -> None:
    page = phone.page
    page.emulate_media(reduced_motion="reduce")
    dialog = opened(page)
    box = dialog.bounding_box()
    assert box is not None
    assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, 390, 844)
    colours = dialog.evaluate("(one) => [getComputedStyle(one).backgroundColor, getComputedStyle(one).animationName]")
    assert colours == ["rgb(20, 23, 29)", "none"]
    ask(page, EXPORT)
    expect(cited(dialog)).to_be_visible(timeout=PATIENCE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
