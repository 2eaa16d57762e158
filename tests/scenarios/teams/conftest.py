"""One demo company that talks to Deus in its Teams."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.teams.tenant import Tenant, tenant_of


@pytest.fixture(scope="module")
def tenant(acme: Path) -> Iterator[Tenant]:
    with tenant_of(acme) as opened:
        yield opened
