"""A world's numbers: how often each event happened, by quarter of an hour and by every combination of properties."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from app.demo.world import Artefact, BadWorld, Effect, Stream, World

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)

# Weight of each local hour; scaled to a mean of 1 before use.
HOURLY: Mapping[str, tuple[float, ...]] = {
    "flat": (1.0,) * 24,
    "office": (
        0.18, 0.14, 0.12, 0.11, 0.12, 0.16, 0.28, 0.50, 0.78, 1.00, 1.00, 1.00,
        0.96, 1.00, 1.00, 1.00, 1.00, 0.88, 0.64, 0.50, 0.44, 0.40, 0.32, 0.24,
    ),
    "evening": (
        0.30, 0.20, 0.14, 0.11, 0.10, 0.12, 0.20, 0.32, 0.40, 0.44, 0.46, 0.50,
        0.54, 0.52, 0.50, 0.52, 0.60, 0.76, 0.94, 1.00, 1.00, 1.00, 0.92, 0.62,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class StreamCounts:
    """Counts of one event in the shape (bins, values of dim 1, values of dim 2, …); bins begin at `start`."""

    event: str
    dims: Mapping[str, tuple[str, ...]]
    start: datetime
    step: timedelta
    counts: Counts


@dataclass(frozen=True)
class PaymentCounts:
    """Payments by hour, beginning at `start`. `amount` is what one payment is for, in the currency's major unit."""

    start: datetime
    step: timedelta
    succeeded: Counts
    failed: Counts
    amount: float
    currency: str
    subscriptions: int | None


@dataclass(frozen=True)
class History:
    """All numbers of a world up to its `now`; the last bin holds only what has happened of it."""

    streams: Mapping[str, StreamCounts]
    payments: Mapping[str, PaymentCounts]


@dataclass(frozen=True)
class TimeAxis:
    """Bins of equal length from a local midnight to `now`, in which the last one ends early."""

    start: datetime
    now: datetime
    step: timedelta
    timezone: ZoneInfo

    @cached_property
    def edges(self) -> Floats:
        """Seconds since the epoch at which bins begin, and `now`."""
        begins = np.arange(self.start.timestamp(), self.now.timestamp(), self.step.total_seconds())
        return np.append(begins, self.now.timestamp())

    @cached_property
    def exposure(self) -> Floats:
        """How much of each bin has passed, in days."""
        return np.diff(self.edges) / 86400

    @cached_property
    def local(self) -> list[datetime]:
        """When each bin begins by the company's clock."""
        return [datetime.fromtimestamp(second, tz=self.timezone) for second in self.edges[:-1]]

    @cached_property
    def local_day(self) -> NDArray[np.int64]:
        """The number of the local day of each bin, counted from 0."""
        ordinals = np.array([moment.toordinal() for moment in self.local], dtype=np.int64)
        days: NDArray[np.int64] = ordinals - ordinals[0]
        return days

    @cached_property
    def days_ago(self) -> Floats:
        """Days between each bin's middle and `now`."""
        return (self.now.timestamp() - (self.edges[:-1] + self.edges[1:]) / 2) / 86400

    def weekly(self, factors: Sequence[float] | None) -> Floats:
        """Each bin's weekday factor, Monday first, scaled to a mean of 1 over the week."""
        weights = np.asarray(factors if factors is not None else (1.0,) * 7)
        factor: Floats = (weights / weights.mean())[[moment.weekday() for moment in self.local]]
        return factor

    def hourly(self, shape: str) -> Floats:
        """Each bin's factor of the day's shape, scaled to a mean of 1 over the 24 hours."""
        if shape not in HOURLY:
            raise BadWorld(f"there is no hourly shape {shape!r}; known are {', '.join(HOURLY)}.")
        weights = np.asarray(HOURLY[shape])
        factor: Floats = (weights / weights.mean())[[moment.hour for moment in self.local]]
        return factor

    def noise(self, sd: float | None, rng: np.random.Generator) -> Floats:
        """One lognormal factor a local day with a mean of 1 and the relative standard deviation `sd`."""
        if not sd:
            return np.ones(len(self.local))
        sigma = np.sqrt(np.log1p(sd**2))
        factor: Floats = np.exp(rng.normal(-(sigma**2) / 2, sigma, size=self.local_day[-1] + 1))[self.local_day]
        return factor

    def average(self, boundaries: Iterable[datetime | None], value: Callable[[Floats], Floats]) -> Floats:
        """The time-weighted mean in each bin of a step function that changes only at `boundaries`.

        `value` gives the function at many times at once, times along its result's first axis.
        """
        inside = [b.timestamp() for b in boundaries if b is not None and self.start < b < self.now]
        cuts = np.unique(np.append(self.edges, inside))
        first = np.searchsorted(cuts, self.edges[:-1])
        values = value(cuts[:-1])
        lengths = np.diff(cuts).reshape((-1,) + (1,) * (values.ndim - 1))
        totals: Floats = np.add.reduceat(values * lengths, first, axis=0)
        return totals / np.diff(self.edges).reshape(lengths[first].shape)


def generate(world: World) -> History:
    """Draws a world's numbers; the same world gives the same numbers, and one more stream changes no other.

    Raises BadWorld where a stream follows one that is not there, or names an unknown shape.
    """
    quarters = _axis(world, QUARTER)
    streams: dict[str, StreamCounts] = {}
    for stream in _parents_first(world.streams):
        rng = _rng(world, "stream", stream.event)
        effects = [e for e in world.effects if e.event == stream.event]
        if stream.parent is None:
            streams[stream.event] = _root(stream, effects, quarters, rng)
        else:
            streams[stream.event] = _child(stream, streams[stream.parent], effects, quarters, rng)
    hours = _axis(world, HOUR)
    payments = {
        artefact.id: _payments(
            artefact,
            [e for e in world.effects if e.artefact == artefact.id],
            hours,
            _rng(world, "payments", artefact.id),
        )
        for artefact in world.of_kind("payments")
    }
    return History(streams, payments)


def _axis(world: World, step: timedelta) -> TimeAxis:
    zone = world.company.timezone
    first_day = (world.now - timedelta(days=world.days)).astimezone(zone).date()
    start = datetime.combine(first_day, time(), tzinfo=zone).astimezone(UTC)
    return TimeAxis(start, world.now, step, zone)


def _rng(world: World, *names: str) -> np.random.Generator:
    key = hashlib.sha256("/".join(names).encode()).digest()
    words = [int.from_bytes(key[i : i + 4], "big") for i in range(0, 16, 4)]
    return np.random.default_rng(np.random.SeedSequence([abs(world.seed), *words]))


def _parents_first(streams: Sequence[Stream]) -> list[Stream]:
    waiting = {stream.event: stream for stream in streams}
    ordered: list[Stream] = []
    placed: set[str | None] = {None}
    while waiting:
        ready = [stream for stream in waiting.values() if stream.parent in placed]
        if not ready:
            names = ", ".join(waiting)
            raise BadWorld(f"the streams {names} follow a stream that is not there, or each other.")
        for stream in ready:
            ordered.append(waiting.pop(stream.event))
            placed.add(stream.event)
    return ordered


def _shares(dims: Mapping[str, Mapping[str, float]]) -> Floats:
    """The share of every combination of independent properties."""
    joint = np.ones(())
    for shares in dims.values():
        weights = np.asarray(list(shares.values()))
        joint = np.multiply.outer(joint, weights / weights.sum())
    return joint


def _factors(effects: Sequence[Effect], dims: Mapping[str, tuple[str, ...]], axis: TimeAxis) -> Floats | None:
    """What effects multiply each bin and combination by; None where there is no effect on this stream."""
    shape = tuple(len(values) for values in dims.values())
    matching = [(effect, _matches(effect, dims)) for effect in effects]
    if not any(mask.any() for _, mask in matching):
        return None

    def value(times: Floats) -> Floats:
        product = np.ones((len(times), *shape))
        for effect, mask in matching:
            holds = _holds(effect, times)
            product[np.ix_(holds.nonzero()[0], *(np.arange(n) for n in shape))] *= np.where(mask, effect.factor, 1.0)
        return product

    return axis.average((b for e in effects for b in (e.since, e.until)), value)


def _matches(effect: Effect, dims: Mapping[str, tuple[str, ...]]) -> NDArray[np.bool_]:
    mask = np.ones((), dtype=np.bool_)
    for dim, values in dims.items():
        wanted = effect.where.get(dim)
        mask = np.logical_and.outer(mask, np.array([wanted is None or value == wanted for value in values]))
    # Events that do not have the property match no value of it.
    return mask if all(dim in dims for dim in effect.where) else np.zeros_like(mask)


def _holds(effect: Effect, times: Floats) -> NDArray[np.bool_]:
    since = -np.inf if effect.since is None else effect.since.timestamp()
    until = np.inf if effect.until is None else effect.until.timestamp()
    return (times >= since) & (times < until)


def _root(stream: Stream, effects: Sequence[Effect], axis: TimeAxis, rng: np.random.Generator) -> StreamCounts:
    if stream.per_day is None:
        raise BadWorld(f"stream {stream.event}: give `per_day`.")
    dims = {dim: tuple(shares) for dim, shares in (stream.dims or {}).items()}
    rate = stream.per_day / (1 + stream.trend) ** axis.days_ago
    rate = rate * axis.weekly(stream.weekly) * axis.hourly(stream.hourly) * axis.noise(stream.noise, rng)
    expected = np.multiply.outer(rate * axis.exposure, _shares(stream.dims or {}))
    factors = _factors(effects, dims, axis)
    counts = rng.poisson(expected if factors is None else expected * factors)
    return StreamCounts(stream.event, dims, axis.start, axis.step, counts.astype(np.int64))


def _child(
    stream: Stream, parent: StreamCounts, effects: Sequence[Effect], axis: TimeAxis, rng: np.random.Generator
) -> StreamCounts:
    if stream.rate is None:
        raise BadWorld(f"stream {stream.event}: give the `rate` at which it follows {stream.parent}.")
    own = {dim: shares for dim, shares in (stream.dims or {}).items() if dim not in parent.dims}
    dims = {**parent.dims, **{dim: tuple(shares) for dim, shares in own.items()}}
    rate = stream.rate / (1 + stream.trend) ** axis.days_ago * axis.noise(stream.noise, rng)
    shares = _shares(own)
    factors = _factors(effects, dims, axis)
    shape = (*parent.counts.shape, *shares.shape)
    chance = np.broadcast_to(rate.reshape((-1,) + (1,) * (len(shape) - 1)) * shares, shape)
    counts = _thin(parent.counts, chance if factors is None else chance * factors, rng)
    return StreamCounts(stream.event, dims, axis.start, axis.step, counts)


def _thin(parents: Counts, chance: Floats, rng: np.random.Generator) -> Counts:
    """Lets each parent event pass with its cell's chance; further axes of `chance` share those that pass out."""
    found = parents.nonzero()
    left = parents[found]
    chances = chance[found].reshape(len(left), -1)
    # A factor may ask for more than all of the parents.
    chances = chances / np.maximum(chances.sum(axis=1, keepdims=True), 1.0)
    drawn = np.zeros(chances.shape, dtype=np.int64)
    unspent = np.ones(len(left))
    for column in range(chances.shape[1]):
        conditional = np.divide(chances[:, column], unspent, out=np.zeros_like(unspent), where=unspent > 1e-12)
        drawn[:, column] = rng.binomial(left, np.clip(conditional, 0.0, 1.0))
        left = left - drawn[:, column]
        unspent = unspent - chances[:, column]
    counts = np.zeros(chance.shape, dtype=np.int64)
    counts[found] = drawn.reshape((len(left), *chance.shape[parents.ndim :]))
    return counts


def _payments(artefact: Artefact, effects: Sequence[Effect], axis: TimeAxis, rng: np.random.Generator) -> PaymentCounts:
    per_day = _field(artefact, "per_day", effects, axis) * axis.weekly(artefact["weekly"])
    tried = rng.poisson(per_day * axis.exposure).astype(np.int64)
    failed = rng.binomial(tried, np.clip(_field(artefact, "failure_rate", effects, axis), 0.0, 1.0)).astype(np.int64)
    return PaymentCounts(
        start=axis.start,
        step=axis.step,
        succeeded=tried - failed,
        failed=failed,
        amount=float(artefact["amount"] or 0.0),
        currency=str(artefact["currency"] or "usd"),
        subscriptions=None if artefact["subscriptions"] is None else int(artefact["subscriptions"]),
    )


def _field(artefact: Artefact, name: str, effects: Sequence[Effect], axis: TimeAxis) -> Floats:
    """A number of an artefact in each bin: as the file gives it, or as an effect sets or multiplies it."""
    usual = float(artefact[name] or 0.0)
    relevant = [effect for effect in effects if effect.field_name == name]

    def value(times: Floats) -> Floats:
        numbers = np.full(len(times), usual)
        for effect in relevant:
            holds = _holds(effect, times)
            numbers[holds] = numbers[holds] * effect.factor if effect.value is None else effect.value
        return numbers

    return axis.average((b for e in relevant for b in (e.since, e.until)), value)
