"""What is known of a run → its messages in Slack: the answer, its charts and tables, each ask, each receipt. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.channels.code_brief import Brief, briefs, cost, doing, whole
from app.channels.screens import Screens
from app.channels.slack_answer import LONGEST_ANSWER, answer_blocks
from app.channels.slack_cards import asking, done
from app.channels.slack_post import Block, Picture, Post, Task, context, listing, section
from app.channels.slack_table import table_of
from app.channels.slack_text import cut, escape, link, plain, streamed
from app.channels.web_view import RunView, StepLine

ANSWER = "answer"
MOST_SOURCES = 12
MOST_DRAWN = 5
PLANNING = "plan"  # the task that stands before there are steps

_STATUS = {"waiting": "pending", "running": "in_progress", "awaiting": "in_progress", "done": "complete"}
_MARK = {
    "waiting": ":white_circle:",
    "running": ":hourglass_flowing_sand:",
    "awaiting": ":raised_hand:",
    "done": ":white_check_mark:",
    "failed": ":x:",
    "skipped": ":heavy_minus_sign:",
}
_VERDICT = {"confirmed": ":white_check_mark:", "refuted": ":no_entry:", "untested": ":grey_question:"}


class Slack(Screens[Post]):
    """Slack as a channel. `home` is the address by which people reach Deus."""

    def screen(self, view: RunView) -> Mapping[str, Post]:
        """The run's messages by part, in their order.

        Slack ends a stream after some minutes, and a decision may take days: what comes after one is a new message.
        """
        if not view.seq:
            return {}
        if view.status == "relayed" and not view.text:
            # What is said to a person is theirs to answer; of the conversation itself a line is told.
            told = " ".join(view.notices)
            return {} if view.question or not told else {_part(0): Post(told, (context(escape(told)),))}
        titles = {line.id: line.title or line.id for line in view.steps}
        over = view.status != "running"
        times = view.writes.rounds
        posts = {_part(n): _goes_on(self._run(view)) for n in range(times)}
        posts[_part(times)] = self._answer(view)
        for ident, artifact in list(view.artifacts.items())[:MOST_DRAWN]:
            drawn = self._drawn(view, ident, artifact)
            if drawn is not None:
                posts[f"artifact/{ident}"] = drawn
        asked = [ask for ask in view.writes.asks.values() if ask["state"] == "requested" and not over]
        for ask in view.writes.asks.values():
            last = asked and ask["id"] == asked[-1]["id"]
            posts[f"ask/{ask['id']}"] = asking(ask, titles, self._home, over=over, together=asked if last else ())
        for receipt in view.writes.receipts.values():
            posts[f"receipt/{receipt['id']}"] = done(receipt, view.run)
        return posts

    def _answer(self, view: RunView) -> Post:
        live = view.standing == "running" and not view.complete
        said = _said(view)
        blocks: list[Block] = []
        if (not view.complete and view.steps) or live:
            blocks.append(section(_plan(view)))
            blocks += _code(view, self._home) if live else []
        if view.by:
            blocks.append(context(f"*{escape(view.by)}* writes:"))
        if said:
            blocks += answer_blocks(said, lambda number: self._place(view, number), self._run(view))
        fallback = plain(f"{view.by}: {said}" if view.by else said) or "Deus is looking into it."
        if live:
            growing = "" if view.drafted else streamed(view.text)[:LONGEST_ANSWER]
            return Post(fallback, tuple(blocks), True, _title_of(view), self._tasks(view), growing)
        # Slack takes fifty blocks; an answer has some ten.
        return Post(fallback, tuple(blocks + self._beside(view)))

    def _tasks(self, view: RunView) -> tuple[Task, ...]:
        """The plan's steps as tasks, whose names no other run's have: by them a stream is found again."""
        begun = Task(f"{view.run}/{PLANNING}", "Make a plan", "complete" if view.steps else "in_progress")
        return begun, *(
            Task(
                f"{view.run}/{line.id}",
                escape(_title(line)),
                _STATUS.get(_state(view, line), "error"),
                escape((doing(view, line.id) if line.state == "running" else "") or line.summary[:200]),
                self._sources_of(view, line) if line.state == "done" else (),
            )
            for line in view.steps
        )

    def _sources_of(self, view: RunView, line: StepLine) -> tuple[tuple[str, str], ...]:
        """What a step has found, as far as it can be opened."""
        found = [one for one in view.evidence.values() if line.verb and one.get("verb") == line.verb]
        places = [(cut(str(one.get("title") or "Source"), 75), str(one.get("url") or "")) for one in found]
        return tuple((words, url) for words, url in places if url.startswith(("https://", "http://")))[:3]

    def _drawn(self, view: RunView, ident: str, artifact: Mapping[str, Any]) -> Post | None:
        """A chart as a picture, a table as a table block; what stands there instead where Slack takes neither."""
        title, alt = str(artifact.get("title") or ident), str(artifact.get("alt") or "")
        words = escape(" – ".join(filter(None, (title, alt))))
        if artifact.get("kind") == "chart" and artifact.get("figure", {}).get("lines"):
            picture = Picture(ident, title, alt or title, artifact["figure"])
            said = context(f":bar_chart: {link(self._run(view), 'Chart')}: {words}")
            return Post(plain(f"{title}: {alt}"), (said,), picture=picture)
        if artifact.get("kind") == "table" and (table := table_of(artifact.get("data"))):
            return Post(plain(f"{title}: {alt}"), (section(f"*{escape(title)}*"), table))
        return None

    def _beside(self, view: RunView) -> list[Block]:
        """What stands below the words: sources, what could be asked next, the way to all of it."""
        found = _code(view, self._home)
        sources = [f"[{n}] {self._named(view, evidence)}" for n, evidence in _cited(view)]
        if sources:
            found.append(listing(sources, MOST_SOURCES))
        shown = dict(list(view.artifacts.items())[:MOST_DRAWN])
        for ident, one in list(view.artifacts.items()):
            if ident in shown and self._drawn(view, ident, one) is not None:
                continue
            if one.get("kind") in ("chart", "table", "file") and len(found) < MOST_SOURCES:
                words = " – ".join(filter(None, (str(one.get("title") or ""), str(one.get("alt") or ""))))
                found.append(
                    context(f":page_facing_up: {link(self._run(view), str(one['kind']).title())}: {escape(words)}")
                )
        found += [context(f":warning: {escape(one)}") for one in view.notices[-3:] if one]
        if view.suggestions:
            found.append(context("You could ask next: " + " · ".join(escape(one) for one in view.suggestions)))
        steps = [f"{len(view.steps)} step" + "s" * (len(view.steps) != 1)] if view.steps else []
        found.append(context(" · ".join([*steps, link(self._run(view), "Open in Deus")])))
        return found

    def _run(self, view: RunView) -> str:
        return f"{self._home}/runs/{view.run}"

    def _place(self, view: RunView, number: str) -> str | None:
        evidence = view.citations.get(number)
        if evidence is None:
            return None
        url = str(view.evidence.get(evidence, {}).get("url") or "")
        return url if url.startswith(("https://", "http://")) else self._run(view)

    def _named(self, view: RunView, evidence: str) -> str:
        item = view.evidence.get(evidence, {})
        url = str(item.get("url") or "")
        url = url if url.startswith(("https://", "http://")) else self._run(view)
        return link(url, cut(str(item.get("title") or evidence), 120))


def _said(view: RunView) -> str:
    """The words: the answer, or what came of the run instead."""
    if view.status == "failed":
        return "\n\n".join(filter(None, (view.text, view.error or "This could not be answered. Please ask again.")))
    if view.status == "stopped":
        return "\n\n".join(filter(None, (view.text, "*Stopped before the answer was ready. Ask again to start over.*")))
    if view.standing == "awaiting_approval" and not view.text:
        return "This waits for a yes before anything is done."
    return view.text


def _plan(view: RunView) -> str:
    lines = list[str]()
    for line in view.steps:
        lines.append(f"{_MARK.get(_state(view, line), ':white_circle:')} {escape(_title(line))}")
        if line.state == "running" and (now := doing(view, line.id)):
            lines.append(f"        {_code_words(now)}")
    return "\n".join(lines) or ":hourglass_flowing_sand: Looking into it…"


def _code(view: RunView, home: str) -> list[Block]:
    """What was changed in a sandbox, what the tests say of it, and what it has cost."""
    found = [section(_brief(one)) for one in briefs(view)[:MOST_DRAWN]]
    if view.code.calls:
        spent = escape(cost(view))
        found.append(context(" · ".join(filter(None, (spent, link(whole(view, home), "All that ran in the sandbox"))))))
    return found


def _brief(one: Brief) -> str:
    if one.kind == "diff":
        return f":pencil2: *{escape(one.title)}* {escape(one.said)}"
    return (
        f"{_VERDICT[one.verdict]} *{escape(one.title)}: {one.word.upper()}* {escape(one.said)}\n{escape(one.meaning)}"
    )


def _code_words(text: str) -> str:
    """Words in a fixed width: nothing in them ends it."""
    return f"`{escape(text.replace('`', 'ˋ'))}`"


def _state(view: RunView, line: StepLine) -> str:
    return "awaiting" if line.id in view.writes.open else line.state


def _title(line: StepLine) -> str:
    return cut(line.title or line.id, 200)


def _cited(view: RunView) -> list[tuple[int, str]]:
    return sorted((int(number), evidence) for number, evidence in view.citations.items())


def _part(n: int) -> str:
    return ANSWER if n == 0 else f"{ANSWER}/{n + 1}"


def _goes_on(run: str) -> Post:
    """Stands where the answer stood until a decision came."""
    return Post(
        "It was decided; it goes on below.",
        (context(f"It was decided; it goes on below · {link(run, 'Open in Deus')}"),),
    )


def _title_of(view: RunView) -> str:
    if view.text and not view.drafted:
        return "Writing the answer"
    return "Looking into it" if view.steps else "Making a plan"
