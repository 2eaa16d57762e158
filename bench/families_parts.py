# ruff: noqa: E501  (lists of words read best in few lines)
"""What the families of made worlds are put together from: effects, segments, breaking deployments and bystanders."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from bench import families_text as words
from bench.families import FAMILIES, Maker, _iso

Truth = dict[str, Any]
Family = Callable[[Maker], Truth]


def family(name: str) -> Callable[[Family], Family]:
    """Registers a family under its name."""

    def registered(make: Family) -> Family:
        FAMILIES[name] = make
        return make

    return registered


def effect(maker: Maker, where: dict[str, str], onset: datetime, until: datetime | None = None, metric: str = "",
           up: bool = False) -> float:  # fmt: skip
    """Adds an effect that is strong enough to be seen, and returns the metric's relative change by it."""
    metric = metric or maker.metric
    dice = maker.dice
    days = ((until or maker.now) - onset).total_seconds() / 86400
    factor = dice.uniform(1.35, 1.9) if up else dice.uniform(0.2, 0.75)
    while True:
        count = maker.rate(metric) * maker.share(where) * days
        if count * (factor * math.log(factor) + 1 - factor) > 25 or factor < 0.06 or factor > 3:
            break
        factor = factor * 1.15 if up else factor * 0.85
    if up and metric != maker.company["root"]:
        # A child cannot have more events than its parent.
        rates = dict(maker.company["chain"])
        factor = min(factor, 0.98 / rates[metric])
    maker.effects.append({"event": metric, "where": where, "factor": round(factor, 3), "from": _iso(onset),
                          "until": None if until is None else _iso(until)})  # fmt: skip
    return maker.share(where) * (factor - 1)


def pick(maker: Maker, *dims: str) -> dict[str, str]:
    """A segment of one of these dims, not a tiny one; sometimes of two dims."""
    dice = maker.dice
    dim = dice.choice([d for d in dims if d in maker.company["dims"]])
    values = {v: s for v, s in maker.company["dims"][dim].items() if s >= 0.12}
    where = {dim: dice.choice(list(values))}
    if dice.random() < 0.12:
        other = dice.choice([d for d in maker.company["dims"] if d != dim])
        where[other] = max(maker.company["dims"][other], key=lambda v: maker.company["dims"][other][v])
    return where


def broken(maker: Maker, onset: datetime, where: dict[str, str], until: datetime | None = None,
           error: bool | None = None) -> tuple[str, list[str], float]:  # fmt: skip
    """A deployment that breaks the metric for a segment: returns its id, what to cite, and the relative change."""
    dice = maker.dice
    area, path, do = maker.company["area"][maker.metric]
    if where:
        dim, value = next(iter(where.items()))
        title, body, fault = dice.choice(words.BREAKS_SEGMENT[dim])
        title = title.format(area=area, value=value)
    else:
        title, body, fault = dice.choice(words.BREAKS)
        title = title.format(area=area)
    component = "web" if path.startswith("web") else "api"
    pull, deployment = maker.deploy(onset, component, title, body, path)
    fall = effect(maker, where, onset, until)
    also = [pull]
    lost = maker.rate(maker.metric) * abs(fall) / 24
    if dice.random() < 0.75 if error is None else error:
        tags = {d: v for d, v in where.items() if dice.random() < 0.85}
        last = {"last_seen": _iso(until - timedelta(minutes=2)), "state": "resolved"} if until else {}
        also.append(maker.error(onset + timedelta(minutes=dice.randint(1, 25)), fault, path, max(0.6, lost * dice.uniform(0.35, 1.3)),
                                deployment, tags=tags, **last))  # fmt: skip
    end = until or maker.now
    span = (end - onset).total_seconds()
    hint = f", {next(iter(where.values()))} here" if where else ""
    if dice.random() < 0.6:
        title = dice.choice(words.SYMPTOM_TICKETS).format(do=do, do_cap=do.capitalize())
        also.append(
            maker.ticket(onset + timedelta(seconds=span * dice.uniform(0.1, 0.9)), title, f"Tried it twice{hint}.")
        )
    if dice.random() < 0.6:
        also.append(maker.say(onset + timedelta(seconds=span * dice.uniform(0.1, 0.9)), "support",
                              f"Third person who cannot {do}{hint.replace(' here', '')}. Works for me."))  # fmt: skip
    if dice.random() < 0.4:
        also.append(maker.issue(onset + timedelta(seconds=span * dice.uniform(0.2, 0.9)),
                                f"{area.capitalize()} does nothing for some", f"Reported by support{hint}. Cannot {do}."))  # fmt: skip
    return deployment, also, fall


def loud(maker: Maker, at: datetime) -> str:
    """A harmless change of the same area that everyone suspects; returns the deployment."""
    title, body = maker.dice.choice(words.LOUD)
    area, path, _ = maker.company["area"][maker.metric]
    folder = path.rsplit("/", 1)[0]
    _, deployment = maker.deploy(at, "web", title.format(area=area), body, f"{folder}/Layout.tsx")
    if maker.dice.random() < 0.5:
        maker.error(at + timedelta(minutes=20), "Warning: a component changes an uncontrolled input",
                    f"{folder}/Layout.tsx", maker.dice.uniform(0.2, 0.9), deployment, level="warning")  # fmt: skip
    if at + timedelta(hours=6) < maker.now:
        name = maker.company["ask"].get(maker.metric, maker.metric)
        maker.say(at + (maker.now - at) * maker.dice.uniform(0.3, 0.9), "general",
                  f"{name.capitalize()} are off since the new {area}. Do we take it back?", "mara")  # fmt: skip
    return deployment


def how_to_read(maker: Maker) -> str:
    """A document on how the numbers are to be read; returns its id."""
    return maker.add("doc", "document", maker.now - timedelta(days=140), title="How we read the dashboard", path="docs/metrics.md",
                     text="Today's bar is always short until the evening. Compare weeks Monday to Sunday.")  # fmt: skip
