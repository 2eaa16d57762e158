"""Reads the words that the product is made of: prompts with front matter, and playbooks."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import yaml


@cache
def playbooks() -> dict[str, dict[str, Any]]:
    """Every playbook's file by its id, as parsed YAML; files that begin with `_` are no playbooks."""
    found: dict[str, dict[str, Any]] = {}
    for entry in sorted(resources.files("prompts").joinpath("playbooks").iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".yaml") and not entry.name.startswith("_"):
            data = yaml.safe_load(entry.read_text(encoding="utf-8"))
            found[str(data["id"])] = data
    return found


@cache
def out_of_scope() -> tuple[str, ...]:
    """Sentences that no playbook answers, by which the matcher learns what to refuse."""
    entry = resources.files("prompts").joinpath("playbooks", "_out_of_scope.yaml")
    return tuple(yaml.safe_load(entry.read_text(encoding="utf-8"))["examples"])


@cache
def prompt(name: str) -> str:
    """A prompt's text without its front matter. Raises FileNotFoundError for a name that is not there."""
    text = resources.files("prompts").joinpath(f"{name}.md").read_text(encoding="utf-8")
    if text.startswith("---\n"):
        return text.split("\n---\n", 1)[1].lstrip("\n")
    return text
