"""Writes in the chat, over the whole demo: shown as a card, approved, done with receipts, taken back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import APIResponse, Browser, Page, Route, expect

from tests.browser.conftest import Server, Visit, serving_demo, visitor
from tests.scenarios.slack.test_undo_asked import POLICY

ORDER = "Escalate the critical bugs"
LONG = 60_000


@pytest.fixture(scope="module")
def acting(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Server]:
    """A demo of its own: what these tests change is in no other test's company."""
    yield from serving_demo(tmp_path_factory.mktemp("acting"))


@pytest.fixture
def visit(chromium: Browser, acting: Server) -> Iterator[Visit]:
    guest = visitor(chromium, acting)
    yield guest
    assert guest.foreign == []
    assert guest.errors == []
    guest.context.close()


def ordered(visit: Visit) -> Page:
    visit.sign_in()
    visit.page.locator("#starters").wait_for()
    visit.ask(ORDER)
    visit.page.locator(".deus-asks").wait_for(timeout=LONG)
    return visit.page


def waiting(page: Page) -> int:
    return int(page.locator(".deus-asks").last.get_attribute("data-waiting") or 0)


def test_bugs_are_escalated_after_one_yes_and_taken_back_over_a_reload_and_a_restart(
    visit: Visit, acting: Server
) -> None:
    page = ordered(visit)
    # What is known is there, with its evidence, while the writes wait.
    expect(page.locator(".deus-plan")).to_have_attribute("data-status", "awaiting_approval")
    assert page.locator('.ai-message a[href*="#evidence/"]').count() >= 3
    expect(page.locator(".deus-ask")).to_have_count(waiting(page))
    raising = page.locator(".deus-ask", has=page.locator(".deus-value.was"))
    expect(raising.locator(".deus-value.was")).to_have_text("high")
    expect(raising.locator(".deus-value.will")).to_have_text("urgent")
    expect(page.get_by_text("Why you are asked").first).to_be_visible()
    expect(page.locator(".deus-asks-head")).to_contain_text("open for")
    expect(page.locator(".deus-untrusted").first).to_contain_text("stranger’s words")
    page.locator(".deus-plan-head").click()
    expect(page.locator(".deus-steps li[data-state=awaiting]")).to_have_count(waiting(page))
    # The card is folded from what is stored: a reload and a restart of the server change nothing.
    asked = page.locator(".deus-ask").all_inner_texts()
    page.reload()
    page.locator(".deus-asks").wait_for(timeout=LONG)
    assert page.locator(".deus-ask").all_inner_texts() == asked
    acting.stop()
    acting.start()
    page.reload()
    page.locator(".deus-asks").wait_for(timeout=LONG)
    assert page.locator(".deus-ask").all_inner_texts() == asked
    expect(page.locator("header a[href='/approvals'], a[href='/approvals']").first).to_be_visible()
    # The answer to the click may come when the card shows the receipts already.
    late: list[tuple[Route, APIResponse]] = []
    page.route("**/project/action", lambda route: late.append((route, route.fetch())))
    page.get_by_role("button", name=re.compile("^Approve all")).click()
    expect(page.locator(".deus-plan")).to_have_attribute("data-status", "answered", timeout=LONG)
    receipts = page.locator(".deus-receipt[data-state=done]")
    expect(receipts).to_have_count(len(asked))
    expect(receipts.first.get_by_role("button", name="Undo")).to_be_disabled()
    for route, answer in late:
        route.fulfill(response=answer)
    page.unroute("**/project/action")
    expect(receipts.first.get_by_role("button", name="Undo")).to_be_enabled()
    for receipt in receipts.all():
        expect(receipt.locator("h4 a")).to_have_attribute("href", re.compile("^http://127"))
        expect(receipt).to_contain_text("approved by founder")
    receipts.first.get_by_role("button", name="Undo").click()
    undone = page.locator(".deus-receipt[data-state=undone]")
    expect(undone).to_have_count(1, timeout=LONG)
    expect(undone).to_contain_text("Taken back by founder")
    page.reload()
    expect(undone).to_have_count(1, timeout=LONG)
    # What is said in the chat shows on the card above as well.
    visit.ask("undo that")
    expect(page.locator(".deus-receipt[data-state=undone]")).to_have_count(len(asked), timeout=LONG)


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Server]:
    """A demo whose rules want a yes for taking something back."""
    data = tmp_path_factory.mktemp("asking")
    (data / "data").mkdir()
    (data / "data" / "policy.yaml").write_text(POLICY, encoding="utf-8")
    yield from serving_demo(data)


def test_undo_that_needs_a_yes_asks_in_the_same_conversation_and_at_approvals(
    asking: Server, chromium: Browser
) -> None:
    guest = visitor(chromium, asking)
    guest.sign_in()
    page = guest.page
    page.locator("#starters").wait_for()
    guest.ask("Create an issue for the broken footer")
    page.get_by_role("button", name="Approve").click(timeout=LONG)
    receipt = page.locator(".deus-receipt", has_text="roken footer")
    receipt.get_by_role("button", name="Undo").click(timeout=LONG)
    expect(receipt).to_contain_text("waits for a yes", timeout=LONG)
    expect(receipt.get_by_role("link", name="Look at it")).to_have_attribute("href", "/approvals")
    expect(receipt.locator("[role=alert]")).to_have_count(0)
    card = page.locator(".deus-ask", has_text="Take back:")
    expect(card).to_contain_text("taking back is looked at", timeout=LONG)
    card.get_by_role("button", name="Reject").click()
    expect(card).to_contain_text("Rejected by founder", timeout=LONG)
    expect(receipt).to_have_attribute("data-state", "done")

    thread = page.url
    page.goto(f"{asking.url}/approvals?state=approved")
    page.get_by_role("button", name="Undo").first.click()
    page.wait_for_url(re.compile("state=open"))
    listed = page.locator("article", has_text="Take back:")
    expect(listed).to_have_count(1, timeout=LONG)
    listed.get_by_role("button", name="Approve").click()
    expect(listed).to_have_count(0, timeout=LONG)
    page.goto(thread)
    expect(receipt).to_have_attribute("data-state", "undone", timeout=LONG)
    assert guest.errors == []
    guest.context.close()


def test_an_edited_write_is_shown_anew_and_a_rejected_one_is_not_done(visit: Visit) -> None:
    page = ordered(visit)
    before = waiting(page)
    page.get_by_role("button", name="Edit").last.click()
    form = page.locator(".deus-form")
    text = form.locator("textarea[id$=text], textarea[id$=description]").first
    text.fill('Edited <img src=x onerror="document.title=1"> by hand [x](javascript:alert(1))')
    form.get_by_role("button", name="Show the change").click()
    edited = page.locator(".deus-ask", has_text="Edited <img src=x")
    expect(edited).to_have_count(1, timeout=LONG)
    expect(edited.locator("img")).to_have_count(0)
    expect(edited.locator('a[href^="javascript"]')).to_have_count(0)
    expect(edited).to_contain_text("changed by hand")
    edited.get_by_role("button", name="Reject").click()
    expect(page.get_by_text("Rejected by founder. Nothing was done.")).to_have_count(1, timeout=LONG)
    assert waiting(page) == before - 1
    page.get_by_role("button", name=re.compile("^Reject all|^Reject$")).last.click()
    expect(page.locator(".deus-plan")).to_have_attribute("data-status", re.compile("answered|abstained"), timeout=LONG)
    expect(page.locator(".deus-receipt")).to_have_count(0)


def test_what_was_decided_elsewhere_shows_and_a_late_decision_says_how_it_was_settled(
    visit: Visit, chromium: Browser, acting: Server
) -> None:
    page = ordered(visit)
    left = visitor(chromium, acting)
    left.sign_in()
    left.page.locator("#starters").wait_for()
    left.page.goto(page.url)
    left.page.locator(".deus-asks").wait_for(timeout=LONG)
    # The other page no longer hears of anything, as one in a frozen tab.
    asked = left.page.evaluate("() => fetch('/api/approvals?state=requested').then((answer) => answer.json())")[0]
    page.goto(f"{acting.url}/approvals")
    page.locator(f"#{asked['id']}").get_by_role("button", name="Reject").click()
    expect(page.locator(f"#{asked['id']}")).to_have_count(0)
    told = left.page.locator(".deus-ask", has_text=asked["title"])
    expect(told).to_contain_text("Rejected by founder", timeout=LONG)
    late = left.page.evaluate(
        """([id, digest]) => fetch(`/api/approvals/${id}/decision`, { method: 'POST',
          headers: { 'content-type': 'application/json' }, body: JSON.stringify({ choice: 'approve', digest }) })
          .then((answer) => answer.json())""",
        [asked["id"], asked["digest"]],
    )
    assert late["detail"] == "This is settled already: rejected by founder."
    left.page.get_by_role("button", name=re.compile("^Reject all|^Reject$")).last.click()
    expect(left.page.locator(".deus-asks")).to_have_attribute("data-waiting", "0", timeout=LONG)
    assert left.foreign == []
    left.context.close()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_phone_shows_the_card_within_its_width_and_by_keyboard(
    chromium: Browser, acting: Server, dark: bool, tmp_path: Path
) -> None:
    guest = visitor(chromium, acting, phone=True, dark=dark)
    page = ordered(guest)
    wide = page.evaluate(
        "() => [...document.querySelectorAll('.deus-asks, .deus-asks *')]"
        ".filter((e) => e.getBoundingClientRect().right > innerWidth + 1).length"
    )
    assert wide == 0
    button = page.get_by_role("button", name=re.compile("^Reject all"))
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".deus-asks")).to_have_attribute("data-waiting", "0", timeout=LONG)
    page.goto(f"{acting.url}/approvals?state=rejected")
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert guest.foreign == []
    assert guest.errors == []
    guest.context.close()
