"""Where scenarios run: those that share a company stay together, so that it is opened once and not by each worker."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

HERE = Path(__file__).parent
# Folders whose files share one company.
TOGETHER = {"widget"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    for item in items:
        path = Path(item.path)
        if path.is_relative_to(HERE):
            place = path.parent if path.parent.name in TOGETHER else path
            item.add_marker(pytest.mark.xdist_group(str(place.relative_to(HERE))))
