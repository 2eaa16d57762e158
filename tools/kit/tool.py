"""What a verb is: a name, typed arguments, what comes back, and whether it changes anything."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from tools.nouns import Noun


class Verb(BaseModel):
    """A request in the product's own words; its class is the verb, its fields are the arguments.

    The class docstring and the fields' descriptions are read by the model and shown by `deus connect`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: ClassVar[str] = ""
    returns: ClassVar[type[Noun]] = Noun
    mode: ClassVar[Literal["read", "write"]] = "read"


def verbs(of: type[Verb] = Verb) -> dict[str, type[Verb]]:
    """Every verb that has been defined, by name."""
    found: dict[str, type[Verb]] = {}
    for child in of.__subclasses__():
        if child.name:
            found[child.name] = child
        found.update(verbs(child))
    return found
