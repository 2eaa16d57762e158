"""A yes is for exactly what was shown, once: the short form of bench/approvals.py."""

from __future__ import annotations

from bench.approvals import measure


async def test_no_mutated_or_replayed_execution_passes_and_every_honest_one_does() -> None:
    tried, passed, honest = await measure(120, seed=7)
    assert sum(tried.values()) == 120
    assert sum(passed.values()) == 0
    assert honest == tried["replayed"] > 0
