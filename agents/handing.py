"""What a program in a sandbox is handed: the records of earlier steps as JSON and CSV, files, and an index. Pure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from agents.ports import StepResult
from agents.record import Attachment
from tools.nouns import Noun, Series, Table, dump

# Where it lies inside, and where a program puts what it makes.
EVIDENCE = "/evidence"
OUT = "/home/user/out"
Cell = str | int | float | bool | None


def handed(
    results: Mapping[str, StepResult], files: Sequence[tuple[Attachment, bytes]], at: datetime, timezone: str = "UTC"
) -> dict[str, bytes]:
    """The files below EVIDENCE, by their path there: `s1.json` and `s1.csv` for each step, `files/NAME` for each file,
    and `index.json`, which says what each is."""
    found: dict[str, bytes] = {}
    steps: list[dict[str, Any]] = []
    for step, result in results.items():
        columns, rows = table(result.nouns)
        found[f"{step}.json"] = json.dumps([dump(one) for one in result.nouns], ensure_ascii=False).encode()
        found[f"{step}.csv"] = _csv(columns, rows)
        steps.append(
            {
                "step": step,
                "state": result.state,
                "kinds": sorted({one.kind for one in result.nouns}),
                "services": sorted({one.service for one in result.nouns}),
                "records": len(result.nouns),
                "json": f"{EVIDENCE}/{step}.json",
                "csv": f"{EVIDENCE}/{step}.csv",
                "columns": list(columns),
                "rows": len(rows),
            }
        )
    shown: list[dict[str, Any]] = []
    for name, (file, content) in zip(names([one.name for one, _ in files]), files, strict=True):
        found[f"files/{name}"] = content
        shown.append({"id": file.id, "name": file.name, "path": f"{EVIDENCE}/files/{name}", "size": file.size})
    index = {"now": at.isoformat(), "timezone": timezone, "steps": steps, "files": shown}
    found["index.json"] = json.dumps(index, ensure_ascii=False, indent=1).encode()
    return found


def names(given: Sequence[str]) -> list[str]:
    """Names of files for one folder: each once, without what a path could be made of."""
    found: list[str] = []
    for one in given:
        plain = one.replace("/", "_").replace("\0", "_").strip()
        plain = plain if plain.strip(".") else "file"
        stem, dot, ending = plain.rpartition(".")
        number, name = 1, plain
        while name in found:
            number += 1
            name = f"{stem or ending} ({number}){dot}{ending}" if dot and stem else f"{plain} ({number})"
        found.append(name)
    return found


def table(nouns: Sequence[Noun]) -> tuple[list[str], list[list[Cell]]]:
    """Records as one table: a row each, and one for each point of a series and each row of a table."""
    rows: list[dict[str, Cell]] = []
    for noun in nouns:
        if isinstance(noun, Series):
            rows += [
                {"metric": noun.metric, **noun.where, "at": point.at.isoformat(), "value": point.value}
                for point in noun.points
            ]
        elif isinstance(noun, Table):
            rows += [dict(zip(noun.columns, row, strict=False)) for row in noun.rows]
        else:
            rows.append({name: _cell(value) for name, value in dump(noun).items()})
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return columns, [[row.get(name) for name in columns] for row in rows]


def _cell(value: Any) -> Cell:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, list | tuple) and all(isinstance(one, str | int | float) for one in value):
        return ";".join(str(one) for one in value)
    return json.dumps(value, ensure_ascii=False)


def _csv(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode()
