"""What an answer says of the plan's writes: what is done, what waits and for what, what was not done and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agents.answer_format import link, listed, plain
from agents.plan import Plan
from agents.ports import StepResult
from tools.kit.tool import Write, verbs
from tools.nouns import Receipt

UNDO = "writes.undo"


def receipts(results: Mapping[str, StepResult]) -> list[Receipt]:
    """What was done, or taken back, in the order of the steps."""
    return [noun for result in results.values() for noun in result.nouns if isinstance(noun, Receipt)]


def done(receipt: Receipt) -> str:
    """A receipt as a line: the service's own word with the record's link."""
    place = (
        f"[{plain(receipt.title or receipt.ref)}]({link(receipt.url)})" if link(receipt.url) else plain(receipt.title)
    )
    ref = f" ({plain(receipt.ref)})" if receipt.title and receipt.ref else ""
    return f"- {plain(receipt.said)} {place}{ref}".rstrip()


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


def nothing_done(plan: Plan, results: Mapping[str, StepResult]) -> bool:
    """Whether the plan was to change something and nothing has been changed, nor waits."""
    states = [results[step.id].state for step in plan.steps if step.id in results and is_write(step.verb)]
    return bool(states) and not any(state in ("done", "awaiting", "later") for state in states)


def _idle(result: StepResult) -> bool:
    """Whether there was nothing to do, rather than that it was not done."""
    return (result.error or "").startswith("Nothing was found for ")


def _titles(titles: Iterable[str]) -> str:
    return listed(f"“{plain(title)}”" for title in titles)


def _wait(titles: list[str]) -> str:
    return "waits" if len(titles) == 1 else "wait"
