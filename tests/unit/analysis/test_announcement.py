"""Announcements and the times from which they hold."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tools.analysis.announcement import announces, effective

SAID = datetime(2026, 5, 8, 20, 30, tzinfo=UTC)  # a Friday
TZ = ZoneInfo("America/Los_Angeles")


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("From Monday free shipping starts at 45 dollars", datetime(2026, 5, 11, tzinfo=TZ)),
        ("From tomorrow only company addresses may sign up", datetime(2026, 5, 9, tzinfo=TZ)),
        ("The budget is spent, so search and social stop at midnight.", datetime(2026, 5, 9, tzinfo=TZ)),
        ("We close it on Sunday at 14:00", datetime(2026, 5, 10, 14, tzinfo=TZ)),
        ("Ab morgen nur noch mit Telefonnummer", datetime(2026, 5, 9, tzinfo=TZ)),
    ],
)
def test_the_time_that_a_message_names(text: str, local: datetime) -> None:
    assert local in [at for at, _ in effective(text, SAID, TZ)]


def test_a_message_may_speak_of_now() -> None:
    assert SAID in [at for at, _ in effective("I just switched off the form", SAID, TZ)]


@pytest.mark.parametrize(
    "text",
    [
        "I turned on the captcha at the CDN just now.",
        "We switched it to invitation only.",
        "Hab die Adresse im Formular gerade zum Pflichtfeld gemacht.",
        "Die Lieferzeiten sind umgestellt, das alte Banner ist entfernt.",
        "Apagué los pagos con tarjeta y a partir de hoy solo efectivo",
        "Mudei o valor do frete, acabei de salvar",
    ],
)
def test_a_change_is_announced(text: str) -> None:
    assert announces(text) > 0


@pytest.mark.parametrize(
    "text",
    [
        "Trials are weak since the new pricing page. Do we put the old one back?",
        "Paused two brand keywords that never convert. That is 3% of spend, so nobody should feel it.",
        "Who has the key of the small meeting room?",
        "Haben wir noch Kaffee?",
        "¿Almorzamos a la una?",
    ],
)
def test_doubts_and_small_things_announce_nothing(text: str) -> None:
    assert announces(text) <= 0
