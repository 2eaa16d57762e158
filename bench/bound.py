"""A figure against its bound, and where the public data lie."""

import os
from dataclasses import dataclass, field
from pathlib import Path


def shared_data() -> Path:
    """The shared folder: `DEUS_SHARED`, or `../shared` next to the checkout."""
    return Path(os.environ.get("DEUS_SHARED", str(Path(__file__).resolve().parents[2] / "shared")))


@dataclass
class Bounds:
    """Prints figures against their bounds and remembers whether all held."""

    held: bool = True
    failed: list[str] = field(default_factory=list)

    def at_least(self, name: str, value: float, bound: float, digits: int = 3) -> None:
        """A figure that must reach its bound."""
        self._print(name, value, f"≥ {bound:g}", value >= bound, digits)

    def at_most(self, name: str, value: float, bound: float, digits: int = 3) -> None:
        """A figure that must not pass its bound."""
        self._print(name, value, f"≤ {bound:g}", value <= bound, digits)

    def _print(self, name: str, value: float, bound: str, good: bool, digits: int) -> None:
        print(f"{name}: {value:.{digits}f} (bound {bound}) {'ok' if good else 'MISSED'}")
        if not good:
            self.held = False
            self.failed.append(name)

    def exit_code(self) -> int:
        """0 where every bound held."""
        return 0 if self.held else 1
