"""Cells of notebooks at E2B, run by a kernel in a machine on loopback."""

from __future__ import annotations

import asyncio
import zlib
from dataclasses import replace

import pytest

from agents.sandbox import Ended, Output, SandboxGone, SandboxPaused, SandboxUnavailable, Stream
from app.sandboxes.e2b import E2BSandboxes
from app.sandboxes.e2b_interpreter import ShownTable
from app.sandboxes.e2b_sandbox import E2BSandbox
from tests.e2b.service import LoopbackE2B
from tests.sandboxes import SMALL, needs_bubblewrap

pytestmark = needs_bubblewrap

PICTURE = """
import struct, zlib
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
class Chart:
    def __repr__(self):
        return "a chart"
    def _repr_png_(self):
        head = struct.pack(">IIBBBBB", 2, 2, 8, 0, 0, 0, 0)
        rows = zlib.compress(b"\\0\\1\\2" * 2)
        return b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
display(Chart())
"""
FRAME = """
class Frame:
    def __repr__(self):
        return "   plan  customers"
    def _repr_html_(self):
        return "<table></table>"
    def _repr_data_(self):
        return {"plan": ["pro", "free"], "customers": [37, None]}
Frame()
"""


async def test_a_cell_says_what_it_printed_and_what_it_comes_to(sandbox: E2BSandbox) -> None:
    told: list[Output] = []
    code = "import sys\nprint('über')\nprint('oh', file=sys.stderr)\nx = 20\nx + 1"
    cell = await sandbox.run_cell(code, on_output=told.append)
    assert cell.succeeded
    assert (cell.out, cell.err) == ("über\n", "oh\n")
    assert [(one.text, one.main) for one in cell.shown] == [("21", True)]
    assert b"".join(piece.data for piece in told if piece.stream is Stream.OUT) == "über\n".encode()
    assert (await sandbox.run_cell("x * 2")).shown[0].text == "40"


async def test_a_picture_comes_as_one(sandbox: E2BSandbox) -> None:
    cell = await sandbox.run_cell(PICTURE)
    (chart,) = cell.shown
    assert (chart.text, chart.main) == ("a chart", False)
    assert chart.png.startswith(b"\x89PNG\r\n\x1a\n")
    assert zlib.compress(b"\0\1\2" * 2) in chart.png


async def test_a_data_frame_comes_as_a_table(sandbox: E2BSandbox) -> None:
    (frame,) = (await sandbox.run_cell(FRAME)).shown
    assert frame.table == ShownTable(("plan", "customers"), (("pro", 37), ("free", None)))
    assert (frame.html, frame.main) == ("<table></table>", True)


async def test_an_error_is_the_cells_own(sandbox: E2BSandbox) -> None:
    cell = await sandbox.run_cell("print('before')\n1 / 0")
    assert (cell.ended, cell.succeeded, cell.out) == (Ended.EXITED, False, "before\n")
    assert cell.error is not None
    assert (cell.error.name, cell.error.value) == ("ZeroDivisionError", "division by zero")
    assert "1 / 0" in cell.error.traceback or "ZeroDivisionError" in cell.error.traceback


async def test_time_is_kept_on_this_side_and_the_next_cell_runs(service: LoopbackE2B, sandbox: E2BSandbox) -> None:
    cell = await sandbox.run_cell("print('began')\nimport time\ntime.sleep(3600)", seconds=0.5)
    assert (cell.ended, cell.out) == (Ended.TIME, "began\n")
    assert (await sandbox.run_cell("print('next')")).out == "next\n"
    assert len(service.to("POST /execute")) == 2


async def test_a_flood_of_output_is_cut(provider: E2BSandboxes) -> None:
    sandbox = await provider.create(limits=replace(SMALL, output=5000))
    cell = await sandbox.run_cell("while True: print('x' * 999)")
    assert cell.ended is Ended.OUTPUT
    assert len(cell.out) == 5000
    shown = await sandbox.run_cell("'y' * 9999")
    assert (shown.ended, shown.shown) == (Ended.OUTPUT, ())


async def test_cancelling_leaves_the_cell(service: LoopbackE2B, sandbox: E2BSandbox) -> None:
    begun = asyncio.Event()
    running = asyncio.create_task(sandbox.run_cell("print(1)\nwhile True: pass", on_output=lambda _: begun.set()))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await sandbox.run_cell("2")).shown[0].text == "2"


async def test_a_template_without_an_interpreter_says_which_to_take(service: LoopbackE2B, sandbox: E2BSandbox) -> None:
    service.fail("POST /execute", 502, "The sandbox is running but port is not open")
    with pytest.raises(SandboxUnavailable, match="no code interpreter") as refused:
        await sandbox.run_cell("1")
    assert "code-interpreter-v1" in str(refused.value.remedy)


async def test_no_cell_runs_in_a_sandbox_that_is_paused_or_gone(service: LoopbackE2B, sandbox: E2BSandbox) -> None:
    await sandbox.pause()
    with pytest.raises(SandboxPaused):
        await sandbox.run_cell("1")
    await sandbox.resume()
    running = asyncio.create_task(sandbox.run_cell("import time\ntime.sleep(60)"))
    await service.came("POST /execute")
    await service.end(sandbox.id)
    with pytest.raises(SandboxGone):
        await running
    with pytest.raises(SandboxGone):
        await sandbox.run_cell("1")
