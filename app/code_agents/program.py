"""A program of another maker on this machine: where it is, and whether a sandbox can have it. Changes nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

ELF = b"\x7fELF"


def native(program: str, beside: Sequence[str], path: str | None = None) -> Path | None:
    """The program's own executable, which needs nothing besides the system; None if it is not installed, or not whole.

    Packages of npm begin with a script that looks for it; `beside` are the places, seen from the package's folder.
    `path` stands for PATH in tests.
    """
    found = shutil.which(program, path=path)
    if found is None:
        return None
    real = Path(os.path.realpath(found))
    if _is_native(real):
        return real
    places = (place for pattern in beside for folder in real.parents[:3] for place in sorted(folder.glob(pattern)))
    return next((place.resolve() for place in places if _is_native(place)), None)


def is_installed(program: str, path: str | None = None) -> bool:
    """Whether the shell would find it."""
    return shutil.which(program, path=path) is not None


def can_be_read(path: Path) -> bool:
    """Whether a sandbox's user can read and run it: somebody else where we are root, else we ourselves."""
    if os.geteuid():
        return os.access(path, os.R_OK | os.X_OK)
    ways = all(folder.stat().st_mode & 0o001 for folder in path.parents)
    return ways and path.stat().st_mode & 0o005 == 0o005


def _is_native(path: Path) -> bool:
    """Machine code, or a script for an interpreter of the system, which every sandbox has."""
    try:
        with path.open("rb") as file:
            first = file.readline(200)
    except OSError:
        return False
    return first.startswith((ELF, b"#!/usr/bin/python3", b"#!/bin/sh", b"#!/bin/bash"))
