"""All the slots of a sentence at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from agents.planners.glossary import aligned
from agents.planners.slots import change, marks, metric, names, timerange, topic
from agents.planners.slots.change import Change
from agents.planners.slots.timerange import TimeRange
from agents.planners.slots.vocabulary import Match, Vocabulary


@dataclass(frozen=True)
class Slots:
    """What the sentence names. A `Match` that is not `sure` is to be asked about; None is not named at all."""

    metric: Match | None
    time: TimeRange | None
    change: Change | None
    person: Match | None
    service: Match | None
    milestone: Match | None
    customer: Match | None
    team: Match | None
    priority: str | None
    status: tuple[str, ...]
    refs: tuple[str, ...]
    topic: str | None


def fill(
    text: str,
    *,
    now: datetime,
    timezone: str,
    vocabulary: Vocabulary,
    phrase_vectors: Mapping[str, NDArray[np.float32]] | None = None,
) -> Slots:
    """Reads the sentence against the company's names and its clock (`now` aware, `timezone` an IANA name).

    `phrase_vectors` (unit vectors of `phrases_to_embed(text)`) lets a metric be found by meaning where no word fits.
    """
    glossed = aligned(text)
    when = timerange.find(text, now=now, timezone=timezone)
    moved = change.find(glossed)
    person = names.find_person(glossed, vocabulary.people)
    refs = marks.refs(text)
    return Slots(
        metric=metric.find(
            glossed,
            vocabulary.metrics,
            near=moved.at if moved else None,
            phrase_vectors=phrase_vectors,
            metric_vectors=vocabulary.metric_vectors,
        ),
        time=when,
        change=moved,
        person=person,
        service=names.find_service(glossed, vocabulary.services, vocabulary.teams),
        milestone=names.find_milestone(glossed, vocabulary.milestones),
        customer=names.find_customer(glossed, vocabulary.customers),
        team=names.find_team(glossed, vocabulary.teams, vocabulary.services),
        priority=marks.priority(glossed.text),
        status=marks.statuses(glossed.text),
        refs=refs,
        topic=topic.find(text, [when.text if when else "", person.text if person else "", *refs]),
    )


def phrases_to_embed(text: str, metrics: Sequence[str] = ()) -> list[str]:
    """The word groups whose vectors `fill` can use; none where words alone name one of the metrics."""
    glossed = aligned(text)
    return [] if metric.find(glossed, metrics) is not None else metric.phrases(glossed.text)
