"""A run as the engine emits it, with realistic pauses: the fixture of the web chat's fold."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from agents.ports import Turn
from agents.record import Evidence

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
ONSET = datetime(2026, 11, 10, 14, tzinfo=UTC)

ANSWER = """**Yes: signups fell by 21%** (19% to 24%) against the same weekdays before, from 482 to 381 a day [1].

It began on **Tuesday 10 November at 09:00** and hit **Safari** alone: Safari fell by 74%, all others did not move [2].

### Most likely cause
- **acme/portal#482** "Store the session in a partitioned cookie" went out at 08:52, eight minutes before [3] [4].
- Sentry counts a new error, `SessionLost` in `session.ts`, a file which that pull request changed [5].

| Segment | Before | After | Change |
|---|---:|---:|---:|
| Safari | 136 | 35 | −74% |
| Chrome | 251 | 252 | +0% |
| Firefox | 95 | 94 | −1% |

What to do: roll back acme/portal#482, then watch Safari for an hour. PagerDuty could not be asked."""

STEPS = (
    ("s1", "Read signups for eight weeks", ("posthog",), 640),
    ("s2", "Judge whether they changed, and when", (), 90),
    ("s3", "Find which segment explains it", ("posthog",), 830),
    ("s4", "Look for deployments and pull requests", ("vercel", "github"), 720),
    ("s5", "Look for errors, alerts and messages", ("sentry", "pagerduty", "slack"), 950),
    ("s6", "Rank the causes", (), 60),
)


def _evidence(
    number: int, title: str, service: str, verb: str, content: tuple[dict[str, Any], ...], url: str
) -> Evidence:
    return Evidence(
        id=f"e{number}",
        run="r1",
        step="s1",
        number=number,
        service=service,
        verb=verb,
        title=title,
        ref=content[0]["ref"],
        url=url,
        at=NOW,
        sha256="9f2c" * 16,
        excerpt=title,
        asked={
            "args": {"metric": "signed_up", "since": "2026-09-23"},
            "requests": [
                {
                    "service": "posthog",
                    "method": "POST",
                    "url": "http://127.0.0.1:8001/posthog/query",
                    "status": 200,
                    "ms": 19,
                    "attempt": 1,
                }
            ],
        },
        content=content,
    )


def _record(kind: str, service: str, ref: str, title: str, **fields: Any) -> dict[str, Any]:
    url = f"http://127.0.0.1:8001/{service}/{ref}"
    return {"kind": kind, "service": service, "ref": ref, "url": url, "at": ONSET.isoformat(), "title": title, **fields}


EVIDENCE = (
    _evidence(
        1,
        "signed_up, daily, 8 weeks",
        "posthog",
        "metrics.series",
        tuple(
            _record("series", "posthog", f"signed_up/{day}", f"Day {day}", metric="signed_up", unit="events")
            for day in range(56)
        ),
        "http://127.0.0.1:8001/posthog/insights/1",
    ),
    _evidence(
        2,
        "signed_up by browser",
        "posthog",
        "metrics.breakdown",
        (_record("series", "posthog", "browser", "By browser"),),
        "http://127.0.0.1:8001/posthog/insights/2",
    ),
    _evidence(
        3,
        "Deployment dpl_81f of web",
        "vercel",
        "deploys.list",
        (
            _record(
                "deployment",
                "vercel",
                "dpl_81f",
                "web: Store the session in a partitioned cookie",
                component="web",
                state="success",
            ),
        ),
        "http://127.0.0.1:8001/vercel/dpl_81f",
    ),
    _evidence(
        4,
        "acme/portal#482 Store the session in a partitioned cookie",
        "github",
        "pulls.get",
        (
            _record(
                "pull_request",
                "github",
                "acme/portal#482",
                "Store the session in a partitioned cookie",
                state="merged",
                author="schen",
            ),
        ),
        "http://127.0.0.1:8001/github/acme/portal/pull/482",
    ),
    _evidence(
        5,
        "SessionLost in session.ts",
        "sentry",
        "errors.search",
        (
            _record(
                "error",
                "sentry",
                "PORTAL-7K",
                "SessionLost: no session after sign-up",
                count=1841,
                tags={"browser": "Safari"},
            ),
        ),
        "http://127.0.0.1:8001/sentry/PORTAL-7K",
    ),
    _evidence(
        6,
        "Messages in #growth",
        "slack",
        "messages.search",
        (_record("message", "slack", "C01/1", "", body="is it me or is sign-up broken on iPhone?", author="maria"),),
        "http://127.0.0.1:8001/slack/C01/1",
    ),
)


def chart() -> dict[str, Any]:
    start = datetime(2026, 10, 21, tzinfo=ZoneInfo("America/New_York"))

    def days(level: float, after: float) -> list[list[Any]]:
        points = []
        for day in range(29):
            at = start + timedelta(days=day)
            week = 1 - 0.25 * (at.weekday() >= 5)
            value = (after if at >= ONSET - timedelta(hours=10) else level) * week + 9 * math.sin(day * 1.7)
            points.append([at.isoformat(), round(max(value, 0))])
        return points

    return {
        "series": [
            {"name": "signed_up", "points": days(482, 381)},
            {"name": "Safari", "points": days(136, 35)},
            {"name": "all others", "points": days(346, 346)},
        ],
        "unit": "a day",
        "onset": ONSET.isoformat(),
        "recovered": None,
        "interval": [(ONSET - timedelta(hours=9)).isoformat(), (ONSET + timedelta(hours=6)).isoformat()],
        "expected": days(482, 482)[19:],
        "timezone": "America/New_York",
        "incomplete_from": datetime(2026, 11, 18, 5, tzinfo=UTC).isoformat(),
    }


def _plan(states: Mapping[str, str]) -> dict[str, Any]:
    return {
        "revision": 1,
        "steps": [
            {
                "id": step,
                "title": title,
                "verb": "v",
                "state": states.get(step, "waiting"),
                "needs": [],
                "service": list(services),
            }
            for step, title, services, _ in STEPS
        ],
    }


def script(turn: Turn) -> Iterator[tuple[float, str, dict[str, Any]]]:
    """(seconds to wait, kind, data) of one run."""
    started = {"actor": turn.actor, "channel": turn.channel, "conversation": turn.conversation, "text": turn.text}
    yield 0, "run.started", started
    yield 0.3, "plan.updated", _plan({})
    for step, title, services, ms in STEPS:
        yield 0.05, "step.started", {"id": step, "title": title}
        for service in services:
            yield (
                0,
                "call.started",
                {"id": f"{step}{service}", "step": step, "service": service, "verb": "v", "args": {}},
            )
        for service in services:
            ok = service != "pagerduty"
            yield (
                ms / 1000 / len(services),
                "call.finished",
                {
                    "id": f"{step}{service}",
                    "step": step,
                    "service": service,
                    "ok": ok,
                    "summary": "",
                    "error": None if ok else "503",
                    "ms": ms,
                },
            )
        for one in EVIDENCE:
            if one.service in services and (one.number != 2 or step == "s3") and (one.number != 1 or step == "s1"):
                yield (
                    0,
                    "evidence.added",
                    one.model_dump(
                        mode="json", include={"id", "number", "title", "service", "verb", "ref", "url", "excerpt", "at"}
                    ),
                )
        yield 0, "step.finished", {"id": step, "state": "done", "summary": "56 days" if step == "s1" else "", "ms": ms}
    yield 0, "notice", {"text": "PagerDuty could not be asked: it answered 503 three times.", "level": "warning"}
    yield (
        0.1,
        "artifact.created",
        {
            "id": "a1",
            "kind": "chart",
            "title": "Signups a day",
            "data": chart(),
            "alt": "Signups a day fell from 482 to 381 on 10 November; Safari alone fell.",
        },
    )
    words = ANSWER.split(" ")
    for start in range(0, len(words), 4):
        yield 0.05, "text.delta", {"text": ("" if start == 0 else " ") + " ".join(words[start : start + 4])}
    yield (
        0.1,
        "message.completed",
        {
            "text": ANSWER,
            "claims": [],
            "citations": [{"number": n, "evidence": f"e{n}"} for n in (1, 2, 3, 4, 5)],
            "suggestions": ["And for mobile?", "Show me the pull request", "Which customers are affected?"],
        },
    )
    yield 0, "run.finished", {"status": "answered", "error": None, "usage": {"tool_calls": 8, "usd": 0.0, "ms": 4200}}
