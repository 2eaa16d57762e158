"""What a visitor of the widget gets: a plan that reads public documents, and nothing else that could be reached."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from agents.answer import PlaybookWriter
from agents.drive import Means
from agents.errors import StepFailed
from agents.evidence import Citations
from agents.identity import least
from agents.plan import Plan, Step
from agents.planners.glossary import gloss, language
from agents.planners.playbook_file import Playbook
from agents.planners.slots import topic
from agents.ports import PlanHeader, Recalled, Reply, Situation, StepResult, Turn, Writer
from agents.record import Answer
from agents.vocabulary import Vocabulary
from tools.kit.tool import Verb
from tools.nouns import Document
from tools.verbs import DocumentsSearch

CHANNEL = "widget"
ACTOR = "visitor:"
# Where what a visitor told is looked into, for the person who is asked for; visitors never see it.
INVESTIGATION = "investigation"
SERVICE = "help"
# So the server begins the ids of what was said, and of what was left as a ticket; the rest is the page's.
MESSAGE, TICKET = "message-", "ticket-"
PUBLIC_VERBS: Mapping[str, type[Verb]] = {DocumentsSearch.name: DocumentsSearch}
MOST_PAGES = 3
# Fewer words than these follow up on what was said before.
FEW_WORDS = 4
SINCE = timedelta(days=7)
_TROUBLE = re.compile(
    r"\b(?:can(?:not|['’]?t)|couldn['’]?t|won['’]?t|doesn['’]?t|does not|unable|not working|fail\w*|broken?|errors?|"
    r"stuck|crash\w*|down|wrong|missing|lost|since (?:this|yesterday|today|last)|geht nicht|kaputt|"
    r"funktioniert nicht|fehler|no puedo|no funciona)\b",
    re.IGNORECASE,
)

# What follows on these somebody cannot do, or something does not; a glossed sentence may say "not can export".
_UNDONE = re.compile(
    r"\b(?:can(?:not|['’]?t)|couldn['’]?t|won['’]?t|does(?:n['’]?t| not)|unable to|not)(?: can)? (?P<what>\w+)",
    re.IGNORECASE,
)


class Shelf(Protocol):
    """The public documents."""

    async def search(self, text: str, limit: int) -> Sequence[Document]:
        """Those that answer the text, best first, each with the passage that does as its content; none if none does."""
        ...

    async def still(self, refs: Collection[str]) -> Collection[str]:
        """Those of some documents that visitors may still read."""
        ...


class HelpToolbox:
    """The only toolbox that a visitor's run has: it holds the public documents and no connected service."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def verbs(self) -> Mapping[str, type[Verb]]:
        return PUBLIC_VERBS

    def services(self, verb: str) -> Sequence[str]:
        return (SERVICE,) if verb in PUBLIC_VERBS else ()

    def title(self, service: str) -> str:
        return "Help"

    async def ask(self, service: str, request: Verb) -> Reply:
        """Looks through the public documents."""
        if not isinstance(request, DocumentsSearch):
            raise StepFailed("Visitors may read the public documents, and nothing else.")
        wordings = [request.text]
        if language(request.text) != "en":
            # The pages may be in another language than the question; English is what most are written in.
            wordings += [gloss(request.text), subject_of(request.text)]
        for words in dict.fromkeys(wordings):
            if found := await self._shelf.search(words, request.limit):
                return Reply(SERVICE, tuple(found))
        return Reply(SERVICE)


class FixedPlanner:
    """Plans every turn by one of two playbooks, whatever it says: no word of a visitor can choose another."""

    def __init__(self, playbook: Playbook, ticket: Playbook | None = None) -> None:
        self._playbook = playbook
        self._ticket = ticket

    async def plan(self, situation: Situation) -> AsyncIterator[PlanHeader | Step]:
        """The playbook's steps. Whether a turn is a ticket the server says, which makes its message id."""
        is_ticket = (situation.turn.message_id or "").startswith(TICKET)
        book = self._ticket if self._ticket is not None and is_ticket else self._playbook
        slots = slots_of(situation)
        yield PlanHeader(playbook=book.id, slots=slots)
        for step in book.plan(slots):
            yield step

    async def replan(
        self, situation: Situation, plan: Plan, results: Mapping[str, StepResult]
    ) -> AsyncIterator[PlanHeader | Step]:
        """Nothing is added."""
        steps: tuple[Step, ...] = ()
        for step in steps:
            yield step


class VisitorsWriter:
    """Writes by the playbooks, of what visitors may still read: a page may be closed between its finding and the
    answer, before which a run may wait, or be taken up by another process much later."""

    def __init__(self, writer: Writer, shelf: Shelf) -> None:
        self._writer = writer
        self._shelf = shelf

    async def write(
        self, situation: Situation, plan: Plan, results: Mapping[str, StepResult], citations: Citations
    ) -> Answer:
        found = {noun.ref for result in results.values() for noun in result.nouns}
        still = frozenset(await self._shelf.still(found)) if found else frozenset()
        kept = {
            step: replace(result, nouns=tuple(noun for noun in result.nouns if noun.ref in still))
            for step, result in results.items()
        }
        return await self._writer.write(situation, plan, kept, citations)


class NoMemory:
    """Neither tells a visitor what was asked before, nor keeps what visitors say among what others are told."""

    async def recall(self, text: str, limit: int = 8) -> Sequence[Recalled]:
        return ()

    async def remember(self, run: str, question: str, answer: str, at: datetime) -> None:
        pass


@dataclass(frozen=True)
class Visits:
    """The public documents, and the playbooks by which visitors are answered and what they told is looked into."""

    shelf: Shelf
    help: Playbook
    ticket: Playbook
    report: Playbook

    def for_visitor(self, means: Means) -> Means:
        """What a visitor's run may use: no service, no desk for writes, no memory, no model."""
        books = {book.id: book for book in (self.help, self.ticket)}
        toolbox = HelpToolbox(self.shelf)
        return replace(
            means,
            toolbox=toolbox,
            planner=FixedPlanner(self.help, self.ticket),
            writer=VisitorsWriter(PlaybookWriter(books), self.shelf),
            memory=NoMemory(),
            vocabulary=Vocabulary(toolbox),
            desk=None,
            rooms=(),
        )

    def for_investigation(self, means: Means) -> Means:
        """What looks into a visitor's words may use: the services to read, by one plan, and no desk for writes."""
        return replace(
            means,
            planner=FixedPlanner(self.report),
            writer=PlaybookWriter({self.report.id: self.report}),
            memory=NoMemory(),
            desk=None,
            rooms=(),
        )


def is_visitors(turn: Turn) -> bool:
    """Whether a visitor asks or reads along. Each sign counts by itself, so that a forgotten one opens nothing."""
    told = least((turn.role, turn.audience)) == "visitor"
    return told or turn.channel == CHANNEL or turn.actor.startswith(ACTOR)


def means_for(means: Means, visits: Visits | None, turn: Turn) -> Means:
    """The means that a turn's run may use. Raises StepFailed where visitors cannot be answered."""
    visiting, looking = is_visitors(turn), turn.channel == INVESTIGATION
    if not visiting and not looking:
        return means
    if visits is None:
        raise StepFailed("Visitors cannot be answered here.", remedy="Set DEUS_MEMORY=true, and ingest with --public.")
    return visits.for_visitor(means) if visiting else visits.for_investigation(means)


def slots_of(situation: Situation) -> Mapping[str, Any]:
    """What the fixed playbooks need: the words to look for, whether something seems broken, since when to look."""
    text = " ".join(situation.turn.text.split())
    return {
        "topic": topic_of(text, [one.question for one in situation.past]),
        "subject": subject_of(situation.turn.text),
        "said": text,
        "language": language(text),
        "trouble": in_trouble(text),
        "pages": MOST_PAGES,
        "since": (situation.now - SINCE).isoformat(),
    }


def linked(conversation: str) -> str:
    """The conversation in which a visitor's is looked into; no visitor's token opens it."""
    return f"{conversation}-{INVESTIGATION}"


def topic_of(text: str, before: Sequence[str]) -> str:
    """The words to look for: a very short turn goes on with what was said last."""
    if before and len(text.split()) < FEW_WORDS:
        return f"{before[-1]} {text}"
    return text


def in_trouble(text: str) -> bool:
    """Whether words tell of something that does not work, in a language that is known."""
    return any(_TROUBLE.search(one) or _UNDONE.search(one) for one in (text, gloss(text)))


def subject_of(text: str) -> str:
    """What somebody has trouble with, as words to find the company's own records by: what they cannot do, else what
    remains of their words without the trouble and since when it is. The last line that tells of trouble counts most,
    then the one that says most."""
    lines = [line for line in text.splitlines() if line.strip()]
    troubled = [line for line in reversed(lines) if in_trouble(line)]
    for line in (*troubled, *sorted(lines, key=len, reverse=True)):
        undone = (topic.find(found["what"]) for found in _UNDONE.finditer(gloss(line)))
        rest = _TROUBLE.sub(" ", gloss(_TROUBLE.sub(" ", line)))
        if words := next(filter(None, undone), None) or topic.find(rest):
            return words
    return " ".join(text.split())
