"""What is known of a run → its messages in Teams: the answer, each ask, each receipt. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.channels.code_brief import briefs, cost, doing, whole
from app.channels.screens import Screens
from app.channels.teams_cards import asking, chart, done, table, table_rows
from app.channels.teams_post import (
    INFORMATIVE,
    LONGEST_URL,
    Drawn,
    Element,
    Extra,
    Post,
    fitted,
    link,
    opens,
    paragraph,
    run,
    saying,
    small,
)  # fmt: skip
from app.channels.teams_text import Part, cut, joined, literal, markdown, plain, streamed
from app.channels.web_view import RunView, StepLine

ANSWER = "answer"
# What a suggestion says when it is pressed, so that it is heard without a mention.
ASK = "deus.ask"
MOST_SOURCES, MOST_STEPS, MOST_ARTIFACTS, MOST_SUGGESTIONS = 12, 25, 5, 3
MOST_NAMED = 3  # steps that are named as being done now
STEPS = "steps"
LONGEST_SUGGESTION = 500  # characters; what was cut would be another question
LONGEST_WORDS = 6000  # characters that are streamed, or that a person writes; with six bytes each they still fit

# A sign and its colour: what is not seen in colour is told apart by the sign.
_MARK = {
    "waiting": ("○", "Default"),
    "running": ("►", "Accent"),
    "awaiting": ("?", "Warning"),
    "done": ("✓", "Good"),
    "failed": ("✗", "Attention"),
    "skipped": ("–", "Default"),
}
_VERDICT = {"confirmed": "Good", "refuted": "Attention", "untested": "Warning"}


class Teams(Screens[Post]):
    """Teams as a channel. `home` is the address by which people reach Deus."""

    def screen(self, view: RunView) -> Mapping[str, Post]:
        """The run's messages by part, in their order."""
        if not view.seq:
            return {}
        if view.status == "relayed" and not view.text:
            # What is said to a person is theirs to answer; of the conversation itself a line is told.
            told = cut(" ".join(view.notices), LONGEST_WORDS)
            return {} if view.question or not told else {ANSWER: Post(f"*{literal(told)}*", summary=told)}
        titles = {line.id: line.title or line.id for line in view.steps}
        over = view.status != "running"
        posts = {ANSWER: self._answer(view)}
        for ask in view.writes.asks.values():
            posts[f"ask/{ask['id']}"] = asking({**ask, "run": view.run}, titles, self._home, over=over)
        for receipt in view.writes.receipts.values():
            posts[f"receipt/{receipt['id']}"] = done(receipt, view.run)
        return posts

    def _answer(self, view: RunView) -> Post:
        said, home = _said(view), self._run(view)
        summary = plain(said) or "Deus is looking into it."
        if view.by:
            words = cut(joined(markdown(said, lambda number: None)), LONGEST_WORDS)
            return Post(f"**{literal(view.by)}:** {words}", summary=f"{view.by}: {summary}")
        live = view.standing == "running" and not view.complete
        actions = [opens("Open in Deus", home)]
        beside: list[Element | Extra] = [*_plan(view), *self._code(view)] if live else self._beside(view)
        if not live:
            short = [one for one in view.suggestions if len(one) <= LONGEST_SUGGESTION]
            actions += [_asking_next(one) for one in short[:MOST_SUGGESTIONS]]
            if view.steps:
                beside.append({"type": "Container", "id": STEPS, "isVisible": False, "items": _plan(view)})
                shows = {"type": "Action.ToggleVisibility", "title": _counted(view), "targetElements": [STEPS]}
                actions.append(shows)
        post = Post("", summary=summary, live=live)
        if live:
            words = "" if view.drafted else streamed(view.text)
            post = replace(post, informative=_informative(view), words=cut(words, LONGEST_WORDS))

        def draw(words: str) -> Drawn:
            parts = markdown(words or "Looking into it…", lambda number: self._place(view, number))
            tables = [Extra(table(one.rows), self._elsewhere(view, "A table")) for one in parts if one.kind == "table"]
            return [self._part(view, one) for one in parts], joined(parts), tables

        return fitted(post, draw, said, beside, actions, home)

    def _part(self, view: RunView, part: Part) -> Element | Extra:
        if part.kind == "table":
            return Extra(table(part.rows), self._elsewhere(view, "A table"))
        if part.kind == "code":
            return paragraph(run(part.text, fontType="Monospace"))
        return saying(part.text, **({"weight": "Bolder", "size": "Medium"} if part.kind == "heading" else {}))

    def _beside(self, view: RunView) -> list[Element | Extra]:
        """What stands below the words: what was drawn, the sources, what could not be seen."""
        found = self._code(view)
        drawn = [one for one in view.artifacts.values() if one.get("kind") in ("chart", "table", "file")]
        for one in drawn[:MOST_ARTIFACTS]:
            title = str(one.get("title") or one["kind"])
            if one["kind"] == "chart":
                words = " – ".join(filter(None, (title, cut(str(one.get("alt") or ""), 1000))))
                found.append(Extra(chart(one), self._elsewhere(view, words)))
            elif one["kind"] == "table":
                found.append(paragraph(run(title, weight="Bolder")))
                found.append(Extra(table(table_rows(one.get("data") or {})), self._elsewhere(view, title)))
            else:
                found.append(small(link(title, self._run(view))))
        cited = sorted((int(number), evidence) for number, evidence in view.citations.items())
        for number, evidence in cited[:MOST_SOURCES]:
            item = view.evidence.get(evidence, {})
            found.append(
                small(f"[{number}] ", link(cut(str(item.get("title") or evidence), 120), self._source(view, item)))
            )
        if len(cited) > MOST_SOURCES:
            found.append(small(f"and {len(cited) - MOST_SOURCES} more sources"))
        found += [small(f"Note: {cut(one, 500)}") for one in view.notices[-3:] if one]
        return found

    def _code(self, view: RunView) -> list[Element | Extra]:
        """What was changed in a sandbox, what the tests say of it, and what it has cost."""
        found: list[Element | Extra] = []
        for one in briefs(view)[:MOST_ARTIFACTS]:
            head = f"{one.sign} {one.title}: {one.word.upper()}" if one.kind == "tests" else one.title
            colour = _VERDICT.get(one.verdict, "Default")
            found.append(paragraph(run(f"{head} ", weight="Bolder", color=colour), run(one.said), spacing="Small"))
            found += [paragraph(run(one.meaning, color=colour), spacing="None")] if one.verdict == "refuted" else []
        if view.code.calls:
            spent = cost(view)
            where = link("All that ran in the sandbox", whole(view, self._home))
            found.append(small(*([f"{spent} · "] if spent else []), where))
        return found

    def _elsewhere(self, view: RunView, words: str) -> Element:
        return small(f"{words}: ", link("open in Deus", self._run(view)))

    def _run(self, view: RunView) -> str:
        return f"{self._home}/runs/{view.run}"

    def _place(self, view: RunView, number: str) -> str | None:
        evidence = view.citations.get(number)
        return None if evidence is None else self._source(view, view.evidence.get(evidence, {}))

    def _source(self, view: RunView, item: Mapping[str, Any]) -> str:
        url = str(item.get("url") or "")
        # A dozen addresses of queries, as analytics tools have them, would be a card larger than Teams takes.
        short = len(url) <= LONGEST_URL and url.startswith(("https://", "http://"))
        return url if short else self._run(view)


def _said(view: RunView) -> str:
    """The words: the answer, or what came of the run instead."""
    if view.status == "failed":
        return "\n\n".join(filter(None, (view.text, view.error or "This could not be answered. Please ask again.")))
    if view.status == "stopped":
        return "\n\n".join(filter(None, (view.text, "*Stopped before the answer was ready. Ask again to start over.*")))
    if view.standing == "awaiting_approval" and not view.text:
        return "This waits for a yes before anything is done."
    return view.text


def _plan(view: RunView) -> list[Element]:
    lines = []
    for line in view.steps[:MOST_STEPS]:
        sign, color = _MARK.get(_state(view, line), _MARK["waiting"])
        lines.append(paragraph(run(f"{sign} ", color=color, weight="Bolder"), run(_title(line)), spacing="None"))
        if line.state == "running" and (now := doing(view, line.id)):
            lines.append(paragraph(run(now, fontType="Monospace", size="Small", isSubtle=True), spacing="None"))
    more = len(view.steps) - MOST_STEPS
    return [*lines, *([small(f"and {more} more steps")] if more > 0 else [])]


def _informative(view: RunView) -> str:
    """A sentence on what is being done now."""
    running = [line for line in view.steps if line.state == "running"]
    now = [": ".join(filter(None, (_title(line), doing(view, line.id)))) for line in running]
    ended = sum(line.state in ("done", "failed", "skipped") for line in view.steps)
    far = f" ({ended} of {len(view.steps)} steps done)" if view.steps else ""
    more = f" and {len(now) - MOST_NAMED} more" if len(now) > MOST_NAMED else ""
    named = " · ".join(now[:MOST_NAMED]) or "Looking into it"
    return cut(named, INFORMATIVE - 60) + more + "…" + far


def _state(view: RunView, line: StepLine) -> str:
    return "awaiting" if line.id in view.writes.open else line.state


def _title(line: StepLine) -> str:
    return cut(line.title or line.id, 200)


def _counted(view: RunView) -> str:
    return f"{len(view.steps)} step" + "s" * (len(view.steps) != 1)


def _asking_next(question: str) -> Element:
    """A question that is asked by pressing it."""
    said = {"type": "messageBack", "text": question, "displayText": question, "value": {"deus": ASK}}
    return {"type": "Action.Submit", "title": cut(question, 60), "data": {"deus": ASK, "msteams": said}}
