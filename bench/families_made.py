# ruff: noqa: E501  (lists of words read best in few lines)
"""The eighteen families of made worlds: what happened, what it left behind, and what a right answer says."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from bench import families_text as words
from bench.families import FAMILIES, HOLIDAYS, Maker, _iso, asked, onset_of, truth_of

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


@family("browser")
def browser(maker: Maker) -> Truth:
    return _segment(maker, "browser")


@family("country")
def country(maker: Maker) -> Truth:
    return _segment(maker, "country")


@family("provider")
def provider(maker: Maker) -> Truth:
    return _segment(maker, "provider")


def _segment(maker: Maker, dim: str) -> Truth:
    onset, where = onset_of(maker), pick(maker, dim)
    deployment, also, fall = broken(maker, onset, where)
    return truth_of(maker, onset, where, deployment, also, fall, cause_or=[also[0]])


@family("all")
def everyone(maker: Maker) -> Truth:
    onset = onset_of(maker)
    deployment, also, fall = broken(maker, onset, {})
    return truth_of(maker, onset, {}, deployment, also, fall, cause_or=[also[0]])


@family("flag")
def flag(maker: Maker) -> Truth:
    dice = maker.dice
    onset = onset_of(maker)
    where = pick(maker, "country", "platform", "plan", "provider", "device", "browser") if dice.random() < 0.7 else {}
    slug = maker.area.replace(" ", "-")
    changed = maker.add("flag", "flag_change", onset, flag=dice.choice(words.FLAGS).format(slug=slug), where=where, author="sofie",
                        **{"from": dice.choice([0, 0, 10]), "to": 100})  # fmt: skip
    fall = effect(maker, where, onset)
    also = []
    if dice.random() < 0.5:
        also.append(maker.say(onset + timedelta(minutes=10), "product", f"The new {maker.area} is on for everyone"
                              + (f" in {next(iter(where.values()))}." if where else "."), "sofie"))  # fmt: skip
    if dice.random() < 0.5:
        loud(maker, onset + timedelta(hours=dice.uniform(2, 16) * dice.choice([-1, 1])))
    return truth_of(maker, onset, where, changed, also, fall)


@family("campaign")
def campaign(maker: Maker) -> Truth:
    dice = maker.dice
    onset = onset_of(maker, 2, 10)
    onset = onset.replace(hour=0, minute=0) if dice.random() < 0.6 else onset
    sources = {v: s for v, s in maker.company["dims"]["source"].items() if v not in ("organic", "direct") and s > 0.12}
    where = {"source": dice.choice(list(sources))}
    ended = maker.add(
        "camp",
        "campaign",
        onset - timedelta(days=dice.randint(50, 70)),
        until=_iso(onset),
        title="Back to school",
        **where,
    )
    before = maker.rate(maker.metric) / maker.rate(maker.company["root"])
    fall = effect(maker, where, onset, metric=maker.company["root"] if before < 0.9 else maker.metric)
    also = [
        ended,
        maker.say(
            onset - timedelta(hours=5), "marketing", f"The budget is spent, so {where['source']} stop tonight.", "lou"
        ),
    ]
    bystander = loud(maker, onset + timedelta(hours=dice.uniform(5, 12)))
    return truth_of(maker, onset, where, ended, also, fall, cause_or=[also[1]], onset_within="1d", never=[bystander])


@family("tracking")
def tracking(maker: Maker) -> Truth:
    dice = maker.dice
    onset = onset_of(maker, 2, 11)
    title, body, path = dice.choice(words.TRACKING)
    pull, deployment = maker.deploy(onset, "web", title, body, path)
    dim = "browser" if "browser" in maker.company["dims"] else next(iter(maker.company["dims"]))
    where = pick(maker, dim) if dice.random() < 0.3 else {}
    fall = effect(maker, where, onset)
    also = [pull, deployment]
    name = maker.company["ask"].get(maker.metric, maker.metric)
    for text in dice.sample(words.REAL_WORLD, 2):
        day = maker.now - timedelta(days=dice.uniform(0.3, 1.2))
        also.append(maker.say(day, "operations", text.format(day=f"{day:%A}", ask=name), "ravi"))
    if dice.random() < 0.6:
        loud(maker, onset + timedelta(hours=dice.uniform(4, 16) * dice.choice([-1, 1])))
    return truth_of(maker, onset, where, "tracking", also, fall)


@family("weekday")
def weekday(maker: Maker) -> Truth:
    """It is Monday, and the weekend was low, as weekends are."""
    maker.now -= timedelta(days=maker.now.weekday())
    maker.now = maker.now.replace(hour=maker.dice.randint(13, 17))
    if min(maker.company["weekly"]) > 0.7:
        maker.company = {**maker.company, "weekly": [1.3, 1.3, 1.25, 1.25, 1.1, 0.4, 0.4]}
    bystander = loud(maker, maker.work_time(maker.now - timedelta(days=3)))
    name = maker.company["ask"].get(maker.metric, maker.metric)
    question = maker.dice.choice([f"{name.capitalize()} fell off a cliff since Friday. What did we break?",
                                  f"why were {name} so low at the weekend", f"Did we break {name} on Friday? Saturday and Sunday look awful."])  # fmt: skip
    also = [maker.say(maker.now - timedelta(days=25), "metrics", f"Reminder: on Saturday and Sunday {name} are far fewer, compare with the same weekday."),
            _how_to_read(maker)]  # fmt: skip
    return truth_of(
        maker,
        None,
        None,
        "weekday",
        also,
        0,
        happened=False,
        question=question,
        cause_or=["incomplete-period"],
        never=[bystander],
    )


def _how_to_read(maker: Maker) -> str:
    return maker.add("doc", "document", maker.now - timedelta(days=140), title="How we read the dashboard", path="docs/metrics.md",
                     text="Today's bar is always short until the evening. Compare weeks Monday to Sunday.")  # fmt: skip


@family("holiday")
def holiday(maker: Maker) -> Truth:
    dice = maker.dice
    first, days, title = dice.choice(HOLIDAYS[maker.company["country"]])
    start = datetime.fromisoformat(first).replace(tzinfo=maker.tz)
    maker.now = start + timedelta(days=days + dice.randint(1, 4), hours=dice.randint(8, 16))
    end = start + timedelta(days=days)
    maker.add("hol", "holiday", start, until=f"{end:%Y-%m-%d}T00:00:00Z", country=maker.company["country"], title=title)
    maker.artefacts[-1]["at"] = f"{start:%Y-%m-%d}T00:00:00Z"
    where = (
        {"country": maker.company["country"]}
        if dice.random() < 0.4 and maker.company["dims"].get("country", {}).get(maker.company["country"], 0) > 0.3
        else {}
    )
    fall = effect(maker, where, start, end, metric=maker.company["root"])
    maker.effects[-1]["factor"] = dice.uniform(0.3, 0.6)
    bystander = loud(maker, maker.work_time(start - timedelta(days=1)))
    name = maker.company["ask"].get(maker.metric, maker.metric)
    question = dice.choice([f"Why were there so few {name} on {start:%B} {start.day}?", f"{name.capitalize()} collapsed on {start:%B} {start.day}, what broke?",
                            f"What happened to {name} on {start:%B} {start.day}? Down {abs(round(fall * 100))}%."])  # fmt: skip
    return truth_of(maker, start, where, "holiday", [], fall, question=question, never=[bystander], onset_within="1d")


@family("trend")
def trend(maker: Maker) -> Truth:
    dice = maker.dice
    rates = dict(maker.company["chain"])
    event = dice.choice([maker.company["root"], maker.metric])
    # A child that was nearly all of its parent had no room to fall from.
    event = event if rates.get(event, 0) < 0.6 else maker.company["root"]
    up = dice.random() < 0.3
    maker.trends[event] = round(dice.uniform(0.008, 0.014) * (1 if up else -1), 4)
    bystander = loud(maker, onset_of(maker, 2, 9))
    name = maker.company["ask"].get(maker.metric, maker.metric)
    question = (f"Why are {name} {'falling' if not up else 'rising'} for weeks?" if dice.random() < 0.5
                else f"{name.capitalize()} keep going {'down' if not up else 'up'} this month. Which release did that?")  # fmt: skip
    return truth_of(maker, None, None, "trend", [], maker.trends[event] * 28, question=question, never=[bystander])


@family("incomplete")
def incomplete(maker: Maker) -> Truth:
    maker.now = (
        maker.now.replace(hour=maker.dice.randint(13, 16))
        if maker.company["tz"].startswith("America")
        else maker.now.replace(hour=maker.dice.randint(8, 11))
    )
    while maker.now.weekday() in (0, 5, 6):
        maker.now += timedelta(days=1)
    bystander = loud(maker, maker.now - timedelta(hours=maker.dice.uniform(2, 20)))
    name = maker.company["ask"].get(maker.metric, maker.metric)
    question = maker.dice.choice([f"Why are {name} down so much today?", f"{name.capitalize()} have halved today, what broke?",
                                  f"today we have far fewer {name} than yesterday. why?"])  # fmt: skip
    return truth_of(
        maker,
        None,
        None,
        "incomplete-period",
        [_how_to_read(maker)],
        0,
        happened=False,
        question=question,
        never=[bystander],
    )


@family("peak")
def peak(maker: Maker) -> Truth:
    """The week before was inflated by a mention or a campaign; this week is as ever."""
    dice = maker.dice
    maker.now -= timedelta(days=(maker.now.weekday() - dice.choice([0, 1, 2])) % 7)
    monday = (maker.now.astimezone(maker.tz) - timedelta(days=maker.now.astimezone(maker.tz).weekday())).replace(
        hour=0, minute=0
    )
    start = monday - timedelta(days=dice.randint(11, 13)) + timedelta(hours=dice.randint(0, 12))
    end = start + timedelta(days=dice.randint(2, 4))
    sources = {v: s for v, s in maker.company["dims"]["source"].items() if s > 0.09}
    where = {"source": dice.choice(list(sources))}
    maker.effects.append(
        {
            "event": maker.company["root"],
            "where": where,
            "factor": dice.uniform(2.2, 4),
            "from": _iso(start),
            "until": _iso(end),
        }
    )
    also = [maker.add("camp", "campaign", start, until=_iso(end), title="Flash days", **where)] if dice.random() < 0.5 else [
        maker.say(start + timedelta(hours=1), "growth", "We are on the front page of a big forum, the servers hold.", "lou")]  # fmt: skip
    bystander = loud(maker, maker.work_time(monday - timedelta(days=dice.randint(3, 6))))
    name = maker.company["ask"].get(maker.metric, maker.metric)
    question = dice.choice(
        [
            f"Why did {name} drop last week?",
            f"{name.capitalize()} were much lower last week than the week before. What broke?",
        ]
    )
    return truth_of(maker, None, None, "earlier-peak", also, 0, happened=False, question=question, never=[bystander])


@family("recovered")
def recovered(maker: Maker) -> Truth:
    dice = maker.dice
    onset = maker.work_time(maker.now - timedelta(days=dice.uniform(1.5, 6)))
    end = onset + timedelta(hours=dice.choice([3, 4, 6, 9, 20]))
    if dice.random() < 0.65:
        deployment, also, _ = broken(maker, onset, {}, end, error=True)
        maker.effects[-1]["factor"] = min(maker.effects[-1]["factor"], 0.1)
        also += [
            maker.deploy(end, "api", "Roll back", "Back to the version before.", "api/VERSION", rollback_of=deployment)[
                1
            ]
        ]
        cause, cause_or = deployment, [also[0]]
    else:
        title, text = dice.choice(words.THIRD_PARTY)
        cause = maker.add(
            "inc", "incident", onset + timedelta(minutes=4), resolved=_iso(end), title=title, text=text, service="api"
        )
        effect(maker, {}, onset, end)
        maker.effects[-1]["factor"] = 0.05
        also, cause_or = [cause], []
    if dice.random() < 0.6:
        alert = maker.add("alert", "alert", onset + timedelta(minutes=40), resolved=_iso(end + timedelta(minutes=10)),
                          title=f"{maker.area}: more than 5% errors", service="api", severity="critical")  # fmt: skip
        also.append(alert)
        cause_or = [*cause_or, alert] if not cause.startswith("dep") else cause_or
    if cause.startswith("dep") and dice.random() < 0.6:
        cause_or = [*cause_or, maker.add("inc", "incident", onset, resolved=_iso(end), title=f"Nobody could {maker.company['area'][maker.metric][2]}",
                              text="Review is due.", service="api")]  # fmt: skip
    name = maker.company["ask"].get(maker.metric, maker.metric)
    question = dice.choice([f"Why did we get so few {name} on {onset.astimezone(maker.tz):%A}? Is it still going on?",
                            f"{name.capitalize()} dropped on {onset.astimezone(maker.tz):%A}. Did they come back?"])  # fmt: skip
    return truth_of(maker, onset, {}, cause, also, -0.5, question=question, cause_or=cause_or, recovered=_iso(end))


@family("innocent")
def innocent(maker: Maker) -> Truth:
    dice = maker.dice
    onset = onset_of(maker)
    dims = [d for d in ("browser", "country", "platform", "provider", "device") if d in maker.company["dims"]]
    where = pick(maker, *dims) if dice.random() < 0.7 else {}
    deployment, also, fall = broken(maker, onset, where, error=True)
    bystander = loud(maker, onset + timedelta(minutes=dice.randint(40, 200) * dice.choice([1, 1, -1])))
    suspect = f"Was it the new {maker.area}?"
    return truth_of(maker, onset, where, deployment, also, fall, cause_or=[also[0]], never=[bystander], suspect=suspect)


@family("chat")
def chat(maker: Maker) -> Truth:
    dice = maker.dice
    kind, text, ahead = dice.choice(words.CHAT)
    del kind
    onset = onset_of(maker, 2, 9)
    said = onset
    if ahead == 1:
        onset = (onset + timedelta(days=1)).replace(hour=0, minute=0)
    if ahead == 2:
        onset = (onset + timedelta(days=(7 - onset.weekday()) % 7 or 7)).replace(hour=0, minute=0)
    while onset > maker.now - timedelta(days=1.5):
        onset, said = onset - timedelta(days=7), said - timedelta(days=7)
    cause = maker.say(
        said,
        dice.choice(["general", "ops", "legal"]),
        text.format(area=maker.area),
        dice.choice(["mara", "ravi", "sofie"]),
    )
    fall = effect(maker, {}, onset)
    if dice.random() < 0.5:
        loud(maker, onset + timedelta(hours=dice.uniform(3, 18) * dice.choice([-1, 1])))
    return truth_of(maker, onset, {}, cause, [], fall, onset_within="6h" if ahead == 0 else "1d")


@family("rise")
def rise(maker: Maker) -> Truth:
    dice = maker.dice
    kind, title, text, source = dice.choice(words.RISES)
    source = source if "source" in maker.company["dims"] and source in maker.company["dims"]["source"] else ""
    onset = onset_of(maker)
    area, path, _ = maker.company["area"][maker.metric]
    where: dict[str, str] = {}
    also: list[str] = []
    root = maker.company["root"]
    if kind == "campaign" and source:
        where, cause = {"source": source}, maker.add("camp", "campaign", onset, until=None, title=title, source=source)
        also, fall = [], effect(maker, where, onset, metric=root, up=True)
    elif kind == "message":
        cause = maker.say(onset, "growth", text.format(area=area), "lou")
        also, fall = [], effect(maker, where, onset, metric=root, up=True)
    else:
        pull, cause = maker.deploy(
            onset, "web", (title if kind == "deployment" else "Faster {area}").format(area=area), text, path
        )
        also, fall = [pull], effect(maker, where, onset, up=True)
    return truth_of(maker, onset, where, cause, also, fall, up=True, cause_or=also[:1])


@family("unknown")
def unknown(maker: Maker) -> Truth:
    dice = maker.dice
    onset = maker.now - timedelta(days=dice.uniform(1.2, 10))
    dims = list(maker.company["dims"])
    where = pick(maker, *dims) if dice.random() < 0.5 else {}
    fall = effect(maker, where, onset, metric=maker.company["root"] if dice.random() < 0.3 else maker.metric)
    if dice.random() < 0.7:
        loud(maker, onset + timedelta(hours=dice.uniform(6, 40) * dice.choice([-1, 1])))
    return truth_of(maker, onset, where, "unknown", [], fall)


@family("outage")
def outage(maker: Maker) -> Truth:
    """A tool is down; the cause shows in the others, or cannot be seen at all."""
    dice = maker.dice
    onset = onset_of(maker)
    dims = [d for d in ("browser", "country", "platform", "provider") if d in maker.company["dims"]]
    where = pick(maker, *dims) if dice.random() < 0.7 else {}
    deployment, also, fall = broken(maker, onset, where, error=True)
    tool = dice.choice(["sentry", "sentry", "github", "slack", "vercel", "linear"])
    maker.outages.append(
        {"tool": tool, "from": None, "until": None, "answer": dice.choice([503, 503, "timeout", 401, "malformed"])}
    )
    hidden = {"sentry": "err", "github": "pr", "slack": "msg", "vercel": "dep", "linear": "iss"}[tool]
    also = [name for name in also if not name.startswith(hidden)]
    cause, cause_or = (
        (deployment, [a for a in also if a.startswith("pr")])
        if tool != "vercel"
        else ("unknown", [a for a in also if a.startswith(("pr", "err"))])
    )
    return truth_of(maker, onset, where, cause, also, fall, cause_or=cause_or, unchecked=[tool])


@family("orders")
def orders(maker: Maker) -> Truth:
    dice = maker.dice
    onset = onset_of(maker)
    where = (
        pick(maker, *[d for d in ("browser", "country", "platform") if d in maker.company["dims"]])
        if dice.random() < 0.7
        else {}
    )
    deployment, also, fall = broken(maker, onset, where, error=True)
    bystander = loud(maker, onset + timedelta(hours=dice.uniform(1, 10) * dice.choice([-1, 1])))
    maker.issue(
        maker.now - timedelta(hours=dice.uniform(3, 30)),
        f"{maker.area.capitalize()}: numbers are down",
        dice.choice(words.ORDERS).format(dep=bystander),
    )
    return truth_of(maker, onset, where, deployment, also, fall, cause_or=[also[0]], never=[bystander])


@family("quiet")
def quiet(maker: Maker) -> Truth:
    """Nothing happened at all, and nobody has a reason to ask. Not one of the eighteen: it measures false blame."""
    loud(maker, onset_of(maker))
    seen = maker.now - timedelta(days=maker.dice.uniform(1, 5))
    return truth_of(
        maker, None, None, "unknown", [], -0.2, happened=False, question=asked(maker, seen, -0.2), seen=seen
    )
