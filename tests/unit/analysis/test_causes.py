"""What speaks for a cause whose words say nothing of the number that fell."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np

from tests.unit.analysis.records import NOW, ZONE, ago, deployment, error, pull
from tools.analysis.candidates import gather
from tools.analysis.causes import NAMED, Situation, Verdict, rank
from tools.analysis.contrast import Likelihood
from tools.nouns import FileChange

ONSET = ago(2)


def situation(**fields: Any) -> Situation:
    epochs = np.arange(ago(14).timestamp(), NOW.timestamp(), 900.0)
    loglik = -0.5 * ((epochs - ONSET.timestamp()) / (4 * 3600)) ** 2
    return Situation(
        **{
            "metric": "lesson_done", "relatives": ("lesson_started", "open"), "where": {"platform": "android"},
            "dims": {"platform": ("android", "ios")}, "alternatives": (), "sign": -1, "lost": 8.0, "factor": 0.6,
            "onset": ONSET, "until": None, "now": NOW, "likelihood": Likelihood(epochs, loglik),
            **fields,
        }
    )  # fmt: skip


def ranked(**fields: Any) -> list[Verdict]:
    change = pull(
        7,
        title="Stream instead of download",
        merge_sha="a" * 40,
        merged_at=ONSET,
        files=(FileChange(path="x/Player.kt"),),
    )
    release = deployment("rel-7", at=ONSET, sha="a" * 40, title="7.2", pulls=(change.ref,))
    bystander = deployment("rel-8", at=ONSET + timedelta(hours=1), title="weekly", sha="b" * 40)
    base = {
        "at": ONSET + timedelta(minutes=10), "last_seen": NOW, "culprit": "x/Player.kt", "release": "a" * 40,
        "count": 1900, "level": "error", "tags": {"platform": "android"},
    }  # fmt: skip
    broke = error(1, **{**base, **fields})
    nouns = [change, release, bystander, broke]
    return rank(gather(nouns, ago(14), NOW, -1, ZONE), situation())


def test_a_release_that_breaks_its_own_files_as_often_as_events_are_missing_is_named() -> None:
    first = ranked()[0]
    assert first.candidate.noun.ref == "rel-7"
    assert first.score >= NAMED


def test_it_is_not_where_the_error_is_rare_elsewhere_or_of_another_segment() -> None:
    for fields in ({"count": 12}, {"culprit": "y/Other.kt"}, {"tags": {"platform": "ios"}}, {"state": "ignored"}):
        first = next(verdict for verdict in ranked(**fields) if verdict.candidate.noun.ref == "rel-7")
        assert first.score < NAMED, fields
