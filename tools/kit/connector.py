"""What a connector is: one service, its settings, the verbs that it serves."""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, ClassVar, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from tools.kit.action import Action
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


class LinkedSettings(ServiceSettings):
    """The settings of a service whose records do not say where people open them."""

    web_url: str | None = Field(None, description="where people open its records; follows from base_url if left out")

    def site(self, known: Mapping[str, str] = MappingProxyType({})) -> str:
        """Where people open records, without a slash at its end; `known` maps addresses of the API to it."""
        base = self.base_url.rstrip("/")
        return (self.web_url or known.get(base, base)).rstrip("/")


@dataclass(frozen=True)
class Sight:
    """What a connector can see with its credentials: the account's name and a few counts or names, in plain words.

    `scopes` are the rights that the service says the credentials have; None where it does not say.
    """

    account: str
    sees: tuple[str, ...]
    scopes: tuple[str, ...] | None = None


def scopes(headers: Mapping[str, str]) -> tuple[str, ...] | None:
    """The rights of a token, as GitHub and Slack tell them in `X-OAuth-Scopes`; None if they do not."""
    told = headers.get("x-oauth-scopes")
    return None if told is None else tuple(sorted(part.strip() for part in told.split(",") if part.strip()))


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
    actions: ClassVar[tuple[type[Action[Any, Any]], ...]] = ()

    def __init__(self, settings: Any, wire: Wire, now: Now) -> None:
        self.settings = settings
        self.wire = wire
        self.now = now

    @classmethod
    def wire_options(cls, settings: Any) -> WireOptions:
        """How the service wants to be asked: base URL, authentication, rate-limit headers."""
        raise NotImplementedError

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if "check" in cls.__dict__:
            _guard_check(cls)

    async def check(self) -> Sight:
        """Asks the cheapest question that proves the credentials, and says what they open. Fails as `call` does."""
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

    @classmethod
    def writes(cls) -> dict[str, type[Action[Any, Any]]]:
        """The write verbs that this connector serves: name of the verb → its action."""
        return {action.verb.name: action for action in cls.actions}

    async def act(self, work: Awaitable[T]) -> T:
        """Awaits one method of an action; raises one typed error, as `call` does."""
        try:
            return await work
        except BaseExceptionGroup as group:
            self._travel(_first_leaf(group))
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            self._travel(error)

    async def call(self, request: Verb) -> Sequence[Noun]:
        """Answers a request by the method that serves its verb. Raises one typed error, never a group of them.

        A record that lacks what its noun requires, or has it in another form, makes the answer Malformed.
        """
        method: Callable[[Verb], Awaitable[Sequence[Noun]]] = getattr(self, self.verbs()[request.name])
        return await self._guarded(method(request))

    async def _guarded(self, answer: Awaitable[T]) -> T:
        try:
            return await answer
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


def _guard_check(kind: type[Connector]) -> None:
    """Puts the guard that `call` has around a connector's own `check`."""
    own: Callable[[Connector], Awaitable[Sight]] = kind.__dict__["check"]

    @functools.wraps(own)
    async def check(self: Connector) -> Sight:
        return await self._guarded(own(self))

    kind.check = check  # type: ignore[method-assign]


async def together(coroutines: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Runs coroutines side by side and gives their results in order; the first failure ends the others and travels."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(coroutine) for coroutine in coroutines]
    except BaseExceptionGroup as failed:
        raise _first_leaf(failed) from None
    return [task.result() for task in tasks]


def numbered(number: int, one: str) -> str:
    """ "1 page", "2 pages": a count with its word, as a Sight says it."""
    return f"{number} {one}{'' if number == 1 else 's'}"


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
