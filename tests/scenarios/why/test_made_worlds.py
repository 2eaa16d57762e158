"""One made world of each family that carries a trap: the trap is not stepped into."""

from __future__ import annotations

import pytest

from app.demo.world import parse_world
from bench import families_made
from bench.causes import answer, score
from bench.families import FAMILIES, make_world
from tools.analysis.finding import CauseRanking

assert families_made


@pytest.mark.parametrize("family", ["innocent", "orders", "chat", "campaign", "outage"])
def test_the_cause_is_named_and_the_bystander_is_not(family: str) -> None:
    result = score(parse_world(make_world(family, 209)))
    assert result.solved, result.said


def test_no_cause_is_named_where_none_is_on_record() -> None:
    results = [score(parse_world(make_world("unknown", seed))) for seed in (0, 1)]
    assert [result.blamed for result in results] == [False] * 2


def test_a_tool_that_is_down_is_named() -> None:
    world = parse_world(make_world("outage", 0))
    finding, nouns, _ = answer(world)
    down = world.outages[0].tool
    assert down in finding["unchecked"]
    ranking = next(noun for noun in nouns if isinstance(noun, CauseRanking))
    assert any(down in text for text in ranking.settle)


def test_a_made_world_is_the_same_for_the_same_seed() -> None:
    assert make_world("flag", 5) == make_world("flag", 5)
    assert make_world("flag", 5) != make_world("flag", 6)


def test_all_eighteen_families_and_more_are_made() -> None:
    assert len(FAMILIES) >= 18
