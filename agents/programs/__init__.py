"""Programs that run inside a sandbox, with Python's own library alone; to Deus they are text."""

from __future__ import annotations

from importlib.resources import files


def program(name: str) -> bytes:
    """The text of a program of this folder."""
    return files(__name__).joinpath(f"{name}.py").read_bytes()
