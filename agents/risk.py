"""How much a write can cost: from its verb, environment, size, time and whether it can be taken back. Pure."""

from __future__ import annotations

from agents.approval import Level, Risk
from agents.ask import Ask
from agents.hours import Hours

LEVELS: tuple[Level, ...] = ("low", "medium", "high", "critical")
# From so many touched records or readers on a mistake is no longer mended by hand in a minute.
MANY, VERY_MANY = 10, 100


def assess(ask: Ask, hours: Hours) -> Risk:
    """The level, and in sentences what it comes from. Each aggravating fact raises it by one; none lowers it."""
    change = ask.change
    raised: list[str] = []
    if ask.in_production and ask.stakes != "low":
        named = change.target.environment
        raised.append(
            "It changes production." if named else "Its environment is not known, so it counts as production."
        )
    size = max(change.affects, len(change.people))
    if size >= MANY:
        what = f"It reaches {size} people." if len(change.people) >= change.affects else f"It touches {size} records."
        raised += [what] * (2 if size >= VERY_MANY else 1)
    if not change.undo:
        raised.append("It cannot be taken back.")
    if ask.stakes != "low" and (when := hours.away(ask.at) or hours.closing(ask.at)):
        raised.append(when)
    if change.warnings:
        raised.append(f"There is a warning: {change.warnings[0]}")
    base = LEVELS.index(ask.stakes)
    level = LEVELS[min(base + len(raised), len(LEVELS) - 1)]
    own = {"low": "", "medium": "A mistake is seen by others.", "high": "A mistake is felt by customers."}[ask.stakes]
    return Risk(level=level, reasons=tuple(dict.fromkeys(filter(None, (own, *raised)))))


def exceeds(level: Level, threshold: Level) -> bool:
    """Whether a level is above a threshold."""
    return LEVELS.index(level) > LEVELS.index(threshold)
