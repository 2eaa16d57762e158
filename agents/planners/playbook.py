"""The planner that needs no model: the playbook nearest in meaning and words, its holes filled from the sentence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from agents.approval import Source
from agents.errors import NotUnderstood
from agents.plan import Plan, Step
from agents.planners import asked_files
from agents.planners.correction import correction, kept_quotations
from agents.planners.followup import cut_short, follow_up, selection
from agents.planners.glossary import gloss
from agents.planners.intent import Decision, Fit, IntentMatcher, Verdict
from agents.planners.myself import with_asker
from agents.planners.order_slots import ordered
from agents.planners.playbook_file import Playbook
from agents.planners.quoted_slots import heard, with_quote
from agents.planners.situation_slots import filled
from agents.planners.slots import metric as metric_slot
from agents.planners.slots.fill import Slots, fill, phrases_to_embed
from agents.planners.slots.names import namesake
from agents.planners.slots.vocabulary import Vocabulary
from agents.planners.unknown import unknown_milestone
from agents.ports import Embedder, PlanHeader, Situation, StepResult

# Of a message that is asked about so much is read to see what the question is.
LONGEST_READ = 600


class PlaybookPlanner:
    """Chooses among playbooks; says so where none fits or two fit alike, and asks for what a playbook lacks."""

    def __init__(
        self,
        playbooks: Mapping[str, Playbook],
        out_of_scope: Sequence[str],
        embedder: Embedder,
        *,
        fit: Fit = IntentMatcher.fit,
    ) -> None:
        self.playbooks = playbooks
        self._out_of_scope = tuple(out_of_scope)
        self._embedder = embedder
        self._fit = fit
        self._matcher: IntentMatcher | None = None
        self._learning = asyncio.Lock()
        self._metric_vectors: dict[str, NDArray[np.float32]] = {}

    async def learn(self) -> IntentMatcher:
        """Learns the example sentences, once; takes a second or two, so that it is called before the first question."""
        async with self._learning:
            if self._matcher is None:
                examples = {name: book.examples for name, book in self.playbooks.items() if book.examples}
                vectors = {
                    name: await self._embedder.embed([gloss(one) for one in sentences])
                    for name, sentences in examples.items()
                }
                negative_vectors = await self._embedder.embed([gloss(one) for one in self._out_of_scope])
                self._matcher = await asyncio.to_thread(
                    self._fit,
                    examples,
                    vectors,
                    negatives=self._out_of_scope,
                    negative_vectors=negative_vectors,
                )
            return self._matcher

    async def plan(self, situation: Situation) -> AsyncIterator[PlanHeader | Step]:
        """A header with playbook and slots, then the steps. Raises NotUnderstood where a person has to say more."""
        situation = heard(situation)
        said = await self._slots(situation)
        if await self._asks_of_files(situation):
            values = filled(situation, said)
            yield PlanHeader(playbook=asked_files.PLAYBOOK, slots=values)
            for step in self.playbooks[asked_files.PLAYBOOK].plan(values):
                yield step
            return
        corrects = correction(situation, said)
        further = corrects or follow_up(situation, said)
        if further is not None:
            name, values = further.playbook, {**filled(situation, said), **further.slots}
        else:
            if cut_short(situation):
                raise NotUnderstood(
                    "I am not sure what to change in what I said before: I know no such person, time, number, segment "
                    "or record. Can you say it as a whole question?"
                )
            name = await self._chosen(situation, namesake(situation.turn.text, said.person))
            values = filled(situation, said)
            if values["metric"]:
                values["where"] = selection(situation.turn.text, situation.metrics[values["metric"]])
        book = self.playbooks[name]
        if any(slot.name == "milestone" for slot in book.slots) and further is None:
            unknown = unknown_milestone(situation, said)
            if unknown is not None:
                raise unknown
        quoted: Mapping[str, Source] = {}
        if book.writes:
            order, quoted = ordered(situation, said)
            values = {**order, **values}
        elif situation.turn.quoted is not None:
            read = replace(situation, turn=replace(situation.turn, text=situation.turn.quoted.text))
            values, quoted = with_quote(situation, values, said, filled(read, await self._slots(read)))
        values = with_asker(situation, book, values)
        if corrects is not None:
            quoted = {**quoted, **kept_quotations(situation.answered[-1])}
        self._ask_for_missing(book, values, said, situation)
        yield PlanHeader(playbook=name, slots=values, quoted=quoted)
        if values.get("corrects"):
            taken = {"waiting": values["corrects"]}
            yield Step(id="instead", verb="writes.undo", args=taken, title="Take back what was proposed before")
        for step in book.plan(values):
            yield step

    async def replan(
        self, situation: Situation, plan: Plan, results: Mapping[str, StepResult]
    ) -> AsyncIterator[PlanHeader | Step]:
        """A playbook is complete as it is."""
        steps: tuple[Step, ...] = ()
        for step in steps:
            yield step

    async def _chosen(self, situation: Situation, text: str) -> str:
        """The playbook that the asker's words choose. Where they are too few, those of a message that they point at may
        choose a question, and never anything that writes."""
        quote = situation.turn.quoted
        try:
            return await self.choose(text)
        except NotUnderstood:
            if quote is None:
                raise
            found = (await self.rank(f"{text} {quote.text}"[:LONGEST_READ])).intent
            if found is None or self.playbooks[found].writes:
                raise
            return found

    async def _asks_of_files(self, situation: Situation) -> bool:
        """Whether the files are what is asked about: they came with a question that orders no write, or it goes on."""
        if asked_files.PLAYBOOK not in self.playbooks:
            return False
        if not situation.turn.files:
            return asked_files.goes_on(situation)
        found = (await self.rank(situation.turn.text)).intent
        return found is None or not self.playbooks[found].writes

    async def choose(self, text: str) -> str:
        """The id of the playbook that a sentence asks for. Raises NotUnderstood with the nearest where it is unsure."""
        verdict = await self.rank(text)
        if verdict.intent is not None:
            return verdict.intent
        titles = [self.playbooks[name].title for name, _ in verdict.nearest]
        if verdict.decision is Decision.OUT_OF_SCOPE:
            raise NotUnderstood(
                "I can't help with that. I answer questions about this company's numbers, releases, errors, issues, "
                "customers and documents.",
                options=self._offers([name for name, _ in verdict.nearest]),
            )
        raise NotUnderstood(
            f"I am not sure what you mean. Did you mean: {'; '.join(titles)}?",
            options=self._offers([name for name, _ in verdict.nearest]),
        )

    async def rank(self, text: str) -> Verdict:
        """How the playbooks fit a sentence."""
        matcher = await self.learn()
        vector = (await self._embedder.embed([gloss(text)]))[0]
        return matcher.decide(text, vector)

    async def _slots(self, situation: Situation) -> Slots:
        names = tuple(situation.metrics)
        unknown = [name for name in names if name not in self._metric_vectors]
        if unknown:
            vectors = await self._embedder.embed([metric_slot.describe(name) for name in unknown])
            self._metric_vectors |= dict(zip(unknown, vectors, strict=True))
        vocabulary = Vocabulary(
            metrics=names,
            people=situation.people,
            services=situation.components,
            milestones=situation.milestones,
            customers=situation.customers,
            teams=situation.teams,
            metric_vectors={name: self._metric_vectors[name] for name in names},
        )
        text = situation.turn.text
        phrases = phrases_to_embed(text, names)
        phrase_vectors = dict(zip(phrases, await self._embedder.embed(phrases), strict=True)) if phrases else {}
        return fill(
            text,
            now=situation.now.astimezone(ZoneInfo(situation.timezone)),
            timezone=situation.timezone,
            vocabulary=vocabulary,
            phrase_vectors=phrase_vectors,
        )

    def _ask_for_missing(self, book: Playbook, values: Mapping[str, Any], said: Slots, situation: Situation) -> None:
        lacking = book.missing(values)
        if lacking is None:
            return
        if lacking.name == "metric" and not situation.metrics:
            raise NotUnderstood(
                "I can't see any metrics: no analytics service is connected or it does not answer. "
                "Run `deus connect posthog`."
            )
        options: tuple[str, ...] = ()
        if lacking.name == "metric":
            near = said.metric
            names = [near.name, *(name for name, _ in near.alternatives)] if near else list(situation.metrics)
            options = tuple(f"{situation.turn.text.rstrip('?. ')} ({name})?" for name in names[:4])
        raise NotUnderstood(lacking.ask, options=options)

    def _offers(self, names: Sequence[str]) -> tuple[str, ...]:
        """A sentence for each playbook, that can be said instead."""
        return tuple(self.playbooks[name].examples[0] for name in names if self.playbooks[name].examples)
