"""A dry run: the whole plan runs, writes are shown and not sent, and the answer says what would have happened. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from agents.answer_format import plain, titled
from agents.plan import REFERENCE, Plan, Step, references
from agents.ports import StepResult
from agents.record import Answer, Claim
from tools.nouns import Receipt

ASKED = re.compile(r"^\s*(?:/dry(?:[-_ ]?run)?(?=\s|:|$)\s*:?|dry[- ]run\s*[:,–—])\s*", re.IGNORECASE)
NOTHING = "**Dry run: nothing was sent, and nothing was changed.**"
PARTLY = "**Some of it was only shown:** this workspace's rules let nothing be written there."
NONE_MEANT = "Nothing would have been written."
WOULD = "Would have been done"
LONGEST = 160


def is_asked(text: str) -> bool:
    """Whether a sentence asks for a dry run: "/dry …" or "dry run: …"."""
    found = ASKED.match(text)
    return found is not None and bool(text[found.end() :].strip())


def without_words(text: str) -> str:
    """The sentence without the words that ask for a dry run."""
    return ASKED.sub("", text, count=1) if is_asked(text) else text


def rests_on(step: Step, plan: Plan, results: Mapping[str, StepResult]) -> str:
    """The title of a write that was only shown and whose result a step needs; "" if there is none."""
    for reference in references(step.args):
        match = REFERENCE.match(reference)
        result = results.get(match["step"]) if match else None
        if result is not None and shadows(result):
            return plan.step(result.id).title or result.id
    return ""


def shadows(result: StepResult) -> tuple[Receipt, ...]:
    """The receipts of writes that were only shown."""
    return tuple(noun for noun in result.nouns if isinstance(noun, Receipt) and noun.dry)


def told(
    answer: Answer,
    plan: Plan,
    results: Mapping[str, StepResult],
    *,
    dry: bool,
    stands: Callable[[Claim], bool] = lambda claim: True,
) -> Answer:
    """The answer with what would have happened, and without a sentence that calls it done.

    Whoever wrote the answer may have taken a shown write for one that happened: sentences that cite one are replaced,
    and in a dry run those that cite nothing are left out. A line that does not stand as a claim, because of figures
    within the text that would be sent, is the product's own word for what it would do.
    """
    shown = {step: found for step, result in results.items() if (found := shadows(result))}
    if not shown and not dry:
        return answer
    evidence = {item for step in shown for item in results[step].evidence}
    effects = {one.effect for found in shown.values() for one in found}
    kept = [
        claim
        for claim in answer.claims
        if not any(item in evidence or item.partition(".")[0] in evidence for item in claim.evidence)
        and not (dry and not claim.evidence)
        and not any(effect in claim.text for effect in effects)
    ]
    would = [
        Claim(text=line(receipt), kind="fact", evidence=results[step].evidence, section=WOULD)
        for step in (one.id for one in plan.steps if one.id in shown)
        for receipt in shown[step]
    ]
    cited = [claim for claim in would if stands(claim)]
    own = "\n".join([f"**{WOULD}**\n", *(claim.text for claim in would if claim not in cited)])
    said = [NOTHING if dry else PARTLY, NONE_MEANT if dry and not would else "", answer.preface]
    said += [own] if len(cited) < len(would) else []
    return answer.model_copy(
        update={"preface": "\n\n".join(filter(None, said)), "claims": (*cited, *kept), "abstained": False}
    )


def line(receipt: Receipt) -> str:
    """A write that was only shown, field by field."""
    fields = (_field(name, receipt.before.get(name), after) for name, after in receipt.after.items())
    what = "; ".join(filter(None, fields))
    where = f"{titled(receipt.service)}, {receipt.verb}"
    return f"- {_short(receipt.title or receipt.ref)} ({where})" + (f": {what}" if what else "")


def _field(name: str, before: Any, after: Any) -> str:
    if before == after:
        return ""
    was = f"{_short(before)} → " if before not in (None, "", [], {}) else ""
    return f"{name.replace('_', ' ')}: {was}{_short(after)}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    words: Iterable[str] = plain(" ".join(text.split())).split(" ")
    kept = ""
    for word in words:
        # Cut between words alone: half of a link or a number would be another one.
        if len(kept) + len(word) > LONGEST:
            return f"{kept} …"
        kept = f"{kept} {word}".strip()
    return kept or "nothing"
