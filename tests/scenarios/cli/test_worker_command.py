"""`deus worker` and `deus runs …` as a person types them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

DEUS = str(Path(sys.executable).with_name("deus"))
WITHOUT = {"DEUS_MEMORY": "false"}


def deus(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **WITHOUT}
    return subprocess.run(
        [DEUS, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def test_a_worker_tells_its_name_and_ends_in_order_when_it_is_told_to(tmp_path: Path) -> None:
    with subprocess.Popen(
        [DEUS, "worker"], cwd=tmp_path, env={**os.environ, **WITHOUT}, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        said = worker.stdout.readline()
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
    assert "drives runs, one of 1" in said


def test_runs_are_narrowed_down_and_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    assert "No such runs." in deus("runs", "--status", "failed", "--since", "7d", cwd=tmp_path).stdout
    odd = deus("runs", "--since", "soon", cwd=tmp_path)
    assert odd.returncode == 1
    assert "'soon' is no time" in odd.stderr
    unknown = deus("runs", "retry", "run_x", "--from", "a", cwd=tmp_path)
    assert unknown.returncode == 1
    assert "There is no run 'run_x'" in unknown.stderr
