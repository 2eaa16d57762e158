"""What comes out of a sandbox is read as from a stranger; what goes in says what it is."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.bringing import MOST_COLUMNS, MOST_ROWS, cell_of, read_table
from agents.describing import read_report
from agents.errors import StepFailed
from agents.files import media_of, named
from agents.handing import handed, names
from agents.ports import StepResult
from agents.record import Attachment
from tools.nouns import Customer, Point, Series

AT = datetime(2026, 11, 18, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "content", "columns", "rows"),
    [
        ("a.csv", b"a,b\n1,x\n2.5,\n", ("a", "b"), ((1, "x"), (2.5, None))),
        ("a.tsv", b"a\tb\n1\tx\n", ("a", "b"), ((1, "x"),)),
        ("a.csv", b"a,a,\n1,2,3\n", ("a", "a (2)", "column 3"), ((1, 2, 3),)),
        ("a.json", b'[{"a": 1, "b": {"c": 2}}]', ("a", "b"), ((1, '{"c": 2}'),)),
        ("a.json", b'{"columns": ["a"], "rows": [[true], [null]]}', ("a",), ((True,), (None,))),
        ("a.json", b'{"over": 37}', ("what", "value"), (("over", 37),)),
    ],
)
def test_tables_are_read(name: str, content: bytes, columns: tuple[str, ...], rows: tuple[object, ...]) -> None:
    found = read_table(name, content)
    assert found is not None
    assert (found.columns, found.rows) == (columns, rows)


def test_large_tables_are_cut_and_counted() -> None:
    wide = ",".join(f"c{n}" for n in range(100))
    found = read_table("a.csv", "\n".join([wide, *["1"] * 900]).encode())
    assert found is not None
    assert (len(found.columns), len(found.rows), found.rows_in_all) == (MOST_COLUMNS, MOST_ROWS, 900)


@given(st.binary(max_size=300), st.sampled_from(["a.csv", "a.json", "a.tsv", "a.bin"]))
def test_any_bytes_are_a_table_or_none(content: bytes, name: str) -> None:
    found = read_table(name, content)
    if found is not None:
        assert all(len(row) == len(found.columns) for row in found.rows)
        json.dumps(found.rows, allow_nan=False)


@given(st.one_of(st.integers(-(2**52), 2**52), st.floats(allow_nan=False, allow_infinity=False)))
def test_a_number_stays_what_it_is(value: float) -> None:
    assert cell_of(repr(value)) == value or len(repr(value)) >= 40


@pytest.mark.parametrize("text", ["007", "00123", "+4930123456", "1_000", "12:30", "infinity-pool"])
def test_what_only_looks_like_a_number_may_stay_words(text: str) -> None:
    assert cell_of(text) in (text, int(text) if text.startswith("+") else text)


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"rows": "many"}', b'{"asked": {"title": 1}}', b"{" * 5000])
def test_a_report_in_another_form_is_none(content: bytes) -> None:
    with pytest.raises(StepFailed):
        read_report(content)


def test_what_is_handed_in_says_what_it_is() -> None:
    customer = Customer(service="stripe", ref="cus_1", url="u", at=AT, name="Globex", mrr=70.0)
    series = Series(service="posthog", ref="s", url="u", at=AT, metric="signups", grain="day", where={"plan": "pro"},
                    points=(Point(at=AT, value=3.0),))  # fmt: skip
    results = {"s1": StepResult("s1", "done", (customer,)), "s2": StepResult("s2", "done", (series,))}
    files = [(Attachment(id=f"f{n}", name="a.csv", size=1, media="text/csv"), b"x") for n in (1, 2)]
    found = handed(results, files, AT)
    index = json.loads(found["index.json"])
    assert set(found) == {
        "index.json", "s1.json", "s1.csv", "s2.json", "s2.csv", "files/a.csv", "files/a (2).csv"
    }  # fmt: skip
    assert [one["records"] for one in index["steps"]] == [1, 1]
    assert found["s2.csv"].decode().splitlines() == ["metric,plan,at,value", f"signups,pro,{AT.isoformat()},3.0"]
    assert [one["path"] for one in index["files"]] == ["/evidence/files/a.csv", "/evidence/files/a (2).csv"]


@given(st.lists(st.text(max_size=20), max_size=8))
def test_names_in_a_folder_are_one_each_and_lead_nowhere(given_names: list[str]) -> None:
    found = names(given_names)
    assert len(set(found)) == len(given_names)
    assert not [one for one in found if "/" in one or "\0" in one or not one.strip(".")]


@given(st.text(max_size=400))
def test_a_files_name_is_a_name(name: str) -> None:
    kept = named(name)
    assert 0 < len(kept) <= 121
    assert not set(kept) & set('/\\<>:"|?*\0\n\r')
    assert kept == named(kept)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\sales.csv", "sales.csv"),
        ("  .csv ", "csv"),
        ("a\u202egnp.csv", "a gnp.csv"),
        ("", "file"),
        ("x" * 300 + ".csv", "x" * 115 + "….csv"),
    ],
)
def test_names_lose_folders_and_tricks(name: str, kept: str) -> None:
    assert named(name) == kept


def test_a_picture_and_a_workbook_are_known_by_their_bytes() -> None:
    assert media_of("a.png", b"<svg onload=alert(1)>") == "application/octet-stream"
    assert media_of("a.csv", b"\x89PNG\r\n\x1a\n...") == "image/png"
    assert media_of("a.html", b"<script>") == "application/octet-stream"
    assert media_of("a.xlsx", b"nothing") == "application/octet-stream"
