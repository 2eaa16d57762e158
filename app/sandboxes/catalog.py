"""Finds every provider of sandboxes by looking at the files beside it; holds no list."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import app.sandboxes
from agents.sandbox import Info, Sandboxes
from app.sandboxes.gate import Gatekeeper

OPENER = "def open_sandboxes("


class Provider(Sandboxes, Protocol):
    """Makes sandboxes, and can tell whether it could and for how many there is room."""

    @property
    def title(self) -> str:
        """What people call it, such as "local (bubblewrap)"."""
        ...

    @property
    def most(self) -> int:
        """How many there may be at once."""
        ...

    def room(self) -> int | None:
        """The bytes of memory that all of them together may claim; None where that does not matter."""
        ...

    async def look(self) -> None:
        """Tries whether a sandbox can be had. Raises UserMustMend with the remedy where none can."""
        ...

    def missing(self) -> str | None:
        """What code would work with and is not there yet, in a sentence; None where nothing is missing."""
        ...

    async def prepare(self) -> None:
        """Makes what code works with in them, where it is not there. Raises UserMustMend."""
        ...

    async def seen(self) -> tuple[Info, ...]:
        """The sandboxes that there are, those of other processes of the owner among them."""
        ...

    async def clear(self, is_left: Callable[[Info], bool]) -> int:
        """Ends those of the owner's sandboxes that are left, and takes away what else of them is; how many that was.

        Those that were made or connected to by this very object are spared.
        """
        ...


@dataclass(frozen=True)
class Means:
    """What providers are made with; each takes what it needs.

    `owner` is whose sandboxes they are where others' can be seen. `most` is None for what is usual with the provider.
    What takes long is told by `tell`, in one line.
    """

    owner: str
    cache: Path
    tell: Callable[[str], None]
    most: int | None = None
    key: str | None = None
    template: str | None = None
    api_url: str | None = None
    sandbox_url: str | None = None
    gatekeeper: Gatekeeper | None = None


def providers() -> tuple[str, ...]:
    """The names of all providers: those files that say `open_sandboxes`. None is imported for that; some are heavy."""
    names = (module.name for module in pkgutil.iter_modules(app.sandboxes.__path__) if "_" not in module.name)
    return tuple(sorted(name for name in names if OPENER in _source(name)))


def provider(name: str, means: Means) -> Provider:
    """Opens the provider of that name, which is one of `providers()`."""
    module: Any = importlib.import_module(f"app.sandboxes.{name}")
    opening: Callable[[Means], Provider] = module.open_sandboxes
    return opening(means)


def _source(name: str) -> str:
    if name == Path(__file__).stem:
        return ""
    spec = importlib.util.find_spec(f"app.sandboxes.{name}")
    return Path(spec.origin).read_text(encoding="utf-8") if spec is not None and spec.origin else ""
