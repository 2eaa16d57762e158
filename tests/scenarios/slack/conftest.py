"""One demo company that talks to Deus in its Slack."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.slack.workspace import Workspace, workspace_of


@pytest.fixture(scope="module")
def workspace(acme: Path) -> Iterator[Workspace]:
    """Acme, with Deus in #growth."""
    with workspace_of(acme, DEUS_SLACK_BOT_CHANNELS="#growth") as opened:
        yield opened
