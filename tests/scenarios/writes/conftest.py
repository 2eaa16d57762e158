"""One demo company for the writes: its product over HTTP, and its tools read directly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.playbooks.company import company_of
from tests.scenarios.writes.office import Office

FLAG = "  - {id: flag-15, kind: flag_change, at: -15d, flag: new-checkout, from: 0, to: 100, where: {}, author: lena}\n"


@pytest.fixture(scope="session")
def with_checkout(acme: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Acme with a flag called new-checkout."""
    text = acme.read_text(encoding="utf-8")
    path = tmp_path_factory.mktemp("world") / "acme.yaml"
    path.write_text(text.replace("  - {id: flag-14", f"{FLAG}  - {{id: flag-14", 1), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def office(with_checkout: Path) -> Iterator[Office]:
    """Acme at work; every test has a conversation of its own."""
    with company_of(with_checkout) as company:
        yield Office(company)
