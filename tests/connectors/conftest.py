"""What the connectors' own tests share: answers of vendors recorded as JSON files beside each test."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def recorded(request: pytest.FixtureRequest) -> Callable[[str], Any]:
    """`recorded("no_such_issue")`: the parsed JSON of that file in the folder of the test that asks."""
    folder = Path(request.path).parent

    def load(name: str) -> Any:
        return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))

    return load
