"""What a checkpoint that other code wrote is still good for: its plan, from which the run begins anew. Pure.

Results, evidence, approvals and the effect ledger lie outside the checkpoints, so that a run that begins anew from its
plan asks for nothing again that it has, and does nothing again that was done.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from agents.approval import Source
from agents.plan import Plan, Step

# Raise it when a node or a value of the state is renamed, taken away or means something else; not for a new one.
STATE_VERSION = 1

# A plan that does not say what its planner had read counts as one that had read anything.
UNTOLD = Source(title="what this plan's planner had read, which an earlier version did not keep")


def is_ours(values: Mapping[str, Any]) -> bool:
    """Whether a checkpoint's values have the form that this code reads."""
    begun = values.get("__start__")
    held = begun if isinstance(begun, Mapping) else values
    return bool(held.get("v") == STATE_VERSION)


def seeded(values: Mapping[str, Any]) -> dict[str, Any]:
    """A state to begin anew from: with the plan that the values hold, or from the very start where they hold none.

    Raises ValueError for a plan that cannot be read.
    """
    if "plan" not in values:
        return {"v": STATE_VERSION}
    plan = _plan(values["plan"])
    recalled = values.get("recalled")
    return {
        "v": STATE_VERSION,
        "plan": plan.model_dump(mode="json"),
        "recalled": recalled if isinstance(recalled, list) else [],
    }


def _plan(kept: Any) -> Plan:
    try:
        known = {name: kept[name] for name in Plan.model_fields if name in kept}
        steps = [{name: step[name] for name in Step.model_fields if name in step} for step in kept["steps"]]
        return Plan.model_validate({"read": (UNTOLD,), **known, "steps": steps})
    except (ValidationError, TypeError, KeyError, AttributeError) as error:
        raise ValueError("its plan was kept in a form that this version cannot read") from error
