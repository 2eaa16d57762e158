# ruff: noqa: E501  (records and lists of words read best a line each)
"""A world read without connectors: the nouns that they would give, for fast measuring. Reads no effects and no truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from app.demo.company import Company, open_company
from app.demo.history import History, StreamCounts, generate
from app.demo.refs import Ref
from app.demo.world import Artefact, World
from tools.nouns import (
    Alert,
    Annotation,
    Deployment,
    Document,
    ErrorGroup,
    FileChange,
    FlagChange,
    Grain,
    Incident,
    Issue,
    Message,
    Metric,
    Noun,
    Point,
    PullRequest,
    Series,
    Ticket,
)

HOUR = timedelta(hours=1)


class Reading:
    """What the tools of a world's company would answer to the steps of the investigation."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.company: Company = open_company(world)
        self.history: History = generate(world)
        self.down = {
            outage.tool
            for outage in world.outages
            if (outage.since is None or outage.since <= world.now)
            and (outage.until is None or outage.until > world.now)
        }

    def unchecked(self) -> dict[str, str]:
        """The services that could not be asked, with the reason."""
        return dict.fromkeys(sorted(self.down), "did not answer")

    def metrics(self) -> list[Metric]:
        if "posthog" in self.down:
            return []
        return [
            Metric(service="posthog", ref=name, url="http://demo", at=self.world.now, name=name, dims=dict(stream.dims))
            for name, stream in self.history.streams.items()
        ]

    def series(self, metric: str, by: tuple[str, ...] = (), grain: Grain = "hour") -> list[Series]:
        stream = self.history.streams.get(metric)
        if stream is None or "posthog" in self.down:
            return []
        kept = [dim for dim in by if dim in stream.dims]
        counts = stream.counts.sum(axis=tuple(i + 1 for i, dim in enumerate(stream.dims) if dim not in kept))
        order = [dim for dim in stream.dims if dim in kept]
        starts = self._starts(stream, grain)
        times, first = np.unique(starts, return_index=True)
        sums = np.add.reduceat(counts, first, axis=0).reshape(len(times), -1)
        found = []
        axis = [datetime.fromtimestamp(second, tz=self.world.now.tzinfo) for second in times]
        values = [stream.dims[dim] for dim in order]
        for column, index in enumerate(np.ndindex(*(len(v) for v in values))):
            where = {dim: values[i][index[i]] for i, dim in enumerate(order)}
            points = tuple(
                Point.model_construct(at=at, value=float(n)) for at, n in zip(axis, sums[:, column], strict=True)
            )
            found.append(
                Series.model_construct(service="posthog", ref=metric, url="http://demo", at=axis[0], title=metric, metric=metric,
                                       grain=grain, where=where, points=points, unit="events", timezone=str(self.world.company.timezone))
            )  # fmt: skip
        return found

    def where(self, metric: str, where: Mapping[str, str]) -> list[Series]:
        """The metric's hourly series in one segment; of everyone where that is empty."""
        cells = self.series(metric, tuple(where))
        return [one for one in cells if dict(one.where) == dict(where)]

    @staticmethod
    def refs(world: World) -> Mapping[str, Ref]:
        """The ref of every artefact of a world."""
        return open_company(world).refs

    def _starts(self, stream: StreamCounts, grain: str) -> np.ndarray:
        epochs = stream.start.timestamp() + stream.step.total_seconds() * np.arange(len(stream.counts))
        if grain == "hour":
            return np.floor(epochs / 3600) * 3600
        zone = self.world.company.timezone
        days = []
        for second in epochs:
            local = datetime.fromtimestamp(second, tz=zone)
            days.append(local.replace(hour=0, minute=0).timestamp())
        return np.array(days)

    def payments(self) -> list[Series]:
        if "stripe" in self.down:
            return []
        found = []
        for counts in self.history.payments.values():
            axis = [counts.start + counts.step * i for i in range(len(counts.succeeded))]
            points = tuple(
                Point.model_construct(at=at, value=float(n)) for at, n in zip(axis, counts.succeeded, strict=True)
            )
            found.append(Series(service="stripe", ref="payments", url="http://demo", at=axis[0], title="payments", metric="payments",
                                grain="hour", points=points))  # fmt: skip
        return found

    def artefacts(self) -> list[Noun]:
        """Every record of every tool that answers, as nouns."""
        return [noun for artefact in self.company.artefacts for noun in self._noun(artefact)]

    def _noun(self, a: Artefact) -> Iterable[Noun]:
        company, now = self.company, self.world.now
        if a.kind in ("holiday", "customer", "payments") or (a.at is not None and a.at > now):
            return
        ref = company.ref(a.id)
        if ref.service in self.down:
            return
        base: dict[str, Any] = {
            "service": ref.service,
            "ref": ref.ref,
            "url": ref.url,
            "at": a.at or now,
            "title": company.words(a["title"]),
        }

        def past(name: str) -> datetime | None:
            value = a.time(name)
            return value if value is not None and value <= now else None

        match a.kind:
            case "pull_request":
                yield PullRequest(**base, number=int(ref.number), repo=self.world.company.repo, body=company.words(a["body"]),
                                  author=str(a["author"]), state=a["state"] if a["state"] != "merged" or past("merged") else "open",
                                  merged_at=past("merged"), merge_sha=company.sha(a.id) if past("merged") else None,
                                  files=tuple(FileChange(path=f["path"], patch=f.get("patch")) for f in a["files"] or ()))  # fmt: skip
            case "deployment":
                back = a["rollback_of"]
                yield Deployment(**{**base, "title": company.words(a["title"]) or f"Deploy {a['service']}"}, component=a["service"],
                                 environment=a["environment"], state=a["state"], sha=company.sha(a.id),
                                 pulls=tuple(company.ref(p).ref for p in a["prs"] or () if p in company.refs),
                                 rollback_of=company.ref(back).ref if back else None)  # fmt: skip
            case "error":
                release = a["release"]
                assert a.at is not None
                hours = max(0.1, ((min(a.time("last_seen") or now, now)) - a.at) / HOUR)
                yield ErrorGroup(**base, culprit=a["culprit"] or "", function=a["function"], line=a["line"], level=a["level"],
                                 state=a["state"] or "unresolved", count=int(hours * a["per_hour"]), users=int(a["users"]),
                                 last_seen=min(a.time("last_seen") or now, now),
                                 release=company.sha(release) if release else None,
                                 tags={k: str(v) for k, v in (a["tags"] or {}).items()})  # fmt: skip
            case "issue":
                yield Issue(**base, body=company.words(a["body"]), state=a["state"], priority=a["priority"], labels=tuple(a["labels"] or ()),
                            pulls=tuple(company.ref(p).ref for p in a["prs"] or () if p in company.refs), closed_at=past("closed"))  # fmt: skip
            case "message":
                yield Message(**base, channel=a["channel"], author=a["author"], body=company.words(a["text"]),
                              thread=company.ref(a["thread"]).ref if a["thread"] else None)  # fmt: skip
            case "document":
                yield Document(**base, path=a["path"], content=company.words(a["text"]))
            case "flag_change":
                yield FlagChange(**{**base, "title": f"{a['flag']}: {a['from']} → {a['to']}"}, key=a["flag"], before=a["from"], after=a["to"],
                                 where={k: str(v) for k, v in (a["where"] or {}).items()})  # fmt: skip
            case "alert":
                yield Alert(**base, component=a["service"] or "", severity=a["severity"], resolved_at=past("resolved"))
            case "incident":
                yield Incident(
                    **base, component=a["service"] or "", body=company.words(a["text"]), resolved_at=past("resolved")
                )
            case "campaign":
                yield Annotation(**base, until=a.time("until"), where={"source": a["source"]} if a["source"] else {})
            case "ticket":
                yield Ticket(**base, body=company.words(a["body"]), state=a["state"])
