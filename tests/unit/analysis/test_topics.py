"""What bears on a topic, whom it affects, what happened around a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tests.unit.analysis.records import (
    FRAME,
    ago,
    customer,
    deployment,
    error,
    grouped,
    incident,
    issue,
    message,
    pull,
    ticket,
)
from tools.analysis.topics import AnalyzeAffected, AnalyzeAround, AnalyzeDocuments, AnalyzeTopic
from tools.nouns import Pick


def test_a_topic_finds_what_says_it_and_what_is_tied_to_that() -> None:
    records = (
        issue(1, title="CSV export stops early", pulls=("acme/web#7",)),
        pull(7, title="Ask for the second page"),
        error(3, title="ExportTruncated: rows missing in csv export"),
        issue(2, title="Dark mode"),
    )
    found = grouped(AnalyzeTopic(topic="csv export", records=records).compute(FRAME))
    assert found == {"errors": ["WEB-3"], "issues": ["ENG-1"], "pull requests": ["acme/web#7"]}
    assert not AnalyzeTopic(topic="kubernetes", records=records).compute(FRAME)


def test_a_record_that_is_named_goes_first_and_what_is_over_can_be_left_out() -> None:
    records = (issue(1, title="Login", pulls=("acme/web#7",)), pull(7, state="merged"), issue(11, title="Login"))
    assert grouped(AnalyzeTopic(topic="x", refs=("eng-1",), records=records).compute(FRAME)) == {
        "issues": ["ENG-1"],
        "pull requests": ["acme/web#7"],
    }
    assert grouped(AnalyzeTopic(topic="x", refs=("ENG-1",), open_only=True, records=records).compute(FRAME)) == {
        "issues": ["ENG-1"]
    }


def test_an_incident_of_a_day_brings_the_work_that_came_of_it() -> None:
    day = {"start": ago(6).isoformat(), "end": ago(4).isoformat()}
    records = (
        incident("i1", title="Sign-in down"),
        incident("i0", title="Older", at=ago(40)),
        issue(1, title="Default for the column", labels=("incident",), at=ago(4)),
        issue(2, title="Dark mode", at=ago(4)),
    )
    found = grouped(AnalyzeTopic(topic="incident", period=day, records=records).compute(FRAME))
    assert found == {"incidents": ["i1"], "issues": ["ENG-1"]}


def test_a_ticket_in_other_words_counts_only_where_its_meaning_is_near() -> None:
    def likeness(query: str, texts: Sequence[str]) -> list[float]:
        return [0.3 if "writing box" in text else 0.05 for text in texts]

    records = (
        issue(1, title="Composer loses pictures"),
        ticket(5, title="Clip gone", body="In the new writing box", at=ago(1)),
        ticket(6, title="Invoice", at=ago(1)),
    )
    frame = replace(FRAME, likeness=likeness)
    asked = AnalyzeTopic(topic="composer", open_only=True, records=records)
    assert grouped(asked.compute(frame)) == {"issues": ["ENG-1"], "tickets": ["5"]}
    assert grouped(asked.compute(FRAME)) == {"issues": ["ENG-1"]}


def test_customers_are_affected_by_ticket_and_by_name_in_chat() -> None:
    verb = AnalyzeAffected(
        topic="export",
        issues=(issue(1, title="CSV export stops early", labels=("bug",)), issue(2, title="Dark mode")),
        tickets=(
            ticket(1, title="Rows missing", issue="ENG-1", customer="Halden"),
            ticket(2, title="Where is the export button", customer="Mulberry", state="solved"),
        ),
        messages=(message("m1", "Kestrel say their CSV stops early too"), message("m2", "Kestrel renewed")),
        customers=(customer("Halden"), customer("Mulberry"), customer("Kestrel")),
    )
    found = grouped(verb.compute(FRAME))
    assert found == {"bug": ["ENG-1"], "customers": ["cus_Halden", "cus_Kestrel"], "tickets": ["1"], "said": ["m1"]}


def test_events_around_a_time_are_in_order_and_within_it() -> None:
    records = (
        pull(1, at=ago(3), state="merged", merged_at=ago(1.05)),
        deployment("d1", at=ago(1)),
        deployment("d2", at=ago(1), component="api"),
        error(1, at=ago(0.99)),
        message("m1", "later", at=ago(0.5)),
    )
    picks = AnalyzeAround(since=ago(1.1), until=ago(0.9), records=records, component="web").compute(FRAME)
    shown = [(pick.reason, pick.noun.ref) for pick in picks if isinstance(pick, Pick)]
    assert shown == [("merged", "acme/web#1"), ("deployed", "d1"), ("first seen", "WEB-1")]
    assert [pick.at for pick in picks] == [ago(1.05), ago(1), ago(0.99)]


def test_documents_come_without_what_is_only_tied_to_them() -> None:
    talk = (message("m1", "We decided on Postgres for billing, see ENG-1"), message("m2", "Lunch?"))
    found = grouped(AnalyzeDocuments(topic="billing Postgres", messages=talk, others=(issue(1),)).compute(FRAME))
    assert found == {"messages": ["m1"]}
