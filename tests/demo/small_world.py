"""A company of one engineer, with just the artefacts that a test is about."""

from __future__ import annotations

_COMPANY = """
name: {name}
seed: 1
now: 2026-11-18T15:00:00Z
days: 28
company: {{name: Acme, domain: acme.test, repo: acme/portal, timezone: UTC}}
people: [{{id: sarah, name: Sarah Chen, email: sarah@acme.test, role: engineer}}]
streams: [{{event: signed_up, per_day: 100}}]
artefacts:
"""


def small_world(name: str, artefacts: str) -> str:
    """The text of the world's file; `artefacts` are the lines of a YAML list, indented."""
    return _COMPANY.format(name=name) + artefacts.lstrip("\n")
