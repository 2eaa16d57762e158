"""World files asked through the whole product: its own connectors over HTTP, judged as the world file's format says.

`python -m bench.worlds [FOLDER | FILE …]` prints one line a world and the totals of each family.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from app.demo.world import World, moment, read_world
from bench.bound import Bounds, shared_data

HELD_OUT = Path(__file__).parent / "data" / "worlds"
LABELS = frozenset({"weekday", "holiday", "trend", "incomplete-period", "earlier-peak", "tracking", "unknown"})
AT_ONCE = 2
PATIENCE = 300
DOING = ("what to do", "next", "recommend")
_SPAN = re.compile(r"^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?$")


@dataclass
class Verdict:
    """What was wrong with an answer (nothing, if solved), and how well it cites."""

    world: str
    family: str
    wrong: dict[str, str] = field(default_factory=dict)
    recall: float | None = None
    precision: float | None = None
    seconds: float = 0.0

    @property
    def solved(self) -> bool:
        """Whether all that a right answer says was right."""
        return not self.wrong


def judge(world: World, document: Mapping[str, Any], refs: Mapping[str, str]) -> Verdict:
    """Scores a run's document; `refs` gives the artefact of each ref and URL."""
    truth, finding = world.truth, document.get("finding") or {}
    verdict = Verdict(world.name, str(truth.get("family") or "shared"))
    verdict.seconds = float((document.get("usage") or {}).get("ms") or 0) / 1000
    if not finding:
        verdict.wrong["finding"] = f"none; {document.get('status')}: {str(document.get('answer'))[:120]!r}"
        return verdict
    if finding.get("metric") != truth["metric"]:
        verdict.wrong["metric"] = f"{finding.get('metric')} for {truth['metric']}"
    if finding.get("happened") != truth["happened"]:
        verdict.wrong["premise"] = f"{finding.get('happened')} for {truth['happened']}"
    causes = [_named(cause, refs) for cause in finding.get("causes") or ()]
    _judge_cause(verdict, truth, causes)
    _judge_where(verdict, truth, finding.get("where"))
    _judge_times(verdict, truth, finding, world.now)
    _judge_unchecked(verdict, truth, finding)
    _judge_never(verdict, truth, causes, document, refs)
    cited = {refs[key] for item in document.get("evidence") or () for key in _keys(item) if key in refs}
    also = {str(name) for name in truth.get("also") or ()}
    belongs = also | {str(truth["cause"]), *map(str, truth.get("cause_or") or ())}
    if also:
        verdict.recall = len(also & cited) / len(also)
    if cited:
        verdict.precision = len(cited & belongs) / len(cited)
    return verdict


def _judge_cause(verdict: Verdict, truth: Mapping[str, Any], causes: Sequence[str]) -> None:
    right = {str(truth["cause"]), *map(str, truth.get("cause_or") or ())}
    first = causes[0] if causes else "unknown"
    if first not in right:
        verdict.wrong["cause"] = f"{first} for {'/'.join(sorted(right))}"


def _judge_where(verdict: Verdict, truth: Mapping[str, Any], where: Any) -> None:
    if truth.get("where") is not None and (where or {}) != truth["where"]:
        verdict.wrong["segment"] = f"{where} for {truth['where']}"


def _judge_times(verdict: Verdict, truth: Mapping[str, Any], finding: Mapping[str, Any], now: datetime) -> None:
    wanted = moment(truth.get("onset"), now)
    if wanted is None:
        return
    got = moment(finding.get("onset"), now)
    within = span(str(truth.get("onset_within") or "6h"))
    if got is None or abs(got - wanted) > within:
        verdict.wrong["onset"] = f"{got and got.isoformat()} for {wanted.isoformat()}"


def _judge_unchecked(verdict: Verdict, truth: Mapping[str, Any], finding: Mapping[str, Any]) -> None:
    said = json.dumps(finding.get("unchecked") or []).lower()
    missing = [str(tool) for tool in truth.get("unchecked") or () if str(tool).lower() not in said]
    if missing:
        verdict.wrong["unchecked"] = f"{', '.join(missing)} not named"


def _judge_never(
    verdict: Verdict,
    truth: Mapping[str, Any],
    causes: Sequence[str],
    document: Mapping[str, Any],
    refs: Mapping[str, str],
) -> None:
    doing = "\n".join(
        str(claim["text"])
        for claim in document.get("claims") or ()
        if str(claim.get("section", "")).lower().startswith(DOING)
    )
    acted = [f"{step.get('verb')} {json.dumps(step.get('args'))}" for step in document.get("plan") or ()]
    writes = "\n".join(step for step in acted if _writes(step))
    for item in map(str, truth.get("never") or ()):
        keys = {key for key, artefact in refs.items() if artefact == item} or {item}
        if item in causes:
            verdict.wrong["blamed"] = item
        elif any(key.lower() in (doing + writes).lower() for key in keys):
            verdict.wrong["acted"] = item


def _writes(step: str) -> bool:
    return bool(re.match(r"\w+\.(create|update|send|post|delete|revert|rollback|promote|set|toggle|comment)", step))


def _named(cause: Mapping[str, Any], refs: Mapping[str, str]) -> str:
    for key in _keys(cause):
        if key in refs:
            return refs[key]
    label = str(cause.get("label") or "").strip().lower()
    return next((name for name in sorted(LABELS) if label == name or label.startswith(f"{name}:")), label or "unknown")


def _keys(item: Mapping[str, Any]) -> list[str]:
    return [str(item[name]) for name in ("ref", "url") if item.get(name)]


def span(text: str) -> timedelta:
    """A length of time such as 6h or 1d12h. Raises ValueError for anything else."""
    found = _SPAN.match(text)
    if not found or not text:
        raise ValueError(f"{text!r} is no length of time: write one like 6h or 1d12h.")
    days, hours, minutes = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes)


async def answered(path: Path) -> dict[str, Any]:
    """Asks a world's question of a product of its own; the run's document and where each artefact appears."""
    from agents.ports import Turn
    from app.bootstrap import open_product
    from app.demo.company import open_company
    from app.demo.place import company_settings
    from app.demo.process import running
    from app.settings import load_settings

    world = read_world(path)
    with running(path) as base, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        company = open_company(world, base)
        settings = load_settings({**os.environ, **company_settings(company, base, Path(folder))})
        async with open_product(settings) as product:
            said = Turn(str(world.truth["question"]), "bench", "cli", f"bench-{world.name}", product.clock.now())
            run = await product.conversations.say(said)
            async for _ in product.conversations.follow(run):
                pass
            document = await product.conversations.document(run)
        refs = {key: name for name, ref in company.refs.items() for key in (ref.ref, ref.url)}
    return {"document": document.model_dump(mode="json"), "refs": refs}


def ask(path: Path, keep: Path | None = None) -> Verdict:
    """Judges the answer to a world's question, given by a process of its own; `keep` gets the run's document."""
    world = read_world(path)
    command = [sys.executable, "-m", "bench.worlds", "--answer", str(path)]
    failed = Verdict(world.name, str(world.truth.get("family") or "shared"))
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    except subprocess.CalledProcessError as error:
        failed.wrong["run"] = (str(error.stderr).strip().splitlines() or ["ended without a word"])[-1]
        return failed
    except subprocess.TimeoutExpired:
        failed.wrong["run"] = f"no answer in {PATIENCE} s"
        return failed
    answer = json.loads(done.stdout)
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        (keep / f"{world.name}.json").write_text(json.dumps(answer["document"], indent=1), encoding="utf-8")
    return judge(world, answer["document"], answer["refs"])


def files(named: Iterable[Path]) -> list[Path]:
    """The world files that are named, those of folders included, each once."""
    found: dict[Path, None] = {}
    for path in named:
        found |= dict.fromkeys(sorted(path.glob("*.yaml")) if path.is_dir() else [path])
    return list(found)


def line(verdict: Verdict) -> str:
    """One line about one world."""
    cites = " ".join(
        f"{name} {value:.2f}"
        for name, value in (("recall", verdict.recall), ("precision", verdict.precision))
        if value is not None
    )
    what = "ok" if verdict.solved else "; ".join(f"{part}: {said}" for part, said in verdict.wrong.items())
    return f"{verdict.world:14} {verdict.family:16} {verdict.seconds:5.1f} s  {cites:27} {what}"


def main(arguments: list[str] | None = None) -> int:
    """Prints every world's verdict, the totals of each family and the share that was solved."""
    parser = argparse.ArgumentParser(prog="python -m bench.worlds", description=__doc__)
    parser.add_argument("paths", nargs="*", type=Path, help="folders or files (default: the held-out and shared ones)")
    parser.add_argument("--keep", type=Path, help="a folder for the runs' documents")
    parser.add_argument("--answer", type=Path, metavar="FILE", help="print one world's answer as JSON, unjudged")
    given = parser.parse_args(arguments)
    if given.answer:
        print(json.dumps(asyncio.run(answered(given.answer))))
        return 0
    paths = files(given.paths or [HELD_OUT, shared_data() / "worlds"])
    families: dict[str, list[Verdict]] = defaultdict(list)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for verdict in pool.map(lambda path: ask(path, given.keep), paths):
            print(line(verdict), flush=True)
            families[verdict.family].append(verdict)
    for family, verdicts in sorted(families.items()):
        print(f"{family:16} {sum(v.solved for v in verdicts)} of {len(verdicts)}")
    everything = [verdict for verdicts in families.values() for verdict in verdicts]
    for name in ("recall", "precision"):
        figures = [figure for v in everything if (figure := getattr(v, name)) is not None]
        print(f"citation {name}: {sum(figures) / max(1, len(figures)):.3f}")
    bounds = Bounds()
    print(f"solved: {sum(v.solved for v in everything)} of {len(everything)}")
    bounds.at_least("share solved", sum(v.solved for v in everything) / max(1, len(everything)), 50 / 54)
    return bounds.exit_code()


if __name__ == "__main__":
    raise SystemExit(main())
