"""What a verb is: a name, typed arguments, what comes back, and whether it changes anything."""

from __future__ import annotations

from typing import ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from tools.nouns import Noun, Receipt


class Verb(BaseModel):
    """A request in the product's own words; its class is the verb, its fields are the arguments.

    The class docstring and the fields' descriptions are read by the model and shown by `deus connect`. Of a `derived`
    verb all that comes back, its numbers too, is what somebody's words and data made of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: ClassVar[str] = ""
    returns: ClassVar[type[Noun]] = Noun
    mode: ClassVar[Literal["read", "write"]] = "read"
    derived: ClassVar[bool] = False


Stakes = Literal["low", "medium", "high"]


class Write(Verb):
    """A verb that changes something: it is shown first, done once, read back, and taken back where that can be.

    `body` names the arguments that are content alone, such as a text: words of unknown origin may stand there. Every
    other argument says what is changed, for whom or how far, and must come from the person who asked. `stakes` is how
    much a mistake costs at worst where nothing else is known; `reaches_people` says that somebody gets to read it.
    """

    mode: ClassVar[Literal["read", "write"]] = "write"
    returns: ClassVar[type[Noun]] = Receipt
    body: ClassVar[frozenset[str]] = frozenset()
    stakes: ClassVar[Stakes] = "medium"
    reaches_people: ClassVar[bool] = False


V = TypeVar("V", bound=Verb)


def verbs(of: type[V]) -> dict[str, type[V]]:
    """Every verb of a kind (Verb, Write, Analysis) that has been defined, by name."""
    found: dict[str, type[V]] = {}
    for child in of.__subclasses__():
        if child.name:
            found[child.name] = child
        found.update(verbs(child))
    return found
