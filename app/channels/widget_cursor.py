"""How far somebody has seen a conversation: a mark up to which all is seen, and places in the runs after it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

# A run that hangs keeps the places of all later ones in the cursor; it has to stay readable.
LONGEST = 6000
_FORM = re.compile(r"(\d{1,19})((?:;\d{1,19}\.\d{1,9})*)")


@dataclass(frozen=True)
class Cursor:
    """`mark` is the time of the last run, in microseconds since 1970, up to which every run was seen to its end;
    `places` maps later runs' times to the number of their last event that was seen."""

    mark: int = 0
    places: tuple[tuple[int, int], ...] = ()

    def seen(self, at: int) -> int | None:
        """The last event seen of the run of that time; None if all of it was."""
        return None if at <= self.mark else dict(self.places).get(at, 0)

    def at(self, run: int, seq: int) -> Cursor:
        """The cursor with one more event seen."""
        return (
            self if run <= self.mark else replace(self, places=tuple(sorted({**dict(self.places), run: seq}.items())))
        )

    def marked(self, mark: int) -> Cursor:
        """The cursor with every run up to a time seen to its end."""
        top = max(self.mark, mark)
        return Cursor(top, tuple((run, seq) for run, seq in self.places if run > top))

    def __str__(self) -> str:
        return ";".join([str(self.mark), *(f"{run}.{seq}" for run, seq in self.places)])


def parse(text: str) -> Cursor:
    """The cursor that a text is. Raises ValueError for any other text."""
    found = _FORM.fullmatch(text) if text.isascii() and len(text) <= LONGEST else None
    if found is None:
        raise ValueError("That is no place in a conversation.")
    cursor = Cursor(int(found[1]))
    for place in found[2].split(";")[1:]:
        run, seq = place.split(".")
        cursor = cursor.at(int(run), int(seq))
    return cursor
