"""Which record somebody means who writes a name: one of those that are there, or an error that names them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from tools.kit.errors import BadArgument
from tools.kit.words import means

T = TypeVar("T")
SHOWN = 12


def chosen(asked: str, known: Sequence[T], names: Callable[[T], Sequence[str | None]], *, what: str, service: str) -> T:
    """The record that `asked` names, by any of its names in any case; the first of `names` is the one shown.

    Raises BadArgument with the candidates where none or several are meant.
    """
    wanted = asked.strip().lstrip("@#").casefold()
    found = [one for one in known if wanted in {name.casefold() for name in names(one) if name}]
    return _only(asked, found, known, names, what, service)


def person(asked: str, known: Sequence[T], names: Callable[[T], Sequence[str | None]], *, service: str) -> T:
    """The account of whom `asked` names; a first name will do where only one person bears it.

    `names` gives the person's full name and then handles and addresses. Raises BadArgument with the candidates.
    """
    wanted = asked.strip().lstrip("@").casefold()
    exact = [one for one in known if wanted in {name.casefold() for name in names(one) if name}]
    found = exact or [one for one in known if means(asked, names(one)[0] or "", *names(one)[1:])]
    return _only(asked, found, known, names, "person", service)


def _only(
    asked: str,
    found: Sequence[T],
    known: Sequence[T],
    names: Callable[[T], Sequence[str | None]],
    what: str,
    service: str,
) -> T:
    if len(found) == 1:
        return found[0]
    if found:
        raise BadArgument(f"{asked!r} may be {_listed(found, names, ' or ')}: say which.", service=service)
    there = f"there are {_listed(known, names, ', ')}" if known else "there is none"
    raise BadArgument(f"{service} has no {what} {asked!r}; {there}.", service=service)


def _listed(records: Sequence[T], names: Callable[[T], Sequence[str | None]], joint: str) -> str:
    shown = []
    for record in records[:SHOWN]:
        first, *others = [name for name in names(record) if name]
        shown.append(f"{first} ({others[0]})" if others else first)
    return joint.join(shown) + (" …" if len(records) > SHOWN else "")
