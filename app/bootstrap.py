"""Settings → a running product; the only file that names concrete classes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from agents.accounts import Accounts
from agents.acting import Desk
from agents.admission import Admission
from agents.approvals import Approvals
from agents.conversation import Conversations
from agents.destinations import Destinations
from agents.files import FileDoor
from agents.inbox import Inbox
from agents.ports import Clock, Memory
from agents.undoing import Undoing
from app.anchors import anchoring, keepers_of
from app.channels.sign_in import owner_of
from app.clock import clock_of
from app.code_bench import open_bench
from app.policy_file import policy_of
from app.repositories.mirrors import open_mirrors
from app.settings import Settings
from app.settings_channels import with_kept_channels
from app.stores.approvals import StoredApprovals
from app.stores.audit import AuditLog
from app.stores.context_text import ContextText
from app.stores.conversations import StoredHandovers
from app.stores.database import Database
from app.stores.deliveries import StoredDeliveries
from app.stores.effects import StoredLedger
from app.stores.files import StoredFiles
from app.stores.live import Live
from app.stores.migrations import migrate
from app.stores.people import StoredPeople
from app.stores.preferences import StoredPreferences
from app.stores.runs import StoredRuns
from app.stores.traces import StoredTraces
from app.stores.vault import Vault
from app.toolbox import ConnectedToolbox, connect
from app.turns import Turns
from app.vaults.keeper import keeper_of
from app.workshop import Workshop
from app.workspace import kept_services, open_database
from tools.kit.errors import UserMustMend
from tools.kit.wire import open_client

if TYPE_CHECKING:
    from agents.drive import Means
    from agents.executor import Company
    from agents.ports import Embedder, Planner, Writer
    from agents.visiting import Visits
    from app.engine import Engine
    from app.stores.context import Context

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Product:
    """One running workspace."""

    settings: Settings
    clock: Clock
    conversations: Conversations
    approvals: Approvals
    toolbox: ConnectedToolbox
    workshop: Workshop
    audit: AuditLog
    deliveries: StoredDeliveries | None = None
    people: StoredPeople | None = None
    inbox: Inbox | None = None
    files: FileDoor | None = None

    async def ready(self) -> None:
        """Waits until questions are taken at once; raises UserMustMend where that will not be."""
        await self.workshop.ready()

    @property
    def memory(self) -> Memory:
        """The context store; it remembers nothing until `ready`, or where DEUS_MEMORY is off."""
        return self.workshop.memory

    @property
    def context(self) -> Context:
        """The context store, to add to. Raises UserMustMend before `ready`, or where DEUS_MEMORY is off."""
        if self.workshop.context is None:
            raise UserMustMend(
                "There is no context store.", remedy="Set DEUS_MEMORY=true, and wait until Deus is ready."
            )
        return self.workshop.context

    def health(self) -> dict[str, Any]:
        """How the product is, for people and for monitors; holds no secret."""
        state = self.workshop.state()
        status = state if state in ("ready", "starting") else "failing"
        return {
            "status": "ok" if status == "ready" else status,
            "engine": state,
            "work": self.workshop.engine.health() if self.workshop.engine is not None else {},
            "now": self.clock.now().isoformat(),
            "memory": self._memory_state(),
            "model": self.settings.model,
            "sandboxes": self.workshop.bench.state(),
            "database": "postgres" if self.settings.database_url else "sqlite",
            "services": {name: connector.title for name, connector in self.toolbox.connected.items()},
        }

    def _memory_state(self) -> str:
        """ok, off, or why past runs and documents are not found by their meaning."""
        if not self.settings.memory:
            return "off"
        trouble = self.workshop.context.trouble if self.workshop.context else None
        return f"by words alone: {trouble}" if trouble else "ok"


@contextlib.asynccontextmanager
async def open_product(settings: Settings, *, at_once: bool = True) -> AsyncIterator[Product]:
    """Opens the workspace that the settings describe and closes it in order.

    What is heavy loads in the background, or, without `at_once`, not before it is needed: to look at runs needs none.
    """
    clock, policy = clock_of(settings.clock), policy_of(settings)
    workshop, live = Workshop(), Live()
    async with contextlib.AsyncExitStack() as stack:
        database = open_database(settings)
        stack.push_async_callback(database.close)
        await migrate(database)
        client = await stack.enter_async_context(open_client())
        services = await kept_services(settings, Vault(database, keeper_of(settings, client), clock))
        settings = with_kept_channels(settings, services)
        turns = Turns(settings.service_concurrency, settings.service_limits)
        toolbox = ConnectedToolbox(connect(services, client, clock.now), turns)
        open_mirrors(settings.data_dir / "repositories", toolbox.connected)
        runs = StoredRuns(database, live, clock, workshop.dispatch, ready=workshop.ready)
        stored, ledger = StoredApprovals(database, live, clock, runs.continue_run), StoredLedger(database, clock.now)
        owner = owner_of(settings.data_dir, settings.user)
        people = StoredPeople(database, clock, role=settings.people_role, owner=owner)
        admission = Admission(people, StoredTraces(database), policy.reading)
        workspace, zone = await ContextText(database).workspace(), ZoneInfo(settings.timezone)
        undoing = Undoing(toolbox, ledger, stored, clock, policy, workspace=workspace, timezone=zone)
        if at_once:
            await stack.enter_async_context(Accounts(toolbox, people).looking())
        files = FileDoor(StoredFiles(database, clock, most_mib=settings.file_mb), admission)
        conversations = Conversations(runs, workshop.stop, admission, files)
        approvals = Approvals(stored, ledger, undoing, clock, workshop.ready, admission, conversations.say)
        destinations = Destinations(toolbox, StoredPreferences(database), clock, settings.destinations())
        desk = Desk(toolbox, stored, ledger, undoing, clock, policy, workspace, zone, destinations)
        desk = replace(desk, settles=settles_of(toolbox))
        if keepers := keepers_of(settings.audit_anchor_file, settings.audit_anchor_url, client):
            await stack.enter_async_context(anchoring(keepers, AuditLog(database), live))
        opening = open_bench(settings, workspace, client)
        workshop.bench = await stack.enter_async_context(opening)
        stack.push_async_callback(workshop.close)
        handovers = StoredHandovers(database, live, clock, away=settings.inbox_away_seconds)
        sweeps = (stored.expire_due, handovers.release, files.sweep)
        workshop.load(
            lambda: _load(settings, workshop, database, runs, toolbox, desk, sweeps, clock, admission, stack),
            at_once=at_once,
        )
        shown = StoredDeliveries(database, clock)
        inbox = Inbox(handovers, conversations, clock, workshop.stop, people, live.stirred)
        audit = AuditLog(database)
        yield Product(settings, clock, conversations, approvals, toolbox, workshop, audit, shown, people, inbox, files)


def settles_of(toolbox: ConnectedToolbox) -> Callable[[str, str], timedelta | None]:
    """How long after it was sent each service may still do a write, as its actions state it."""
    return lambda service, verb: toolbox.connected[service].writes()[verb].settles


@contextlib.asynccontextmanager
async def open_context(settings: Settings) -> AsyncIterator[Context]:
    """Opens the workspace's context store alone, beside a running Deus or without one."""
    async with contextlib.AsyncExitStack() as stack:
        database = open_database(settings)
        stack.push_async_callback(database.close)
        await migrate(database)
        embedder = await asyncio.to_thread(_embedder, settings)
        yield await _memory(settings, embedder, database, clock_of(settings.clock), stack)


async def _load(
    settings: Settings,
    workshop: Workshop,
    database: Database,
    runs: StoredRuns,
    toolbox: ConnectedToolbox,
    desk: Desk,
    sweeps: Sequence[Callable[[], Awaitable[object]]],
    clock: Clock,
    admission: Admission,
    stack: contextlib.AsyncExitStack,
) -> None:
    from agents.vocabulary import Vocabulary
    from app.workrooms import workrooms

    vocabulary = Vocabulary(toolbox)
    async with asyncio.TaskGroup() as group:
        # Learning the company's names waits for the network while the imports wait for the processor.
        group.create_task(vocabulary.current(), name="learn the company's names")
        engine = workshop.engine = await asyncio.to_thread(_engine, settings, database)
        await asyncio.to_thread(toolbox.learn)
        embedder = await asyncio.to_thread(_embedder, settings)
        if settings.memory:
            workshop.context = workshop.memory = await _memory(settings, embedder, database, clock, stack)
            await workshop.context.start()
        planner, writer = await _planning(settings, toolbox, embedder, stack)
    company = _company(settings, embedder)
    means = _means(
        settings, company, toolbox, planner, writer, workshop.memory, runs, vocabulary, clock, desk, database
    )
    toolbox.rooms = workrooms(settings, database, workshop.bench.sandboxes, clock, toolbox.connected)
    means = replace(means, admission=admission, rooms=toolbox.rooms)
    visits = await _visits(settings, workshop.context, clock)
    await engine.start(runs, means, sweeps, toolbox.turns.shared_by, visits)


def _engine(settings: Settings, database: Database) -> Engine:
    from app.engine import Engine

    return Engine(
        database,
        worker=settings.worker,
        concurrency=settings.concurrency,
        at_once=settings.workspace_concurrency,
        takeover=settings.takeover_seconds,
        silence=settings.silence_seconds,
    )


def _embedder(settings: Settings) -> Embedder:
    from app.embedding import MiniLMEmbedder
    from app.embedding_cache import CachedEmbedder

    cache = settings.cache_dir.expanduser()
    return CachedEmbedder(MiniLMEmbedder(cache / "models"), cache / "sentences.npz")


async def _memory(
    settings: Settings, embedder: Embedder, database: Database, clock: Clock, stack: contextlib.AsyncExitStack
) -> Context:
    from app.embedding_cache import CachedEmbedder
    from app.stores.context import Context
    from app.stores.context_vectors import EmbeddedIndex, ServedIndex, VectorIndex

    text = ContextText(database)
    index: VectorIndex = EmbeddedIndex(settings.data_dir / "chroma", embedder.model_id)
    if settings.chroma_url is not None:
        index = ServedIndex(settings.chroma_url, await text.workspace(), embedder.model_id)
    # Pieces keep their vectors in the index; they would only drive the playbooks' sentences out of the cache.
    direct = embedder.direct if isinstance(embedder, CachedEmbedder) else embedder
    context = Context(text, index, direct, clock, runs_url=f"{settings.address}/runs")
    stack.push_async_callback(context.close)
    return context


async def _planning(
    settings: Settings, toolbox: ConnectedToolbox, embedder: Embedder, stack: contextlib.AsyncExitStack
) -> tuple[Planner, Writer]:
    """The playbooks' planner and writer; with a model, its own before them, and theirs where it fails."""
    from agents.answer import PlaybookWriter
    from agents.planners.playbook import PlaybookPlanner
    from agents.planners.playbook_file import read
    from agents.planners.taking_back import TakingBack
    from app.intent_cache import CachedFit
    from prompts.library import out_of_scope, playbooks, prompt

    books = await asyncio.to_thread(lambda: read(playbooks()))
    fit = CachedFit(settings.cache_dir.expanduser() / "matcher.npz")
    planner, writer = PlaybookPlanner(books, out_of_scope(), embedder, fit=fit), PlaybookWriter(books)
    await planner.learn()
    if settings.model is None:
        return TakingBack(planner), writer
    from agents.model_answer import ModelWriter
    from agents.planners.model import FallbackPlanner, ModelPlanner
    from app.models import Gateway, ModelOptions
    from tools.analysis.finding import to_finding

    key = settings.model_key.get_secret_value() if settings.model_key else None
    gateway = Gateway(ModelOptions(settings.model, settings.model_fast, settings.model_base_url, key))
    stack.push_async_callback(gateway.close)
    fallback = FallbackPlanner(ModelPlanner(gateway, toolbox.verbs, prompt), planner)
    return TakingBack(fallback), ModelWriter(gateway, writer, prompt, to_finding)


async def _visits(settings: Settings, context: Context | None, clock: Clock) -> Visits:
    """How the widget's visitors are answered: from public documents, by playbooks of their own."""
    from agents.planners.playbook_file import read
    from agents.visiting import Visits
    from app.stores.help_pages import HelpPages, NoHelpPages
    from prompts.library import playbooks

    books = await asyncio.to_thread(lambda: read(playbooks()))
    shelf = HelpPages(context, clock, settings.address) if context is not None else NoHelpPages()
    return Visits(shelf, books["help"], books["ticket"], books["visitor_report"])


def _company(settings: Settings, embedder: Embedder) -> Company:
    from agents.executor import Company
    from app.embedding import MiniLMEmbedder

    zone, direct = ZoneInfo(settings.timezone), getattr(embedder, "direct", embedder)
    if not isinstance(direct, MiniLMEmbedder):
        return Company(zone, settings.countries)

    def likeness(query: str, texts: Sequence[str]) -> Sequence[float]:
        vectors = direct.embed_now([query, *texts])
        return [float(likeness) for likeness in vectors[1:] @ vectors[0]]

    return Company(zone, settings.countries, likeness)


def _means(
    settings: Settings,
    company: Company,
    toolbox: ConnectedToolbox,
    planner: Planner,
    writer: Writer,
    memory: Memory,
    runs: StoredRuns,
    vocabulary: Any,
    clock: Clock,
    desk: Desk,
    database: Database,
) -> Means:
    from agents.drive import Means
    from app.budgeting import books_of, limits_of

    return Means(
        toolbox=toolbox,
        planner=planner,
        writer=writer,
        memory=memory,
        archive=runs,
        vocabulary=vocabulary,
        clock=clock,
        company=company,
        limits=limits_of(settings, desk.policy.spend),
        desk=desk,
        books=books_of(settings, desk.policy.spend, database, clock),
    )
