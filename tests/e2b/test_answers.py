"""Code for answers at E2B: the same room as over this machine's sandboxes, evidence mounted, tables brought out."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.errors import ModelMayRetry
from app.sandboxes.e2b import E2BSandboxes
from tests.e2b.service import LoopbackE2B
from tests.sandboxes import needs_bubblewrap
from tests.scenarios.files.room import rooms
from tools.nouns import Output, Table

pytestmark = needs_bubblewrap

PROGRAM = """
import csv, json
rows = list(csv.DictReader(open("/evidence/files/customers.csv")))
over = [row for row in rows if int(row["seats"]) > 20]
print("customers over the limit:", len(over))
with open("/home/user/out/over.csv", "w", newline="") as file:
    writer = csv.DictWriter(file, ["name", "seats"])
    writer.writeheader()
    writer.writerows(over)
try:
    open("/evidence/files/customers.csv", "a")
except OSError as error:
    print(type(error).__name__)
"""


async def test_a_program_reads_what_it_is_handed_and_its_table_comes_back(
    service: LoopbackE2B, provider: E2BSandboxes, tmp_path: Path
) -> None:
    async with rooms(tmp_path, provider) as made:
        file = await made.keep("customers.csv", b"name,seats\nAda,30\nBo,5\nCy,21\n")
        brought = await made.code(PROGRAM, file.id)
        (output,) = [noun for noun in brought.nouns if isinstance(noun, Output)]
        (table,) = [noun for noun in brought.nouns if isinstance(noun, Table)]
        assert "customers over the limit: 2" in output.printed
        assert "Error" in output.printed.splitlines()[-1]
        assert (table.columns, table.rows) == (("name", "seats"), (("Ada", 30), ("Cy", 21)))
        (asked,) = service.to("POST /v2/sandboxes")
        assert asked.json["metadata"]["run"] == "run_1"
        assert service.sandboxes == {}
        with pytest.raises(ModelMayRetry, match="ZeroDivisionError"):
            await made.code("1 / 0")
        assert service.sandboxes == {}
