# ruff: noqa: E501  (lists of words read best in few lines)
"""Families of made worlds in which something was changed or broke: regressions, flags, words in chat, outages."""

from __future__ import annotations

from datetime import timedelta

from bench import families_text as words
from bench.families import Maker, _iso, onset_of, truth_of
from bench.families_parts import Truth, broken, effect, family, loud, pick


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
