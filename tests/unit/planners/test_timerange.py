"""Time ranges, as they are said on Wednesday 18 November 2026, 10:00 in New York."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planners.slots.timerange import find

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
ZONE = "America/New_York"

SAID = {
    "today": "18T00:00/19T00:00",
    "why did it fall yesterday": "17T00:00/18T00:00",
    "last week": "09T00:00/16T00:00",
    "Por que os cadastros caíram na semana passada?": "09T00:00/16T00:00",
    "Pourquoi les inscriptions ont chuté la semaine dernière ?": "09T00:00/16T00:00",
    "O que mudou desde segunda-feira?": "16T00:00/now",
    "Qu'est-ce qui a changé depuis lundi ?": "16T00:00/now",
    "Por que os pagamentos caíram ontem?": "17T00:00/18T00:00",
    "Que livrons-nous cette semaine ?": "16T00:00/23T00:00",
    "this week": "16T00:00/23T00:00",
    "since last Tuesday": "10T00:00/now",
    "since Monday": "16T00:00/now",
    "on Thursday": "12T00:00/13T00:00",
    "what will ship on Friday": "20T00:00/21T00:00",
    "in the last 3 days": "15T00:00/now",
    "since the 3rd": "03T00:00/now",
    "3 days ago": "15T00:00/16T00:00",
    "between Nov 3 and Nov 9": "03T00:00/10T00:00",
    "around 14:00 on Monday": "16T13:00/16T15:00",
    "yesterday at 3pm": "17T14:00/17T16:00",
    "since yesterday at 5pm": "17T17:00/now",
    "since 9am": "18T09:00/now",
    "between 9 and 11 this morning": "18T09:00/18T11:00",
    "yesterday 10-12h": "17T10:00/17T12:00",
    "2026-11-10 16:30": "10T15:30/10T17:30",
    "last night": "17T20:00/18T06:00",
    "over the weekend": "14T00:00/16T00:00",
    "so far this month": "01T00:00/30+1",
    "nobody buys since we shipped it on Tuesday": "17T00:00/now",
    "what is left after Thursday's incident": "12T00:00/13T00:00",
    "in the last 2 hours": "18T08:00/now",
    "gestern": "17T00:00/18T00:00",
    "letzte Woche": "09T00:00/16T00:00",
    "seit Montag": "16T00:00/now",
    "vor 3 Tagen": "15T00:00/16T00:00",
    "vom 3. bis 9. November": "03T00:00/10T00:00",
    "am Dienstagabend": "17T18:00/18T00:00",
    "gestern um 17 Uhr": "17T16:00/17T18:00",
    "la semana pasada": "09T00:00/16T00:00",
    "desde ayer": "17T00:00/now",
    "hace 3 días": "15T00:00/16T00:00",
    "entre el 3 y el 9 de noviembre": "03T00:00/10T00:00",
    "hoy entre las 9 y las 11": "18T09:00/18T11:00",
    "ayer por la tarde": "17T12:00/17T18:00",
}


@pytest.mark.parametrize(("text", "expected"), SAID.items())
def test_reads(text: str, expected: str) -> None:
    found = find(text, now=NOW, timezone=ZONE)
    assert found is not None
    end = "now" if found.end == NOW else f"{found.end:%dT%H:%M}" if found.end.month == 11 else "30+1"
    assert f"{found.start:%dT%H:%M}/{end}" == expected
    assert found.text.casefold() in text.casefold()


@pytest.mark.parametrize(
    "text",
    ["show me 20 bugs", "signups dropped 20%", "PR 484 is broken for 500 users", "what may I do", "fix #31", ""],
)
def test_numbers_are_not_times(text: str) -> None:
    assert find(text, now=NOW, timezone=ZONE) is None


def test_months_are_the_latest_ones() -> None:
    found = find("cancellations in December", now=NOW, timezone=ZONE)
    assert found is not None
    assert (found.start.year, found.start.month, found.end.year) == (2025, 12, 2026)


def test_a_naive_now_is_refused() -> None:
    with pytest.raises(ValueError, match="timezone"):
        find("today", now=NOW.replace(tzinfo=None), timezone=ZONE)


@pytest.mark.parametrize("text", ["between 2:00 and 3:00 on march 8", "on march 8 at 2:30", "on november 1"])
def test_a_changed_clock_leaves_no_empty_range(text: str) -> None:
    found = find(text, now=datetime(2026, 11, 18, 15, tzinfo=UTC), timezone=ZONE)
    assert found is not None
    assert found.start.astimezone(UTC) < found.end.astimezone(UTC)


def test_the_day_on_which_the_clock_goes_back_has_25_hours() -> None:
    found = find("on november 1", now=NOW, timezone=ZONE)
    assert found is not None
    assert found.end.astimezone(UTC) - found.start.astimezone(UTC) == timedelta(hours=25)


# naive, as hypothesis wants its bounds
MOMENTS = st.datetimes(datetime.fromisoformat("2024-01-01"), datetime.fromisoformat("2028-12-31"))
WORDS = [
    "today",
    "yesterday",
    "tomorrow",
    "last",
    "this",
    "next",
    "week",
    "month",
    "quarter",
    "year",
    "weekend",
    "since",
    "on",
    "in",
    "the",
    "of",
    "between",
    "and",
    "from",
    "to",
    "until",
    "by",
    "at",
    "around",
    "monday",
    "tuesday",
    "friday",
    "sunday",
    "nov",
    "march",
    "3",
    "3rd",
    "9.",
    "31",
    "14:00",
    "2:30",
    "5pm",
    "12am",
    "noon",
    "midnight",
    "night",
    "morning",
    "evening",
    "ago",
    "days",
    "hours",
    "2",
    "two",
    "past",
    "seit",
    "gestern",
    "letzte",
    "woche",
    "vor",
    "tagen",
    "bis",
    "uhr",
    "el",
    "lunes",
    "semana",
    "pasada",
    "hace",
    "días",
    "desde",
    "las",
    "entre",
    "y",
    "2026-03-08",
    "8.3.",
    "31.12.2025",
    "before",
    "after",
]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=7).map(" ".join),
    MOMENTS,
    st.sampled_from(
        ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata", "UTC", "America/Santiago"]
    ),
)
def test_a_range_begins_before_it_ends_and_knows_its_zone(text: str, moment: datetime, zone: str) -> None:
    found = find(text, now=moment.replace(tzinfo=UTC), timezone=zone)
    if found is not None:
        assert found.start.tzinfo is not None
        assert found.end.tzinfo is not None
        assert found.start.astimezone(UTC) < found.end.astimezone(UTC)
        assert str(found.start.tzinfo) == zone


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60), MOMENTS)
def test_any_text_is_read_without_harm(text: str, moment: datetime) -> None:
    found = find(text, now=moment.replace(tzinfo=UTC), timezone="Europe/Berlin")
    assert found is None or found.start.astimezone(UTC) < found.end.astimezone(UTC)
