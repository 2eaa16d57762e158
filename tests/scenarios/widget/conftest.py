"""One company with the widget on its website."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.widget.website import Website, website_of


@pytest.fixture(scope="package")
def website(acme: Path) -> Iterator[Website]:
    """Acme, whose help pages are public, and whose handbook is not."""
    with website_of(acme) as opened:
        yield opened
