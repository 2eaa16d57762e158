"""What a connector is: one service, its settings, the verbs that it serves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr

from tools.kit.tool import Verb
from tools.kit.wire import Wire, WireOptions
from tools.nouns import Noun

Now = Callable[[], datetime]
Method = TypeVar("Method", bound=Callable[..., Awaitable[Sequence[Noun]]])


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
        """Answers a request by the method that serves its verb."""
        method: Callable[[Verb], Awaitable[Sequence[Noun]]] = getattr(self, self.verbs()[request.name])
        return await method(request)


def missing(settings_class: type[ServiceSettings], given: dict[str, Any]) -> list[str]:
    """The names of the required fields that `given` lacks."""
    return [name for name, spec in settings_class.model_fields.items() if spec.is_required() and not given.get(name)]


def secret_fields(settings_class: type[ServiceSettings]) -> list[str]:
    """The names of the fields that must never be shown."""
    return [name for name, spec in settings_class.model_fields.items() if spec.annotation is SecretStr]
