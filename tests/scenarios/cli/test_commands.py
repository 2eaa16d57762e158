"""The command line as a person types it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

DEUS = Path(sys.executable).with_name("deus")


def deus(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(DEUS), *arguments], cwd=cwd, capture_output=True, text=True, check=False, timeout=120)


def test_help_names_every_command(tmp_path: Path) -> None:
    shown = deus("--help", cwd=tmp_path)
    assert shown.returncode == 0
    for command in ("up", "demo", "ask", "ingest", "connect", "runs"):
        assert f"\n  {command} " in shown.stdout


def test_refs_of_the_demo_are_json(tmp_path: Path) -> None:
    shown = deus("demo", "--refs", cwd=tmp_path)
    refs = json.loads(shown.stdout)
    assert refs["pr-482"]["ref"] == "acme/portal#482"
    assert refs["pr-482"]["url"].startswith("http://127.0.0.1:8001/github/")
    assert {"service", "ref", "url"} <= set(refs["err-2041"])


def test_the_truth_is_in_no_ref(tmp_path: Path) -> None:
    shown = deus("demo", "--refs", cwd=tmp_path).stdout
    assert "truth" not in shown
    assert "effects" not in shown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- just a list", "a mapping"),
        ("name: x\nnow: soon\ncompany: {}", "is no time"),
        ("name: [", "is not YAML"),
        ("name: x\nnow: 2026-01-01T00:00:00Z", "company"),
    ],
)
def test_a_bad_world_is_named_with_its_fault(tmp_path: Path, text: str, said: str) -> None:
    world = tmp_path / "bad.yaml"
    world.write_text(text)
    shown = deus("demo", "--world", str(world), "--refs", cwd=tmp_path)
    assert shown.returncode == 1
    assert "bad.yaml" in shown.stderr
    assert said in shown.stderr
    assert "Traceback" not in shown.stderr


def test_an_unknown_service_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    shown = deus("connect", "fax", cwd=tmp_path)
    assert shown.returncode == 1
    assert "github" in shown.stderr


def test_connecting_says_what_is_missing(tmp_path: Path) -> None:
    shown = deus("connect", cwd=tmp_path)
    assert "DEUS_GITHUB_TOKEN" in shown.stdout
    assert "pulls.search" in shown.stdout


def test_every_setting_is_explained(tmp_path: Path) -> None:
    shown = deus("up", "--help-settings", cwd=tmp_path)
    for name in ("DEUS_PORT", "DEUS_MODEL", "DEUS_DATABASE_URL", "DEUS_GITHUB_BASE_URL"):
        assert name in shown.stdout


def test_a_bad_setting_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "deus.toml").write_text('port = "eighty"\n')
    shown = deus("runs", cwd=tmp_path)
    assert shown.returncode == 1
    assert "port" in shown.stderr.lower()
    assert "Traceback" not in shown.stderr
