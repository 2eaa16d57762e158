"""The shared worlds' own questions, answered from the records that their tools would give."""

from __future__ import annotations

from pathlib import Path

from app.demo.world import read_world
from bench.causes import score


def test_each_shared_world_is_solved_and_most_of_what_is_cited_belongs(each_world: Path) -> None:
    result = score(read_world(each_world))
    assert result.solved, result.said
    assert result.right >= 0.6 * result.cited
