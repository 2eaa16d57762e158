"""A small table of sales, made by rule so that its figures are known, and a company to ask about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.scenarios.playbooks.company import OpenCompany

COUNTRIES = ("Germany", "France", "Spain")


def sales() -> bytes:
    """40 rows: the amounts are 0, 1.5, 3 … 58.5, the countries take turns, the months go from January to June."""
    rows = [f"2026-{1 + n % 6:02d}-1{n % 9},{COUNTRIES[n % 3]},{n * 1.5},{n}" for n in range(40)]
    return "\n".join(["date,country,amount,customer_id", *rows]).encode()


def upload(company: OpenCompany, name: str, content: bytes) -> str:
    """Brings a file; its id."""
    answered = company.http.post("/api/files", files={"file": (name, content)})
    assert answered.status_code == 201, answered.text
    return str(answered.json()["id"])


def ask(company: OpenCompany, question: str, files: Sequence[str] = (), conversation: str | None = None) -> Any:
    """Asks about files; the run's document."""
    asked = {"question": question, "files": list(files), **({"conversation": conversation} if conversation else {})}
    answered = company.http.post("/api/runs", json=asked)
    assert answered.status_code == 200, answered.text
    return answered.json()


def artifacts(company: OpenCompany, run: str) -> list[dict[str, Any]]:
    """What a run showed beside its text."""
    return [event.data for event in company.events(run) if event.kind == "artifact.created"]
