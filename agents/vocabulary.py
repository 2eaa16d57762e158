"""The company's own names: metrics and their properties, people, milestones, teams, components, customers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic

from agents.ports import Toolbox
from tools.kit.tool import Verb
from tools.nouns import Alert, Customer, Deployment, Issue, Metric, Noun, Person
from tools.verbs import AlertsList, CustomersFind, DeploysList, IssuesSearch, MetricsList, PeopleFind

ASKED: tuple[Verb, ...] = (
    MetricsList(),
    PeopleFind(),
    IssuesSearch(limit=500),
    DeploysList(limit=100),
    AlertsList(limit=100),
    CustomersFind(limit=500),
)


@dataclass(frozen=True)
class Words:
    """The names as a planner takes them; `metrics` maps a metric to its properties and their values."""

    metrics: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    people: tuple[str, ...] = ()
    milestones: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()


def gather(nouns: Iterable[Noun]) -> Words:
    """The names that records mention, each once, in alphabetical order. Pure."""
    metrics: dict[str, Mapping[str, Sequence[str]]] = {}
    names: dict[str, set[str]] = {key: set() for key in ("people", "milestones", "teams", "components", "customers")}
    for noun in nouns:
        if isinstance(noun, Metric):
            metrics[noun.name] = noun.dims
        elif isinstance(noun, Person):
            names["people"].update((noun.name, noun.handle))
            names["teams"].add(noun.team or "")
        elif isinstance(noun, Issue):
            names["milestones"].add(noun.milestone or "")
            names["teams"].add(noun.team or "")
        elif isinstance(noun, Deployment | Alert):
            names["components"].add(noun.component)
        elif isinstance(noun, Customer):
            names["customers"].add(noun.name)
    kept = {key: tuple(sorted(found - {""})) for key, found in names.items()}
    return Words(metrics=metrics, **kept)


class Vocabulary:
    """Asks the connected services for the company's names and remembers them for `keep` seconds.

    A service that fails or takes longer than `patience` seconds is left out, and asked again when next needed.
    """

    def __init__(
        self, toolbox: Toolbox, *, keep: float = 600.0, patience: float = 3.0, tick: Callable[[], float] = monotonic
    ) -> None:
        self._toolbox = toolbox
        self._keep = keep
        self._patience = patience
        self._tick = tick
        self._known: dict[tuple[str, str], tuple[float, Sequence[Noun]]] = {}
        self._asking = asyncio.Lock()

    async def current(self, reads: Callable[[str], bool] | None = None) -> Words:
        """The names as they are now known; only those that services tell which may be read, where `reads` says so."""
        async with self._asking:
            due = [
                (service, request)
                for request in ASKED
                for service in self._toolbox.services(request.name)
                if self._tick() >= self._known.get((service, request.name), (0.0, ()))[0]
            ]
            if due:
                async with asyncio.TaskGroup() as group:
                    for service, request in due:
                        group.create_task(self._learn(service, request))
        return gather(self._told(reads))

    def accounts(self, reads: Callable[[str], bool] | None = None) -> list[Person]:
        """The accounts of the company's people, as far as they are known now and may be read."""
        return [noun for noun in self._told(reads) if isinstance(noun, Person)]

    def _told(self, reads: Callable[[str], bool] | None) -> Iterable[Noun]:
        told = [nouns for (service, _), (_, nouns) in self._known.items() if reads is None or reads(service)]
        return (noun for nouns in told for noun in nouns)

    async def _learn(self, service: str, request: Verb) -> None:
        try:
            async with asyncio.timeout(self._patience):
                reply = await self._toolbox.ask(service, request)
        except TimeoutError:
            return
        if reply.error is None:
            self._known[service, request.name] = (self._tick() + self._keep, reply.nouns)
