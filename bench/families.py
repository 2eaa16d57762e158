# ruff: noqa: E501  (records and lists of words read best a line each)
"""Worlds made to measure the investigation: eighteen families, any number of seeds, in the form of FORMAT.md."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bench import families_text as words

HOLIDAYS = {  # the last day of a public holiday that is a weekday, by country: first day, days, name
    "DE": [("2026-05-14", 1, "Ascension Day"), ("2026-04-03", 4, "Easter")],
    "US": [("2026-11-26", 1, "Thanksgiving"), ("2026-09-07", 1, "Labor Day"), ("2026-05-25", 1, "Memorial Day")],
    "GB": [("2026-08-31", 1, "Summer bank holiday"), ("2026-04-03", 4, "Easter")],
    "PL": [("2026-06-04", 1, "Corpus Christi"), ("2026-11-11", 1, "Independence Day")],
    "NL": [("2026-04-27", 1, "King's Day"), ("2026-05-14", 1, "Ascension Day")],
}


@dataclass
class Maker:
    """A world being made: the dice, the company and what has been put into it so far."""

    family: str
    seed: int
    dice: random.Random
    company: dict[str, Any]
    now: datetime
    days: int
    per_day: float
    metric: str = ""
    artefacts: list[dict[str, Any]] = field(default_factory=list)
    effects: list[dict[str, Any]] = field(default_factory=list)
    outages: list[dict[str, Any]] = field(default_factory=list)
    trends: dict[str, float] = field(default_factory=dict)
    serial: int = 100

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.company["tz"])

    @property
    def area(self) -> str:
        return str(self.company["area"][self.metric][0])

    def rate(self, metric: str) -> float:
        """Expected events a day."""
        rate = self.per_day
        for event, share in self.company["chain"]:
            if metric == self.company["root"]:
                break
            rate *= share
            if event == metric:
                break
        return rate

    def add(self, prefix: str, kind: str, at: datetime | None, **fields: Any) -> str:
        self.serial += self.dice.randint(1, 7)
        name = f"{prefix}-{self.serial}"
        artefact: dict[str, Any] = {"id": name, "kind": kind, **fields}
        if at is not None:
            artefact["at"] = _iso(at)
        self.artefacts.append(artefact)
        return name

    def share(self, where: dict[str, str]) -> float:
        share = 1.0
        for dim, value in where.items():
            share *= self.company["dims"][dim][value]
        return share

    def work_time(self, at: datetime) -> datetime:
        """The same local day at some moment of working hours."""
        local = at.astimezone(self.tz)
        return local.replace(hour=self.dice.randint(9, 17), minute=self.dice.randint(0, 59), second=0, microsecond=0)

    def deploy(self, at: datetime, component: str, title: str, body: str, path: str, **more: Any) -> tuple[str, str]:
        """A pull request and the deployment that ships it; returns both ids."""
        dice = self.dice
        pull = self.add(
            "pr", "pull_request", at - timedelta(days=dice.uniform(0.5, 4)), merged=_iso(at - timedelta(minutes=dice.randint(8, 40))),
            author=dice.choice(["iko", "pete", "ravi"]), reviewers=["sofie"], review="approved", checks="success",
            state="merged", title=title, body=body, files=[{"path": path, "patch": "@@ -10,2 +10,6 @@\n+  // " + title}],
        )  # fmt: skip
        named = {"title": title} if dice.random() < 0.5 else {}
        deployment = self.add(
            "dep", "deployment", at, service=component, environment="production", prs=[pull], state="success",
            **named, **more,
        )  # fmt: skip
        return pull, deployment

    def error(self, at: datetime, title: str, path: str, per_hour: float, release: str | None, **more: Any) -> str:
        fields = {"level": "error", "tags": {}, "state": "unresolved", "last_seen": "-9m", **more}
        return self.add(
            "err", "error", None, first_seen=_iso(at), title=title, culprit=path, function="submit", line=self.dice.randint(5, 200),
            per_hour=round(per_hour, 1), users=int(per_hour * 60), release=release, **fields,
        )  # fmt: skip

    def say(self, at: datetime, channel: str, text: str, author: str = "cass") -> str:
        return self.add("msg", "message", at, channel=channel, author=author, text=text, thread=None)

    def ticket(self, at: datetime, title: str, body: str) -> str:
        return self.add("tick", "ticket", at, customer=None, plan=None, state="open", title=title, body=body)

    def issue(self, at: datetime, title: str, body: str, **more: Any) -> str:
        fields = {"state": "open", "priority": "medium", "assignee": None, "labels": ["bug"], "milestone": None,
                  "blocks": [], "blocked_by": [], "prs": [], **more}  # fmt: skip
        return self.add("iss", "issue", at, title=title, body=body, **fields)


def make_world(family: str, seed: int) -> dict[str, Any]:
    """One world of a family, as parsed YAML; the same seed gives the same world."""
    dice = random.Random(f"{family}/{seed}")
    companies = [c for c in words.COMPANIES if _suits(family, c)]
    company = dice.choice(companies)
    day = datetime(
        2026, dice.randint(2, 11), dice.randint(1, 27), dice.randint(7, 18), dice.choice([0, 10, 30]), tzinfo=UTC
    )
    maker = Maker(family, seed, dice, company, day, dice.choice([42, 49, 56, 56, 63, 70]), 0.0)
    metrics = [event for event, _ in company["chain"]]
    maker.metric = dice.choice(metrics[:-1] if len(metrics) > 2 and dice.random() < 0.5 else metrics[-2:])
    maker.per_day = _volume(maker)
    truth = FAMILIES[family](maker)
    _noise(maker, truth)
    truth.setdefault("metric", maker.metric)
    truth["family"] = family
    return _as_world(maker, truth)


def _suits(family: str, company: dict[str, Any]) -> bool:
    needs = {"browser": "browser", "provider": "provider", "campaign": "source", "peak": "source"}
    return needs.get(family, next(iter(company["dims"]))) in company["dims"] and (
        family != "holiday" or company["country"] in HOLIDAYS
    )


def _volume(maker: Maker) -> float:
    """Root events a day such that the asked metric has 120 to 2000 of them."""
    maker.per_day = 1.0
    wanted = float(maker.dice.choice([140, 200, 300, 450, 700, 1200, 2000]))
    return round(wanted / maker.rate(maker.metric))


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")


def _as_world(maker: Maker, truth: dict[str, Any]) -> dict[str, Any]:
    company = maker.company
    root: dict[str, Any] = {
        "event": company["root"], "per_day": maker.per_day, "weekly": company["weekly"], "hourly": company["hourly"],
        "noise": round(maker.dice.uniform(0.02, 0.05), 3),
        "trend": maker.trends.get(company["root"], round(maker.dice.uniform(-0.0005, 0.002), 4)), "dims": company["dims"],
    }  # fmt: skip
    streams, parent = [root], company["root"]
    for event, rate in company["chain"]:
        trend = {"trend": maker.trends[event]} if event in maker.trends else {}
        streams.append({"event": event, "from": parent, "rate": rate, **trend})
        parent = event
    if maker.dice.random() < 0.6:
        streams.append(
            {"event": "export_done", "per_day": maker.dice.choice([60, 400]), "weekly": company["weekly"],
             "hourly": "office", "noise": 0.05, "dims": {"format": {"csv": 0.7, "pdf": 0.3}}}
        )  # fmt: skip
    maker.dice.shuffle(maker.artefacts)
    slug = company["name"].lower()
    return {
        "name": f"{maker.family}-{maker.seed}", "seed": maker.seed + 1, "now": maker.now, "days": maker.days,
        "company": {"name": company["name"], "domain": f"{slug}.test", "repo": f"{slug}/app", "timezone": company["tz"]},
        "people": [{"id": i, "name": n, "email": f"{i}@{slug}.test", "role": r} for i, n, r in words.PEOPLE],
        "streams": streams, "artefacts": maker.artefacts, "effects": maker.effects, "outages": maker.outages,
        "truth": truth,
    }  # fmt: skip


def _noise(maker: Maker, truth: dict[str, Any]) -> None:
    """Everyday noise: harmless changes over two weeks, one or two of them near the onset, talk, tickets, errors."""
    dice, now = maker.dice, maker.now
    onset = truth["_onset"]
    near = onset or now - timedelta(days=dice.uniform(1, 5))
    gap = 3.0 if maker.family == "unknown" else 0.8
    times = [now - timedelta(days=dice.uniform(0.4, 15)) for _ in range(dice.randint(4, 6))]
    times = [maker.work_time(t) for t in times]
    times += [near + timedelta(hours=dice.choice([-1, 1]) * dice.uniform(gap, 20)) for _ in range(dice.randint(1, 2))]
    harmless = dice.sample(words.HARMLESS, len(times))
    for at, (component, title, body, path) in zip(times, harmless, strict=True):
        if at >= now or abs((at - near).total_seconds()) < gap * 3600:
            continue
        _, dep = maker.deploy(at, component, title, body, path)
        if dice.random() < 0.3:
            maker.error(at + timedelta(minutes=dice.randint(5, 90)), f"TypeError in {path.split('/')[-1]}", path,
                        dice.uniform(0.2, 1.2), dep, level="warning")  # fmt: skip
    maker.error(now - timedelta(days=dice.randint(16, 60)), "ResizeObserver loop completed with undelivered notifications",
                "web/src/boards/Board.tsx", dice.uniform(1, 7), None, level="warning", state="ignored",
                tags={"browser": "Chrome"} if "browser" in maker.company["dims"] else {})  # fmt: skip
    maker.error(now - timedelta(days=dice.uniform(3, 20)), "ReadTimeout: carrier did not answer in 8 s",
                "api/carrier.py", dice.uniform(0.5, 3), None, tags={"route": "POST /rates"})  # fmt: skip
    dims = maker.company["dims"]
    dim = dice.choice([d for d in dims if d in ("country", "platform", "browser", "provider")])
    maker.add("flag", "flag_change", maker.work_time(now - timedelta(days=dice.uniform(2, 14))), flag=dice.choice(["leftovers", "quiz", "guided-setup"]),
              **{"from": 0, "to": dice.choice([10, 20, 50])}, where={dim: dice.choice(list(dims[dim]))} if dice.random() < 0.6 else {}, author="sofie")  # fmt: skip
    for channel, text in dice.sample(words.SMALL_TALK, 5):
        maker.say(
            now - timedelta(days=dice.uniform(0.3, 13)), channel, text, dice.choice(["mara", "ravi", "lou", "cass"])
        )
    for title, body in dice.sample(words.OTHER_TICKETS, 2):
        maker.ticket(now - timedelta(days=dice.uniform(0.3, 9)), title, body)
    maker.issue(now - timedelta(days=dice.uniform(5, 20)), "Columns jump while dragging", "Only with many cards.")
    maker.issue(
        now - timedelta(days=dice.uniform(8, 30)),
        "Voice notes",
        "Wished for.",
        state="backlog",
        priority="low",
        labels=["feature"],
    )
    title, text = dice.choice(words.OTHER_INCIDENTS)
    at = now - timedelta(days=dice.randint(60, 200))
    maker.add("inc", "incident", at, resolved=_iso(at + timedelta(hours=4)), title=title, text=text, service="worker")
    at = now - timedelta(days=dice.uniform(2, 12))
    maker.add(
        "alert",
        "alert",
        at,
        resolved=_iso(at + timedelta(minutes=40)),
        title="Queue longer than 500",
        service="worker",
        severity="warning",
    )
    if "source" in dims:
        maker.add(
            "camp",
            "campaign",
            now - timedelta(days=30),
            until=_iso(now + timedelta(days=20)),
            source=dice.choice(list(dims["source"])),
            title="Evergreen",
        )
    maker.add("doc", "document", now - timedelta(days=90), title="Rolling back the web app", path="runbooks/rollback-web.md",
              text="Promote the previous production deployment, then say so in #incidents.")  # fmt: skip
    maker.add(
        "doc", "document", now - timedelta(days=150), title="Holiday policy", path=None, text="Ask a week before."
    )
    maker.add("pay", "payments", None, per_day=max(20, int(maker.rate(maker.metric) * 0.4)), amount=29, currency="eur",
              failure_rate=0.03, weekly=maker.company["weekly"])  # fmt: skip
    truth.pop("_onset")


def onset_of(maker: Maker, least: float = 1.2, most: float = 11.0) -> datetime:
    """A moment of working hours some days ago, early enough for the change to show."""
    return maker.work_time(maker.now - timedelta(days=maker.dice.uniform(least, most)))


def asked(maker: Maker, onset: datetime, fall: float, up: bool = False, suspect: str = "") -> str:
    """The question, in one of many wordings. `fall` is the relative change that one might have seen."""
    name = maker.company["ask"].get(maker.metric, maker.metric)
    local = onset.astimezone(maker.tz)
    days = (maker.now - onset).total_seconds() / 86400
    weekday = local.strftime("%A")
    when = (
        f"since {weekday}"
        if days < 6.5
        else "since last week"
        if days < 9
        else f"since {local.strftime('%B')} {local.day}"
    )
    percent = max(5, round(abs(fall) * 100 / 5) * 5)
    down = ["fallen", "down", "lower than usual"] if not up else ["risen", "up", "higher than usual"]
    verb = maker.dice.choice(["drop", "fall"]) if not up else maker.dice.choice(["rise", "go up"])
    options = [
        f"Why did {name} {verb} {when}?",
        f"{name.capitalize()} are {down[1]} by about {percent}% {when}. {suspect or 'What happened?'}",
        f"why are {name} {down[2]} {when}",
        f"What made {name} {verb} {percent}% {when}? {suspect}".strip(),
        f"{name} look {'terrible' if not up else 'too good'} {when}, what happened?",
    ]
    return maker.dice.choice(options)


def truth_of(maker: Maker, onset: datetime | None, where: dict[str, str] | None, cause: str, also: list[str],
             fall: float, **more: Any) -> dict[str, Any]:  # fmt: skip
    question = more.pop("question", None) or asked(maker, more.pop("seen", onset) or maker.now - timedelta(days=3), fall,
                                                   up=more.pop("up", False), suspect=more.pop("suspect", ""))  # fmt: skip
    more.pop("seen", None)
    return {"question": question, "happened": more.pop("happened", True), "onset": None if onset is None else _iso(onset),
            "recovered": None, "where": where, "cause": cause, "cause_or": [], "also": also, "_onset": onset, **more}  # fmt: skip


FAMILIES: dict[str, Callable[[Maker], dict[str, Any]]] = {}
