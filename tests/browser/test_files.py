"""A file attached to a message in the chat: asked about, named with its question, and still there after a reload."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.sandboxes import needs_bubblewrap
from tests.scenarios.files.sales import sales

pytestmark = needs_bubblewrap


def test_a_file_is_attached_and_its_figures_are_answered(visit: Visit) -> None:
    visit.sign_in()
    page = visit.page
    page.locator("#starters").wait_for()
    # What is typed can be sent once the page is connected; a file can be brought from then on.
    page.locator("#chat-input").fill("sum of amount by country")
    expect(page.locator("#chat-submit")).to_be_enabled()
    file = {"name": "sales.csv", "mimeType": "text/csv", "buffer": sales()}
    with page.expect_response("**/project/file**") as uploaded:
        page.locator("#upload-button-input").set_input_files(file)  # type: ignore[arg-type]
    assert uploaded.value.ok, uploaded.value.text()
    page.get_by_text("sales.csv").first.wait_for()
    page.locator("#chat-input").focus()
    page.keyboard.press("Enter")
    visit.answered()
    expect(page.locator(".ai-message").get_by_text("Germany: 409.5")).to_be_visible()
    page.reload()
    expect(page.locator("[data-step-type=user_message]").get_by_text("📎 sales.csv")).to_be_visible()
    expect(page.locator(".ai-message").get_by_text("Germany: 409.5")).to_be_visible()
