"""The four families of expected errors; anything else is a bug and travels."""

from __future__ import annotations

from collections.abc import Sequence

from tools.kit.errors import DeusError, ModelMayRetry, PersonMustDecide, StepFailed, UserMustMend

__all__ = [
    "BudgetSpent",
    "DeusError",
    "Forbidden",
    "ModelMayRetry",
    "ModelUnusable",
    "NotUnderstood",
    "NothingFound",
    "PersonMustDecide",
    "PlanRefused",
    "StepFailed",
    "UserMustMend",
]


class PlanRefused(ModelMayRetry):
    """A plan breaks a rule: an unknown verb, a wrong argument, a cycle, a step that is not there."""


class NotUnderstood(ModelMayRetry):
    """No plan can be made of what was said; `options` are sentences that can be said instead."""

    def __init__(self, message: str, *, options: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.options = tuple(options)


class ModelUnusable(StepFailed):
    """The model is dead, slow, or says nothing that can be used; the playbooks take over."""


class BudgetSpent(StepFailed):
    """The run's budget in dollars, calls or seconds is used up; the best proven answer so far is given."""


class NothingFound(StepFailed):
    """A step lacks an argument that it cannot do without, because an earlier step found nothing; it is skipped."""


class Forbidden(DeusError):
    """Somebody asks for what their role does not open to them; nothing was done."""
