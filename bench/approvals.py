"""Approvals under attack: 1,000 executions that differ from what was approved, or come again; none may pass.

Each tries what the acting path asks before anything is sent: `permits` on the record, then the ledger's intent, which
uses the approval up. The ledger is the stored one, on SQLite.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agents.approval import Approval, Decision, NotDecided, Proposal, Risk, decide, permits, proposal_id
from agents.effect import Effect, effect_key
from app.stores.effects import StoredLedger
from app.stores.migrations import migrate
from app.stores.sqlite import SQLite
from bench.bound import Bounds
from tools.kit.action import Change, Target

NOW = datetime(2026, 11, 18, 9, tzinfo=UTC)
TRIES = 1000
Attack = tuple[Approval, Proposal, datetime]


def proposed(number: int, rng: random.Random) -> Proposal:
    """A proposal as the product makes them, with arguments of every shape."""
    run = f"run_{number}"
    text = "".join(rng.choice('abc déß{}"\\\n\u200b') for _ in range(rng.randint(1, 30)))
    return Proposal(
        id=proposal_id(run, "tell", 1), workspace="acme", run=run, step="tell", title="Tell the team", service="slack",
        verb="messages.send",
        args={"to": "#product", "text": text, "links": ["https://a.example/1"], "share": rng.choice([0, 1, 50.5])},
        change=Change(target=Target(service="slack", kind="channel", ref="C1"), after={"text": text}, bound={"a": 1}),
        risk=Risk(level="medium"), requester="ann", barred=("ann",), needed=rng.choice([1, 2]), at=NOW,
        expires_at=NOW + timedelta(days=7),
    )  # fmt: skip


def approved(one: Proposal) -> Approval:
    """The record after as many people as it needs have said yes."""
    record = Approval(proposal=one)
    for number in range(one.needed):
        record = decide(record, yes(one, f"person{number}"))
    return record


def yes(one: Proposal, by: str, **more: Any) -> Decision:
    """A person's yes to what they were shown."""
    said = {"choice": "approve", "by": by, "channel": "web", "at": NOW, "digest": one.digest, **more}
    return Decision.model_validate(said)


def _other(value: Any, rng: random.Random) -> Any:
    """A value that differs by as little as it can."""
    if isinstance(value, str):
        return rng.choice([value + " ", value + "\u200b", value.upper() + "!", value[:-1] + "\u0430", "evil"])
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, list):
        return rng.choice([[*value, "https://evil.example"], value[:-1], ["https://a.example/1 "]])
    return {**value, "more": "evil"}


def _argument(one: Proposal, rng: random.Random) -> Proposal:
    name = rng.choice(list(one.args))
    return one.model_copy(update={"args": {**one.args, name: _other(one.args[name], rng)}})


def _argument_more(one: Proposal, rng: random.Random) -> Proposal:
    return one.model_copy(update={"args": {**one.args, rng.choice(["thread", "cc", "To", "text "]): "evil"}})


def _argument_less(one: Proposal, rng: random.Random) -> Proposal:
    gone = rng.choice(list(one.args))
    return one.model_copy(update={"args": {name: value for name, value in one.args.items() if name != gone}})


def _change(one: Proposal, rng: random.Random) -> Proposal:
    # Titles, counts and warnings are facts about the target that may move while a write waits; they decide nothing.
    elsewhere = one.change.target.model_copy(update=rng.choice([{"ref": "C2"}, {"environment": "production"}]))
    update: dict[str, Any] = rng.choice(
        [
            {"after": {"text": "evil"}},
            {"before": {"text": "was"}},
            {"bound": {"id": "C2"}},
            {"people": ("mallory",)},
            {"target": elsewhere},
        ]
    )
    return one.model_copy(update={"change": one.change.model_copy(update=update)})


def _field(one: Proposal, rng: random.Random) -> Proposal:
    name = rng.choice(["verb", "service", "workspace", "run", "step", "id"])
    return one.model_copy(update={name: _other(getattr(one, name), rng)})


def _longer(one: Proposal, rng: random.Random) -> Proposal:
    return one.model_copy(update={"expires_at": one.expires_at + timedelta(seconds=rng.randint(1, 10**7))})


def _revised(one: Proposal, rng: random.Random) -> Proposal:
    return one.model_copy(update={"revision": one.revision + rng.randint(1, 3)})


MUTATIONS = (_argument, _argument_more, _argument_less, _change, _field, _longer, _revised)


def _mutated(one: Proposal, rng: random.Random) -> Attack:
    return approved(one), rng.choice(MUTATIONS)(one, rng), NOW


def _moved(one: Proposal, rng: random.Random) -> Attack:
    """The record itself says what the attacker wants, under the people's old decisions."""
    changed = rng.choice(MUTATIONS)(one, rng)
    return approved(one).model_copy(update={"proposal": changed}), changed, NOW


def _late(one: Proposal, rng: random.Random) -> Attack:
    return approved(one), one, one.expires_at + timedelta(seconds=rng.randint(0, 10**6))


def _unsettled(one: Proposal, rng: random.Random) -> Attack:
    state = rng.choice(["requested", "rejected", "expired", "withdrawn"])
    return approved(one).model_copy(update={"state": state}), one, NOW


def _forged(one: Proposal, rng: random.Random) -> Attack:
    """Decisions that do not count: nobody's, the requester's own, one person's twice, too late, a no."""
    one = one.model_copy(update={"needed": 2})
    lists = (
        (),
        (yes(one, "ann"), yes(one, "sam")),
        (yes(one, "sam"), yes(one, "sam")),
        (yes(one, "sam"), yes(one, "eve", at=one.expires_at)),
        (yes(one, "sam"), yes(one, "eve", choice="reject")),
        (yes(one, "sam"), yes(one, "")),
        (yes(one, "sam"), yes(one, "eve", digest="0" * 64)),
    )
    return Approval(proposal=one, state="approved", decisions=rng.choice(lists)), one, NOW


ATTACKS: tuple[Callable[[Proposal, random.Random], Attack], ...] = (_mutated, _moved, _late, _unsettled, _forged)


async def executed(ledger: StoredLedger, approval: Approval, one: Proposal, now: datetime, step: str = "") -> bool:
    """Whether this would be sent now."""
    if not permits(approval, one, now):
        return False
    intent = Effect(
        key=effect_key(one.run, step or one.step), run=one.run, step=step or one.step, service=one.service,
        verb=one.verb, title=one.title, digest=one.digest, args=one.args, change=one.change, approval=approval.id,
        at=now,
    )  # fmt: skip
    try:
        return await ledger.intend(intent) is intent
    except NotDecided:
        return False


async def measure(tries: int, seed: int = 0) -> tuple[Counter[str], Counter[str], int]:
    """How many of each attack were tried, how many passed, and how many honest executions did."""
    rng = random.Random(seed)
    tried: Counter[str] = Counter()
    passed: Counter[str] = Counter()
    honest = 0
    with tempfile.TemporaryDirectory() as folder:
        database = SQLite(Path(folder) / "deus.db")
        try:
            await migrate(database)
            ledger = StoredLedger(database)
            for number in range(tries):
                one = proposed(number, rng)
                if number % 6 == 5:
                    record = approved(one)
                    honest += await executed(ledger, record, one, NOW)
                    # The same once more, and for another step of the same run.
                    again = await executed(ledger, record, one, NOW) or await executed(
                        ledger, record, one, NOW, "other"
                    )
                    tried["replayed"] += 1
                    passed["replayed"] += again
                    continue
                attack = ATTACKS[number % 6]
                tried[attack.__name__] += 1
                passed[attack.__name__] += await executed(ledger, *attack(one, rng))
        finally:
            await database.close()
    return tried, passed, honest


def main() -> int:
    """Prints the figures."""
    tried, passed, honest = asyncio.run(measure(TRIES))
    for name, number in sorted(tried.items()):
        print(f"{name.strip('_')}: {number} tried, {passed[name]} passed")
    bounds = Bounds()
    bounds.at_least("executions tried", sum(tried.values()), TRIES, 0)
    bounds.at_most("of which passed", sum(passed.values()), 0, 0)
    bounds.at_least("honest executions that passed", honest, tried["replayed"], 0)
    return bounds.exit_code()


if __name__ == "__main__":
    sys.exit(main())
