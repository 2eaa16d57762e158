"""Finds every connector by looking at the files beside it; holds no list."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

import tools
from tools.kit.connector import Connector

NOT_CONNECTORS = frozenset({"analysis", "catalog", "kit", "nouns", "verbs", "writes"})


@cache
def connectors() -> dict[str, type[Connector]]:
    """Every connector class by its service's name, in alphabetical order."""
    found: dict[str, type[Connector]] = {}
    for module in pkgutil.iter_modules(tools.__path__):
        if module.name in NOT_CONNECTORS:
            continue
        loaded = importlib.import_module(f"tools.{module.name}")
        for value in vars(loaded).values():
            if isinstance(value, type) and issubclass(value, Connector) and value.__module__ == loaded.__name__:
                found[value.name] = value
    return dict(sorted(found.items()))
