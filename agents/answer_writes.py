"""What an answer says of the plan's writes: what is done, what waits and for what, what was not done and why. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from agents.answer_format import link, listed, plain
from agents.plan import Plan
from agents.ports import StepResult
from tools.kit.tool import Write, verbs
from tools.nouns import Receipt

UNDO = "writes.undo"


def told(plan: Plan, results: Mapping[str, StepResult]) -> Iterable[tuple[Receipt, str]]:
    """What was done or taken back, each with its line, in the order of the steps."""
    for step in plan.steps:
        for noun in results[step.id].nouns if step.id in results else ():
            if isinstance(noun, Receipt):
                yield noun, undone(noun) if step.verb == UNDO else done(noun)


def done(receipt: Receipt) -> str:
    """A receipt as a line: the record with its link, and the service's own words."""
    return f"- {_record(receipt)}{_own(receipt.said)}"


def undone(receipt: Receipt) -> str:
    """The receipt of an undo as a line."""
    return f"- {'Only shown' if receipt.dry else 'Taken back'}: {_record(receipt)}{_own(receipt.said)}"


def reads(plan: Plan, results: Mapping[str, StepResult]) -> dict[str, StepResult]:
    """The results of the steps that change nothing."""
    writes = {step.id for step in plan.steps if is_write(step.verb) or step.verb == UNDO}
    return {name: result for name, result in results.items() if name not in writes}


def _own(said: str) -> str:
    """The service's own words as a quotation; none where they quote something themselves."""
    return f": “{plain(said)}”" if said and not re.search("[“”`]", said) else ""


def _record(receipt: Receipt) -> str:
    title, target = plain(receipt.title or receipt.ref), link(receipt.url)
    named = f"[{title}]({target})" if target else title
    return f"{named} ({plain(receipt.ref)})" if receipt.title and receipt.ref else named


def standing(plan: Plan, results: Mapping[str, StepResult]) -> str:
    """What the product says of its own writes that are not done; "" where there are none."""
    writes = [
        (step.title or step.verb, results[step.id])
        for step in plan.steps
        if step.id in results and (is_write(step.verb) or step.verb == UNDO)
    ]
    sentences: list[str] = []
    asked = [title for title, result in writes if result.state == "awaiting"]
    if asked:
        sentences.append(f"**Prepared, nothing is changed yet:** {_titles(asked)} {_wait(asked)} for your yes.")
    for title, result in writes:
        if result.state == "later":
            sentences.append(f"“{plain(title)}” waits: {plain(result.error or 'it is not possible yet')}")
        if result.state in ("failed", "skipped") and result.error and not _idle(result):
            sentences.append(f"“{plain(title)}” was **not done**: {plain(result.error)}")
    return "\n\n".join(sentences)


def is_write(verb: str) -> bool:
    """Whether a verb changes something."""
    return verb in verbs(Write)


def _idle(result: StepResult) -> bool:
    """Whether there was nothing to do, rather than that it was not done."""
    return (result.error or "").startswith("Nothing was found for ")


def _titles(titles: Iterable[str]) -> str:
    return listed(f"“{plain(title)}”" for title in titles)


def _wait(titles: list[str]) -> str:
    return "waits" if len(titles) == 1 else "wait"
