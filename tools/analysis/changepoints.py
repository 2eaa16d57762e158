"""Where the course of any series changes: its level or its slope.

The series is cut exactly (optimal partition) into pieces that are straight lines. What a further piece must save is
priced by the noise around the lines and by how sluggish that noise is (lag-one correlation), both judged from the best
fit with one change and judged again until the cut no longer moves: starting from few pieces keeps waves from being
taken for noise-free steps. Positive series that range over more than a factor of five are taken on the log scale;
a strong season is removed first.
"""

from dataclasses import dataclass

import numpy as np

from tools.analysis.calendar import Floats, Ints

# Periods of a season: days of a week, months of a year, hours of a day.
_PERIODS = (7, 12, 24)


@dataclass(frozen=True)
class CutSettings:
    """The frozen configuration: see bench/changepoints.py for what it reaches and how it was chosen.

    `price` multiplies log(n) for each change; `least` is the shortest piece; `most_correlation` caps what sluggish
    noise may cost; from `log_range`, the ratio of largest to smallest value, the log scale is taken; `season` is the
    share of the detrended variance that a season must explain to be removed; `rounds` bounds the judging of the noise.
    """

    price: float = 3.5
    least: int = 3
    most_correlation: float = 0.95
    log_range: float = 5.0
    season: float = 0.7
    rounds: int = 4


FROZEN = CutSettings()


def change_points(y: Floats, settings: CutSettings = FROZEN) -> list[int]:
    """First index of each new piece after the first, ascending; [] where the course never changes.

    `y` is evenly spaced and finite. Cost is O(n²) in time and memory; series of up to a few thousand points are meant.
    Raises ValueError on values that are not finite.
    """
    series = np.asarray(y, dtype=np.float64)
    if not np.isfinite(series).all():
        raise ValueError("change points need finite values")
    if len(series) < 2 * settings.least + 1 or float(np.ptp(series)) == 0.0:
        return []
    prepared = _prepare(series, settings)
    return _cut(prepared, _line_costs(prepared), settings)


def _prepare(series: Floats, settings: CutSettings) -> Floats:
    low, high = float(series.min()), float(series.max())
    values = np.log(series) if low > 0 and high / low > settings.log_range else series
    values = _without_season(values, settings.season)
    spread = float(values.std())
    return np.asarray((values - values.mean()) / (spread if spread > 0 else 1.0), dtype=np.float64)


def _without_season(values: Floats, strength: float) -> Floats:
    """Remove the season where first differences repeat with its period and it explains most of what is not trend."""
    steps = np.diff(values) - np.diff(values).mean()
    power = float(steps @ steps)
    repeats = {p: float(steps[p:] @ steps[:-p]) / power for p in _PERIODS if len(values) >= 3 * p and power > 0}
    if not repeats or max(repeats.values()) <= 0.3:
        return values
    from statsmodels.tsa.seasonal import STL

    period = max(repeats, key=lambda p: repeats[p])
    parts = STL(values, period=period).fit()
    explained = 1 - float(np.var(parts.resid)) / max(float(np.var(parts.resid + parts.seasonal)), 1e-12)
    return np.asarray(values - parts.seasonal, dtype=np.float64) if explained > strength else values


def _line_costs(values: Floats) -> Floats:
    """Squared residuals of the best straight line through values[i:j], at [i, j]; 0 where j ≤ i."""
    n = len(values)
    time = np.arange(n, dtype=np.float64) - n / 2

    def running(x: Floats) -> Floats:
        return np.append(0.0, np.cumsum(x))

    def between(total: Floats) -> Floats:
        return np.asarray(total[None, :] - total[:, None], dtype=np.float64)

    size = np.maximum(between(np.arange(n + 1, dtype=np.float64)), 1.0)
    sums, times = between(running(values)), between(running(time))
    cross = between(running(values * time))
    cross -= sums * times / size
    spread = between(running(time * time))
    spread -= times * times / size
    cost = between(running(values * values))
    cost -= sums * sums / size
    np.maximum(spread, 1e-9, out=spread)
    cross *= cross
    cross /= spread
    cost -= cross
    return np.asarray(np.triu(np.maximum(cost, 0.0, out=cost), 1), dtype=np.float64)


def _cut(values: Floats, costs: Floats, settings: CutSettings) -> list[int]:
    columns = np.ascontiguousarray(costs.T)
    cut = _best_single(costs, settings.least)
    for _ in range(settings.rounds):
        variance, stretch = _noise(values, cut, settings.most_correlation)
        again = _partition(columns, settings.price * float(np.log(len(values))) * variance * stretch, settings.least)
        if again == cut:
            break
        cut = again
    return cut


def _best_single(costs: Floats, least: int) -> list[int]:
    """The one change that saves most."""
    places = np.arange(least, len(costs) - least)
    return [int(places[int(np.argmin(costs[0, places] + costs[places, -1]))])]


def _partition(columns: Floats, penalty: float, least: int) -> list[int]:
    """The exact minimum of cost plus penalty per change; columns[j, i] is the cost of [i, j)."""
    size = len(columns)
    best = np.full(size, np.inf)
    best[0] = -penalty
    origin: Ints = np.zeros(size, dtype=np.int64)
    for end in range(least, size):
        total = best[: end - least + 1] + columns[end, : end - least + 1]
        start = int(total.argmin())
        best[end] = total[start] + penalty
        origin[end] = start
    cut: list[int] = []
    place = int(origin[-1])
    while place > 0:
        cut.append(place)
        place = int(origin[place])
    return cut[::-1]


def _noise(values: Floats, cut: list[int], most_correlation: float) -> tuple[float, float]:
    """Variance around the lines, and by how much its lag-one correlation stretches the price of a change."""
    residual = np.concatenate([_line_residual(piece) for piece in np.split(values, cut)])
    power = float(residual @ residual)
    freedom = max(len(values) - 3 * len(cut) - 2, 0.3 * len(values))
    correlation = float(residual[1:] @ residual[:-1]) / max(power, 1e-12)
    correlation = min(max(correlation, 0.0), most_correlation)
    return max(power / freedom, 1e-3), (1 + correlation) / (1 - correlation)


def _line_residual(piece: Floats) -> Floats:
    time = np.arange(len(piece), dtype=np.float64) - (len(piece) - 1) / 2
    centred = piece - piece.mean()
    if len(piece) < 3:
        return np.asarray(centred, dtype=np.float64)
    return np.asarray(centred - time * float(time @ centred) / float(time @ time), dtype=np.float64)
