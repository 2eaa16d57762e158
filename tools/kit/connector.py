"""What a connector is: one service, its settings, the verbs that it serves."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from tools.kit.errors import DeusError, Malformed
from tools.kit.tool import Verb
from tools.kit.wire import Wire, WireOptions
from tools.nouns import Noun

Now = Callable[[], datetime]
Method = TypeVar("Method", bound=Callable[..., Awaitable[Sequence[Noun]]])
T = TypeVar("T")


class ServiceSettings(BaseModel):
    """A service's settings; field `token` of `github` is read from DEUS_GITHUB_TOKEN, and so on.

    Every field has a description that tells a person what it is and where to find it. The credentials are SecretStr,
    and a service counts as connected when none of its required fields is missing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    base_url: str


@dataclass(frozen=True)
class Sight:
    """What a connector can see with its credentials: the account's name and a few counts or names, in plain words."""

    account: str
    sees: tuple[str, ...]


def serves(verb: type[Verb]) -> Callable[[Method], Method]:
    """Marks a connector's method as the one that answers `verb`."""

    def mark(method: Method) -> Method:
        method.__serves__ = verb  # type: ignore[attr-defined]
        return method

    return mark


class Connector:
    """One service. A subclass names itself, its Settings, how its wire is set up, and serves verbs."""

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    Settings: ClassVar[type[ServiceSettings]] = ServiceSettings

    def __init__(self, settings: Any, wire: Wire, now: Now) -> None:
        self.settings = settings
        self.wire = wire
        self.now = now

    @classmethod
    def wire_options(cls, settings: Any) -> WireOptions:
        """How the service wants to be asked: base URL, authentication, rate-limit headers."""
        raise NotImplementedError

    async def check(self) -> Sight:
        """Asks the cheapest question that proves the credentials, and says what they open."""
        raise NotImplementedError

    @classmethod
    def verbs(cls) -> dict[str, str]:
        """The verbs that this connector serves: name of the verb → name of the method."""
        found: dict[str, str] = {}
        for attribute in dir(cls):
            verb = getattr(getattr(cls, attribute, None), "__serves__", None)
            if verb is not None:
                found[verb.name] = attribute
        return found

    async def call(self, request: Verb) -> Sequence[Noun]:
        """Answers a request by the method that serves its verb. Raises one typed error, never a group of them.

        A record that lacks what its noun requires, or has it in another form, makes the answer Malformed.
        """
        method: Callable[[Verb], Awaitable[Sequence[Noun]]] = getattr(self, self.verbs()[request.name])
        try:
            return await method(request)
        except BaseExceptionGroup as group:
            self._travel(_first_leaf(group))
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            self._travel(error)

    def _travel(self, error: BaseException) -> NoReturn:
        if isinstance(error, (KeyError, IndexError, TypeError, AttributeError, ValueError)):
            raise Malformed(
                f"{self.title or self.name} sent a record that is not in the published form ({_lacking(error)}).",
                service=self.name,
            ) from error
        raise error


async def together(coroutines: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Runs coroutines side by side and gives their results in order; the first failure ends the others and travels."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(coroutine) for coroutine in coroutines]
    except BaseExceptionGroup as failed:
        raise _first_leaf(failed) from None
    return [task.result() for task in tasks]


def matches(text: str, *parts: str | None) -> bool:
    """Whether any word of `text` begins a word of `parts`, whatever its case; every record matches no words."""
    words = _words(text)
    if not words:
        return True
    there = _words(" ".join(part for part in parts if part))
    return any(found.startswith(word) for word in words for found in there)


def _words(text: str) -> set[str]:
    return {word for word in re.split(r"[^\w#]+", text.casefold()) if word}


def _first_leaf(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The failure that a person should hear of: the first expected one, or else the first bug."""
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves.append(_first_leaf(error) if isinstance(error, BaseExceptionGroup) else error)
    return next((leaf for leaf in leaves if isinstance(leaf, DeusError)), leaves[0])


def _lacking(error: BaseException) -> str:
    if isinstance(error, KeyError):
        return f"{error.args[0]!r} is missing"
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False, include_url=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return type(error).__name__


def missing(settings_class: type[ServiceSettings], given: dict[str, Any]) -> list[str]:
    """The names of the required fields that `given` lacks."""
    return [name for name, spec in settings_class.model_fields.items() if spec.is_required() and not given.get(name)]


def secret_fields(settings_class: type[ServiceSettings]) -> list[str]:
    """The names of the fields that must never be shown."""
    return [name for name, spec in settings_class.model_fields.items() if spec.annotation is SecretStr]
