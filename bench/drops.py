"""Did it happen, and when, on generated business counts: false alarms, drops found and dated, honest intervals.

120 days with a weekly cycle, growth, overdispersion (1.3 and 3), correlated noise and two odd days (halved, or nearly
doubled) that may lie anywhere, the judged week included. The question is always "did the last seven days change?".
A false alarm is any verdict but "nothing" and "cannot tell". The naive rule (week over week more than 10%) stands
beside. Only where the power for a fifth is a half or more may the verdict be "nothing", unless the impression of
the questioner is itself explained and ruled out (an earlier peak, say). Beside the share of drops dated within a day
stands what can be reached at all on the same series (bench/drops_ceiling.py).
"""

import sys
from collections.abc import Sequence
from datetime import timedelta

import numpy as np

from bench.bound import Bounds
from bench.business_counts import DAYS, START, ZONE, Setting, generate, generate_told
from bench.drops_ceiling import ceiling
from tools.analysis.calendar import Floats, Period
from tools.analysis.change import Change, assess

_VOLUMES = (20.0, 100.0, 500.0, 3000.0)
_DISPERSIONS = (1.3, 3.0)


def judge(counts: Floats, step_hours: int) -> Change:
    """Assess the last seven days."""
    end = START + timedelta(days=DAYS)
    step = timedelta(hours=step_hours)
    return assess(counts, START, step, ZONE, end, Period(end - timedelta(days=7), end))


def sample(setting: Setting, factor: float, runs: int, seed: int, step_hours: int = 24) -> list[tuple[Change, Floats]]:
    """So many judged series."""
    dice = np.random.default_rng(seed)
    found = []
    for _ in range(runs):
        counts, _ = generate(setting, dice, factor=factor, step_hours=step_hours)
        found.append((judge(counts, step_hours), counts))
    return found


def naive_alarm(counts: Floats) -> bool:
    """Week over week, more than a tenth."""
    return bool(abs(counts[-7:].sum() / max(1.0, counts[-14:-7].sum()) - 1) > 0.10)


def dated(change: Change) -> bool:
    """Whether the onset lies within a day of the truth."""
    true = START + timedelta(days=DAYS - 7)
    return change.scan is not None and abs(change.scan.at - true) <= timedelta(days=1)


def covers(change: Change, relative: float) -> bool:
    """Whether the 95% interval holds the true change."""
    return change.interval[0] <= relative <= change.interval[1]


def print_nulls(bounds: Bounds, runs: int) -> None:
    """False alarms in the eight settings without a change."""
    bold = 0
    for number, (volume, dispersion) in enumerate((v, d) for v in _VOLUMES for d in _DISPERSIONS):
        found = sample(Setting(volume, dispersion), 1.0, runs, 100 + number)
        alarms = float(np.mean([change.verdict in ("dropped", "rose") for change, _ in found]))
        naive = float(np.mean([naive_alarm(counts) for _, counts in found]))
        bold += sum(c.verdict == "nothing" and c.power < 0.5 and c.label is None for c, _ in found)
        name = f"false alarms, {volume:g} a day, dispersion {dispersion:g} (naive {naive:.2f})"
        bounds.at_most(name, alarms, 0.015)
    bounds.at_most('"nothing" said where power is under a half', bold, 0, 0)


def print_drops(bounds: Bounds, runs: int) -> None:
    """A fifth less since seven days: found, dated, covered.

    The bounds hold for a volume, over both dispersions, and besides, more strictly, for each dispersion alone.
    """
    both: dict[float, list[tuple[float, float]]] = {}
    for number, (volume, dispersion) in enumerate((v, d) for v in _VOLUMES[1:] for d in _DISPERSIONS):
        found = [change for change, _ in sample(Setting(volume, dispersion), 0.8, runs, 200 + number)]
        dropped = [change for change in found if change.verdict == "dropped"]
        name = f"-20%, {volume:g} a day, dispersion {dispersion:g}"
        rate, days = len(dropped) / runs, float(np.mean([dated(c) for c in dropped])) if dropped else 0.0
        inside = float(np.mean([covers(c, -0.2) for c in found]))
        told = float(np.mean([c.verdict == "nothing" and c.power < 0.5 and c.label is None for c in found]))
        if volume >= 500:
            both.setdefault(volume, []).append((rate, days))
            bounds.at_least(f"{name}: found", rate, 0.99)
            bounds.at_least(f"{name}: dated within a day", days, 0.95)
            print_ceiling(name, Setting(volume, dispersion), 0.8, runs, 200 + number)
        else:
            print(f"{name}: found {rate:.3f}, dated within a day {days:.3f}")
        bounds.at_least(f"{name}: 95% intervals cover", inside, 0.93)
        bounds.at_most(f"{name}: 95% intervals cover", inside, 0.99)
        bounds.at_most(f"{name}: denied under half power", told, 0)
    for volume, pairs in both.items():
        rate, days = np.mean(np.array(pairs), axis=0)
        bounds.at_least(f"-20%, {volume:g} a day, both dispersions: found", float(rate), 0.99)
        bounds.at_least(f"-20%, {volume:g} a day, both dispersions: dated within a day", float(days), 0.95)


def print_ceiling(name: str, setting: Setting, factor: float, runs: int, seed: int) -> None:
    """What can be reached at all in dating these same series."""
    dice = np.random.default_rng(seed)
    near: dict[str, list[bool]] = {"the day": [], "the day and the size": []}
    for _ in range(runs):
        counts, _, drawn = generate_told(setting, dice, factor=factor)
        for untold, size in zip(near, (factor, None), strict=True):
            near[untold].append(abs(ceiling(counts, drawn, setting, size) - (DAYS - 7)) <= 1)
    for untold, hits in near.items():
        print(f"{name}: ceiling, told all but {untold}: {np.mean(hits):.3f}")


def print_hours(bounds: Bounds, runs: int) -> None:
    """The same from hourly counts, as the product sees them: onset in hours."""
    for volume in (100.0, 500.0, 3000.0):
        found = [change for change, _ in sample(Setting(volume, 1.3), 0.6, runs, 300, step_hours=1)]
        true = START + timedelta(days=DAYS - 7)
        off = [abs((c.scan.at - true).total_seconds()) / 3600 for c in found if c.scan is not None]
        inside = [c.scan.interval.start <= true < c.scan.interval.end for c in found if c.scan is not None]
        print(
            f"-40%, {volume:g} a day by the hour: onset off by {np.median(off):.0f} h (median), "
            f"within 6 h {np.mean(np.array(off) <= 6):.2f}, its 95% interval covers {np.mean(inside):.2f}"
        )
    quiet = [change for change, _ in sample(Setting(500.0, 1.3), 1.0, runs * 2, 310, step_hours=1)]
    alarms = float(np.mean([change.verdict in ("dropped", "rose") for change in quiet]))
    bounds.at_most("false alarms, 500 a day by the hour", alarms, 0.015)


def main(arguments: Sequence[str]) -> int:
    """Print the table."""
    quick = "--quick" in arguments
    bounds = Bounds()
    print_nulls(bounds, 60 if quick else 300)
    print_drops(bounds, 30 if quick else 200)
    print_hours(bounds, 15 if quick else 40)
    return bounds.exit_code()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
