"""The audit chain's head is sent out at each run's end: to a file, to an address, and past a failing one."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from agents.audit import Anchor
from app.bootstrap import open_product
from app.settings import Settings
from tests.unit.app.test_vaults import serving


async def test_the_head_is_kept_elsewhere_whenever_a_run_has_ended(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    posted: list[dict[str, Any]] = []

    def taken(method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        posted.append({"method": method, "path": path, **json.loads(body)})
        return 200, {}

    file = tmp_path / "anchors"
    with serving(taken) as url:
        address = f"{url}/anchors?of=acme"
        settings = Settings(data_dir=tmp_path, memory=False, audit_anchor_file=file, audit_anchor_url=address)
        async with open_product(settings, at_once=False):
            pass
    head = Anchor.model_validate_json(file.read_text(encoding="utf-8"))
    assert [(one["method"], one["path"], one["hash"]) for one in posted] == [("POST", "/anchors?of=acme", head.hash)]
    assert caplog.records == []


async def test_an_address_that_does_not_answer_is_told_of_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(data_dir=tmp_path, memory=False, audit_anchor_url="http://127.0.0.1:1/anchors")
    with caplog.at_level(logging.ERROR):
        async with asyncio.timeout(30), open_product(settings, at_once=False):
            pass
    assert "could not be sent out" in caplog.text
