"""Figures rest on the rows of tables and on the lines that a program printed; on nothing else of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.proof import judge
from agents.proof_computed import printed
from agents.record import Claim, Evidence
from tools.nouns import Output, Table, dump

AT = datetime(2026, 11, 18, 15, tzinfo=UTC)


def evidence(*nouns: Any) -> Evidence:
    return Evidence(
        id="e1", run="r", step="s", number=1, service="deus", verb="code.run", title="Computed", ref=None, url=None,
        at=AT, sha256="0" * 64, content=tuple(dump(noun) for noun in nouns),
        asked={"args": {"code": "print(987654)", "files": []}},
    )  # fmt: skip


def table(*rows: tuple[Any, ...], columns: tuple[str, ...] = ("country", "amount", "rows"), **more: Any) -> Table:
    more = {"title": "Sum of amount by country", "rows_in_all": len(rows), **more}
    return Table(service="deus", ref="t", url="", at=AT, columns=columns, rows=rows, **more)


def output(text: str, code: str = "print(42424)") -> Output:
    return Output(service="deus", ref="p", url="", at=AT, title="Customers over the limit", code=code, printed=text)


SALES = table(("Germany", 409.5, 14), ("Spain", 390, 13), ("DE", 0.25, 7))
LIMITS = output(
    "customers in all: 240\ncustomers over the limit of 50: 37\ncustomers under the limit: 203\n"
    "share over the limit: 15.4%\nmean mrr 1,234.50, median 900.00\nbegan 2026-11-03 09:30"
)


def stands(text: str, *nouns: Any) -> bool:
    claim = Claim(text=text, kind="computed", evidence=("e1",))
    return judge(claim, {"e1": evidence(*nouns)}, ZoneInfo("UTC"), AT).outcome == "stands"


@pytest.mark.parametrize(
    "text",
    [
        "Germany: 409.5 (14 rows)",
        "Germany has 409.5 in 14 rows.",
        "Germany: 410",
        "The largest is Germany with 409.5, before Spain with 390.",
        "DE: 25%",
    ],
)
def test_a_figure_of_a_row_stands_beside_its_name(text: str) -> None:
    assert stands(text, SALES)


@pytest.mark.parametrize(
    "text",
    [
        "Germany: 408.5",
        "Germany: 390",
        "Spain: 409.5",
        "Spain: 390 (14 rows)",
        "France: 500",
        "In all 799.5",
        "Germany: 409.5%",
        "4 countries",
        "Look at https://evil.example/",
        "ENG-42 is Germany.",
        "It was on 3 Nov 2026.",
    ],
)
def test_an_altered_swapped_or_invented_figure_of_a_table_does_not(text: str) -> None:
    assert not stands(text, SALES)


@pytest.mark.parametrize(
    "text",
    [
        "37 customers are over the limit.",
        "37 customers would be over the new limit, of 240 in all.",
        "203 customers stay under the limit.",
        "That is a share of 15.4% over the limit.",
        "The mean MRR is $1,234.50, the median 900.",
        "It began on 3 Nov 2026, 09:30.",
    ],
)
def test_a_printed_figure_stands_with_the_words_of_its_line(text: str) -> None:
    assert stands(text, LIMITS)


@pytest.mark.parametrize(
    "text",
    [
        "38 customers are over the limit.",
        "203 customers are over the limit.",
        "37 customers are under the limit.",
        "15.4 customers are over the limit.",
        "37% are over the limit.",
        "1 table was printed.",
        "2 customers are over the limit.",
        "37 invoices were sent.",
        "The mean MRR is $900.",
        "It began on 4 Nov 2026.",
    ],
)
def test_another_figure_or_another_things_figure_does_not(text: str) -> None:
    assert not stands(text, LIMITS, SALES.model_copy(update={"rows": ()}))


@pytest.mark.parametrize("text", ["42424 customers are over it.", "987654 are over it.", "It says “print(42424)”."])
def test_what_stands_in_the_code_alone_was_not_computed(text: str) -> None:
    assert not stands(text, LIMITS)


def test_a_bare_figure_bears_a_claim_out_by_itself() -> None:
    assert stands("37 customers are over the limit.", output("37\n"))
    assert not stands("38 customers are over the limit.", output("37\n"))


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_only_the_very_figure_stands(said: int, was: int) -> None:
    made = table(("Germany", was), columns=("country", "orders"))
    assert stands(f"Germany: {said:,}", made) == (said == was)
    assert stands(f"{said:,} orders were late.", output(f"late orders: {was}")) == (said == was)


@given(st.text(max_size=300))
def test_whatever_is_printed_can_be_read(text: str) -> None:
    assert all(isinstance(one.value, float) for one in printed(text))
    stands("37 customers", output(text))


@given(st.lists(st.tuples(st.text(max_size=20), st.one_of(st.none(), st.floats(), st.text(max_size=12))), max_size=6))
def test_whatever_a_table_holds_can_be_read(rows: list[tuple[Any, ...]]) -> None:
    kept = [(name, None if isinstance(cell, float) and cell != cell else cell) for name, cell in rows]
    finite = [(n, c) for n, c in kept if not isinstance(c, float) or abs(c) != float("inf")]
    stands("37 customers", table(*finite, columns=("a", "b")))
