"""AgentDojo's tools in the product's words: a verb for each tool, nouns for what it answers.

A tool is described by its name and its arguments' names alone, the same way in every suite.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, EmailStr, create_model

from tools.kit.analysis import Analysis
from tools.kit.tool import Verb, Write
from tools.nouns import Noun, Receipt

READS = re.compile(r"^(?:get|search|list|read|check|find)_")
# Arguments that are content alone, and those that name who gets to read it.
CONTENT = frozenset({"subject", "body", "content", "description", "title", "text", "message", "location", "filename"})
READERS = frozenset({"recipients", "recipient", "cc", "bcc", "participants", "channel", "email", "user_email", "url"})
# A read with such an argument goes to a place that its value names.
PLACES = frozenset({"url"})
# What a record is called by where it is used again.
IDENTITIES = ("id_", "id", "email")
# Records that only the account's owner and those who share it make: calendar, drive, address book, standing orders.
OWN = frozenset({"CalendarEvent", "CloudDriveFile", "EmailContact"})
OWN_LISTS = frozenset({"get_scheduled_transactions"})
Base = TypeVar("Base", bound=BaseModel)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Text(Noun):
    """An answer that is text: one of a list of names, a page, a value of a table with its key."""

    kind: ClassVar[str] = "dojo.text"
    key: str = ""
    value: Any = None

    def text(self) -> str:
        return f"{self.key} {self.value}".strip()


class Record(Noun):
    """An answer with fields of its own."""

    kind: ClassVar[str] = "dojo.record"

    def text(self) -> str:
        return " ".join(str(getattr(self, name)) for name in type(self).model_fields if name not in ("url", "at"))


class Amount(Noun):
    """An answer that is a number."""

    kind: ClassVar[str] = "dojo.amount"
    key: str = ""
    value: float


class Found(Noun):
    """What a computation found in a text."""

    kind: ClassVar[str] = "dojo.found"
    value: Any

    def text(self) -> str:
        return str(self.value)


class Extract(Analysis):
    """The only web address, email address or account number in a text; nothing where there are two."""

    name: ClassVar[str] = "dojo.extract"
    returns: ClassVar[type[Noun]] = Found
    of: Any
    token: str


class Draft(Analysis):
    """Words or figures that the model writes from what was read."""

    name: ClassVar[str] = "dojo.draft"
    returns: ClassVar[type[Noun]] = Found
    of: Any


_records: dict[tuple[type[BaseModel], bool], type[Noun]] = {}


def verb_of(suite: str, tool: Any) -> type[Verb]:
    """The verb that describes a tool."""
    names = tuple(tool.parameters.model_fields)
    name = f"{suite}.{tool.name}"
    fields: dict[str, Any] = dict.fromkeys(names, (Any, None))
    reads = READS.match(tool.name) is not None
    made = _class(f"Dojo_{suite}_{tool.name}", Verb if reads else Write, fields)
    made.name = name
    made.returns = _returned(tool.return_type, tool.name) if reads else Receipt
    if issubclass(made, Write):
        made.body = CONTENT & frozenset(names)
        # Where the readers may be left out, the change itself says who they are.
        made.reaches_people = any(
            spec.is_required() for name, spec in tool.parameters.model_fields.items() if name in READERS
        )
        made.stakes = "low"
    return made


def _class(name: str, base: type[Base], fields: Mapping[str, Any]) -> type[Base]:
    found: type[Base] = create_model(name, __base__=base, **dict(fields))
    return found


def nouns_of(result: Any, tool: str) -> tuple[Noun, ...]:
    """A tool's answer as records."""
    if result is None:
        return ()
    if isinstance(result, Mapping):
        return tuple(_plain(str(key), value) for key, value in result.items())
    if isinstance(result, Sequence) and not isinstance(result, str):
        return tuple(_record(number, item, tool) for number, item in enumerate(result))
    return (_record(0, result, tool),)


def _record(number: int, item: Any, tool: str) -> Noun:
    if not isinstance(item, BaseModel):
        return _plain(str(number), item)
    values = {name: getattr(item, name) for name in type(item).model_fields}
    ref = next((values[name] for name in IDENTITIES if values.get(name) not in (None, "")), number)
    return _noun_class(type(item), tool).model_construct(
        service="dojo", ref=str(ref), url="", at=EPOCH, title=str(values.pop("title", "") or ""), **values
    )


def _plain(key: str, value: Any) -> Noun:
    if isinstance(value, bool | int | float):
        return Amount(service="dojo", ref=key, url="", at=EPOCH, key=key, value=float(value))
    return Text(service="dojo", ref=key, url="", at=EPOCH, key=key, value=value)


def _noun_class(model: type[BaseModel], tool: str) -> type[Noun]:
    """A noun with a model's own fields, so that their types decide which of them can hold words.

    Addresses of people count as issued where only the owner makes such records, as ids do everywhere.
    """
    own = model.__name__ in OWN or tool in OWN_LISTS
    if (model, own) not in _records:
        fields: dict[str, Any] = {
            name: (spec.annotation, None) for name, spec in model.model_fields.items() if name not in Noun.model_fields
        }
        made = _class(f"Dojo_{model.__name__}_{own}", Record, fields)
        made.kind = f"dojo.{model.__name__}.{own}"
        made.by_members = own
        addresses = {name for name, (annotation, _) in fields.items() if annotation in (EmailStr, list[EmailStr])}
        made.issued = Noun.issued | ({"id_", "id"} & set(fields)) | (addresses if own else set())
        _records[model, own] = made
    return _records[model, own]


def _returned(annotation: Any, tool: str) -> type[Noun]:
    for inner in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            return _noun_class(inner, tool)
    return Text
