# ruff: noqa: E501  (lists of words read best in few lines)
"""Families of made worlds in which nothing broke: the calendar, campaigns, lost tracking, growth, no cause in sight."""

from __future__ import annotations

from datetime import datetime, timedelta

from bench import families_text as words
from bench.families import HOLIDAYS, Maker, _iso, asked, onset_of, truth_of
from bench.families_parts import Truth, effect, family, how_to_read, loud, pick


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
            how_to_read(maker)]  # fmt: skip
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
        [how_to_read(maker)],
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


@family("quiet")
def quiet(maker: Maker) -> Truth:
    """Nothing happened at all, and nobody has a reason to ask. Not one of the eighteen: it measures false blame."""
    loud(maker, onset_of(maker))
    seen = maker.now - timedelta(days=maker.dice.uniform(1, 5))
    return truth_of(
        maker, None, None, "unknown", [], -0.2, happened=False, question=asked(maker, seen, -0.2), seen=seen
    )
