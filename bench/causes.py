"""The causes table: made worlds of eighteen families, solved or not, and the six shared ones by name."""

from __future__ import annotations

import argparse
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.demo.world import World, moment, parse_world, read_world
from bench import families_made
from bench.bound import Bounds, shared_data
from bench.families import FAMILIES, make_world
from bench.in_process import Reading
from tools.analysis.calendar import Period
from tools.analysis.finding import CauseRanking, ChangeFinding, to_finding
from tools.analysis.investigate import AnalyzeCauses, AnalyzeChange, AnalyzeSegment
from tools.kit.analysis import Frame
from tools.nouns import Noun, Pick

assert families_made
CAUSELESS = ("unknown", "quiet")


@dataclass(frozen=True)
class Score:
    """How an answer did: None where a part does not apply."""

    premise: bool
    cause: bool
    where: bool | None
    onset: bool | None
    unchecked: bool | None
    never: bool
    blamed: bool
    cited: int
    right: int
    wanted: int
    cpu: float
    said: str

    @property
    def solved(self) -> bool:
        return all(
            part is not False for part in (self.premise, self.cause, self.where, self.onset, self.unchecked, self.never)
        )


def answer(world: World) -> tuple[dict[str, Any], list[Noun], float]:
    """Runs the investigation on a world without connectors: the finding, the nouns to cite, CPU seconds."""
    reading = Reading(world)
    metric = str(world.truth["metric"])
    period, sign, percent = understood(str(world.truth["question"]), world)
    dims = tuple(reading.history.streams[metric].dims)
    names = list(reading.history.streams)
    series = tuple(one for name in names for one in reading.series(name))
    frame = Frame(world.now, world.company.timezone, str(world.truth["question"]), (), reading.unchecked())
    metrics, artefacts, payments = tuple(reading.metrics()), tuple(reading.artefacts()), tuple(reading.payments())
    spent = -time.process_time()
    span = {"start": period.start.isoformat(), "end": period.end.isoformat()}
    change = _findings(
        AnalyzeChange.model_construct(
            metric=metric,
            metrics=metrics,
            series=series,
            period=span,
            direction="down" if sign < 0 else "up",
            percent=abs(percent) * 100,
        ).compute(frame)
    )
    spent += time.process_time()
    root = change[0].root
    parts = [one for name in {metric, root} for dim in dims for one in reading.series(name, (dim,))]
    parts += [one for name in {metric, root} for one in reading.series(name, dims, "day")]
    spent -= time.process_time()
    segment = _findings(
        AnalyzeSegment.model_construct(change=change, metrics=metrics, series=(*series, *parts)).compute(frame)
    )
    spent += time.process_time()
    where = segment[0].where or {}
    exact = reading.where(segment[0].root, where)
    spent -= time.process_time()
    found = AnalyzeCauses.model_construct(
        change=change, metrics=metrics, series=(*series, *parts, *exact), payments=payments, records=artefacts
    ).compute(frame)
    spent += time.process_time()
    return to_finding(found) or {}, list(found), spent


def _findings(nouns: Iterable[Noun]) -> tuple[ChangeFinding, ...]:
    return tuple(noun for noun in nouns if isinstance(noun, ChangeFinding))


def score(world: World) -> Score:
    """Judges the answer to a world's question by FORMAT.md."""
    truth, now = world.truth, world.now
    finding, nouns, cpu = answer(world)
    ranking = next(noun for noun in nouns if isinstance(noun, CauseRanking))
    refs = {ref.ref: name for name, ref in Reading.refs(world).items()}
    first = finding["causes"][0] if finding["causes"] else None
    said = None if first is None else refs.get(first["ref"], first["label"]) if first["ref"] else first["label"]
    wanted = {str(truth["cause"]), *map(str, truth.get("cause_or") or ())}
    right = said in wanted or (said in (None, "unknown") and "unknown" in wanted)
    if truth["cause"] == "tracking":
        right = first is not None and first["label"] == "tracking"
    elif first is not None and first["label"] == "tracking":
        right, said = False, "tracking"
    onset = moment(truth.get("onset"), now)
    within = moment("-" + str(truth.get("onset_within") or "6h"), now)
    assert within is not None
    error = None if onset is None or finding["onset"] is None else (finding["onset"] - onset) / timedelta(hours=1)
    cited = {refs.get(noun.noun.ref, noun.ref) for noun in nouns if isinstance(noun, Pick)}
    belongs = {*map(str, truth.get("also") or ()), *wanted}
    also = set(map(str, truth.get("also") or ()))
    return Score(
        premise=finding["happened"] == truth["happened"],
        cause=bool(right),
        where=None if truth.get("where") is None else finding["where"] == truth["where"],
        onset=None if onset is None else error is not None and abs(error) <= (now - within) / timedelta(hours=1),
        unchecked=None if not truth.get("unchecked") else set(truth["unchecked"]) <= set(finding["unchecked"]),
        never=said not in set(map(str, truth.get("never") or ())),
        blamed=said not in (None, "unknown", "weekday", "incomplete-period", "earlier-peak"),
        cited=len(cited),
        right=len(cited & belongs),
        wanted=len(also & cited) * 1000 + len(also),
        cpu=cpu,
        said=f"{said} ({ranking.score:.1f}) {finding['where']} {'' if error is None else f'{error:+.1f} h'}"
        f" | wanted {truth['cause']} {truth.get('where')}; cited {sorted(cited)} of {sorted(also)}",
    )


def understood(question: str, world: World) -> tuple[Period, int, float]:
    """Period, direction and size as the planner's slots would give them, for the questions of made worlds."""
    said, tz, now = question.lower(), world.company.timezone, world.now
    day = now.astimezone(tz).replace(hour=0, minute=0, second=0, microsecond=0)
    sign = 1 if re.search(r"\b(rise|risen|rising|are up|keep going up|go up|higher|too good)\b", said) else -1
    percent = re.search(r"(\d+)\s?%", said)
    size = sign * (float(percent.group(1)) / 100 if percent else 0.2)
    names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    months = r"(january|february|march|april|may|june|july|august|september|october|november|december) (\d+)"
    until = now if "since" in said else None
    if "weekend" in said:
        start = day - timedelta(days=day.weekday() + 2)
        return Period(start, start + timedelta(days=2)), sign, size
    for place, name in enumerate(names):
        if name in said:
            start = day - timedelta(days=(day.weekday() - place) % 7 or 7)
            return Period(start, until or start + timedelta(days=1)), sign, size
    if found := re.search(months, said):
        start = datetime.strptime(f"{found[1]} {found[2]} {now.year}", "%B %d %Y").replace(tzinfo=tz)
        return Period(start, until or start + timedelta(days=1)), sign, size
    if "last week" in said:
        monday = day - timedelta(days=day.weekday() + 7)
        return Period(monday, until or monday + timedelta(days=7)), sign, size
    if "today" in said:
        return Period(day, now), sign, size
    if "weeks" in said or "month" in said:
        return Period(day - timedelta(days=28), now), sign, size
    return Period(day - timedelta(days=14), now), sign, size


def worlds(names: Iterable[str], seeds: range) -> Iterable[tuple[str, World]]:
    for name in names:
        for seed in seeds:
            yield name, parse_world(make_world(name, seed))


def nearest(world: World) -> bool:
    """Whether blaming the deployment nearest to the onset would name the cause."""
    onset = moment(world.truth.get("onset"), world.now)
    live = [
        a for a in world.of_kind("deployment") if a["environment"] == "production" and a["state"] == "success" and a.at
    ]
    if onset is None or not live:
        return False
    best = min(live, key=lambda a: abs((a.at - onset).total_seconds()) if a.at else 0)
    return best.id in {str(world.truth["cause"]), *map(str, world.truth.get("cause_or") or ())}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="1000:1003", help="first:last, of made worlds (default: held out)")
    parser.add_argument("--families", default="")
    parser.add_argument("--causeless", type=int, default=100, help="how many worlds without a cause")
    parser.add_argument("--show", action="store_true", help="print what was not solved")
    args = parser.parse_args()
    low, high = (int(part) for part in args.seeds.split(":"))
    names = [n for n in (args.families.split(",") if args.families else FAMILIES) if n != "quiet" or args.families]
    rows: dict[str, list[Score]] = defaultdict(list)
    baseline = 0
    for name, world in worlds(names, range(low, high)):
        result = score(world)
        rows[name].append(result)
        baseline += nearest(world)
        if args.show and not result.solved:
            _miss(world, result)
    print("family        solved premise cause where onset unchecked   recall precision")
    for name, scores in rows.items():
        _row(name, scores)
    every = [one for scores in rows.values() for one in scores]
    _row("all", every)
    print(f"nearest deployment would solve at most {baseline} of {len(every)}")
    bounds = Bounds()
    bounds.at_least("solved, share", sum(s.solved for s in every) / max(1, len(every)), 50 / 54)
    bounds.at_most("cpu p95 s", sorted(s.cpu for s in every)[int(0.95 * (len(every) - 1))], 1.5)
    if args.causeless:
        half = args.causeless // 2
        free = [score(world) for _, world in worlds(CAUSELESS, range(low + 5000, low + 5000 + half))]
        bounds.at_least("no cause named where there is none", 1 - sum(s.blamed for s in free) / len(free), 0.95)
    for path in sorted((shared_data() / "worlds").glob("*.yaml")) if not args.families else []:
        world = read_world(path)
        result = score(world)
        print(f"{path.stem:12} {'solved' if result.solved else 'MISSED'} {result.said}")
    return bounds.exit_code()


def _row(name: str, scores: list[Score]) -> None:
    def part(values: Iterable[bool | None]) -> str:
        known = [v for v in values if v is not None]
        return f"{sum(known)}/{len(known)}"

    recall = sum(s.wanted // 1000 for s in scores) / max(1, sum(s.wanted % 1000 for s in scores))
    precision = sum(s.right for s in scores) / max(1, sum(s.cited for s in scores))
    columns: Mapping[str, str] = {
        name: part(getattr(s, name) for s in scores)
        for name in ("solved", "premise", "cause", "where", "onset", "unchecked")
    }
    print(f"{name:12}" + "".join(f"{value:>8}" for value in columns.values()) + f"   {recall:.2f} {precision:.2f}")


def _miss(world: World, result: Score) -> None:
    parts = [n for n in ("premise", "cause", "where", "onset", "unchecked", "never") if getattr(result, n) is False]
    print(f"  {world.name} {','.join(parts)}: {world.truth['question'][:70]} → {result.said}")


if __name__ == "__main__":
    raise SystemExit(main())
