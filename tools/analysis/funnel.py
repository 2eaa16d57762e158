"""Which step of a funnel broke: each step's conversion against its own history."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from tools.analysis.calendar import Floats


@dataclass(frozen=True)
class StepChange:
    """One step's conversion: how many of those who reached `source` reached `target`, before and in the period.

    `relative` is the change of the conversion, `interval` its 95% interval, `z` its distance from none in errors.
    """

    source: str
    target: str
    before: float
    now: float
    relative: float
    interval: tuple[float, float]
    z: float
    p_value: float


@dataclass(frozen=True)
class FunnelChange:
    """All steps, the one that broke (None where none did), and the change of what enters the funnel (relative, p)."""

    steps: tuple[StepChange, ...]
    broken: StepChange | None
    entered: float
    entered_p: float

    @property
    def entry_moved(self) -> bool:
        """Whether fewer or more people came, beyond chance and beyond 5%."""
        return self.entered_p < 0.01 and abs(self.entered) > 0.05


def compare_funnel(
    names: Sequence[str],
    history: Floats,
    period: Floats,
    *,
    entry_error: float = 0.04,
    alpha: float = 0.01,
) -> FunnelChange:
    """Find the step whose conversion left its history.

    `history` holds one row per earlier comparable span (a week), one column per step of `names`, counts of people or
    events; `period` one count per step. A step's chance variation is binomial plus what its history shows from span to
    span. `alpha` is shared among the steps. `entry_error` is the relative sd of the number that enters.
    Raises ValueError where shapes do not fit.
    """
    past = np.atleast_2d(np.asarray(history, dtype=np.float64))
    seen = np.asarray(period, dtype=np.float64)
    if past.shape[1] != len(names) or len(seen) != len(names) or len(names) < 1:
        raise ValueError("a funnel needs one count per step in the history and in the period")
    steps = tuple(
        _step(names[i], names[i + 1], past[:, i], past[:, i + 1], seen[i], seen[i + 1]) for i in range(len(names) - 1)
    )
    limit = alpha / max(1, len(steps))
    sure = [step for step in steps if step.p_value < limit]
    broken = max(sure, key=lambda step: abs(step.z)) if sure else None
    usual = float(past[:, 0].mean())
    variance = seen[0] + usual / len(past) + (entry_error * usual) ** 2 * (1 + 1 / len(past))
    entered_z = (seen[0] - usual) / max(float(np.sqrt(variance)), 1e-9)
    return FunnelChange(steps, broken, float(seen[0] / max(usual, 1e-9) - 1), float(2 * ndtr(-abs(entered_z))))


def _step(source: str, target: str, came: Floats, went: Floats, came_now: float, went_now: float) -> StepChange:
    before = float((went.sum() + 0.5) / (came.sum() + 1.0))
    now = float((went_now + 0.5) / (came_now + 1.0))
    # On the log scale: chance of the period, of the history, and what spans differ beyond chance. Where events repeat,
    # a conversion can pass 1; the Poisson term then stands alone.
    chance = max(1 / (went_now + 0.5) - min(1.0, now) / (went_now + 0.5), 1e-12)
    learned = max(1 / (went.sum() + 0.5) - min(1.0, before) / (went.sum() + 0.5), 1e-12)
    rates = np.log((went + 0.5) / (came + 1.0))
    expected_spread = float(np.mean(np.maximum(1 - min(1.0, before), 0.0) / (went + 0.5)))
    beyond = max(0.0, float(np.var(rates, ddof=1)) - expected_spread) if len(rates) > 2 else 0.0
    error = float(np.sqrt(chance + learned + beyond * (1 + 1 / len(rates))))
    shift = float(np.log(now / before))
    z = shift / error
    reach = float(ndtri(0.975)) * error
    return StepChange(
        source=source,
        target=target,
        before=before,
        now=now,
        relative=float(np.expm1(shift)),
        interval=(float(np.expm1(shift - reach)), float(np.expm1(shift + reach))),
        z=z,
        p_value=float(2 * ndtr(-abs(z))),
    )
