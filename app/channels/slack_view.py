"""What is known of a run → its messages in Slack: the answer, each ask, each receipt. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.event import Event
from app.channels.slack_cards import asking, done
from app.channels.slack_post import Block, Post, Task, context, section
from app.channels.slack_text import MARKDOWN, cut, escape, link, markdown, plain, streamed
from app.channels.web_view import RunView, StepLine, fold

ANSWER = "answer"
MOST_SOURCES = 12
# The rest of the 12,000 is for the sentence that says where the whole text is.
LONGEST_ANSWER = MARKDOWN - 500

_STATUS = {"waiting": "pending", "running": "in_progress", "awaiting": "in_progress", "done": "complete"}
_MARK = {
    "waiting": ":white_circle:",
    "running": ":hourglass_flowing_sand:",
    "awaiting": ":raised_hand:",
    "done": ":white_check_mark:",
    "failed": ":x:",
    "skipped": ":heavy_minus_sign:",
}


@dataclass(frozen=True)
class Shown:
    """One message to bring to what the post says; `part` names it for the run's whole life."""

    part: str
    post: Post


class Slack:
    """Slack as a channel. `home` is the address by which people reach Deus."""

    def __init__(self, home: str) -> None:
        self._home = home

    def begin(self, run: str) -> RunView:
        return RunView(run)

    def fold(self, view: RunView, event: Event) -> RunView:
        return fold(view, event)

    def effects(self, before: RunView, after: RunView) -> Sequence[Shown]:
        was = self.screen(before)
        return [Shown(part, post) for part, post in self.screen(after).items() if was.get(part) != post]

    def screen(self, view: RunView) -> Mapping[str, Post]:
        """The run's messages by part, in their order."""
        if not view.seq:
            return {}
        titles = {line.id: line.title or line.id for line in view.steps}
        over = view.status != "running"
        posts = {ANSWER: self._answer(view)}
        for ask in view.writes.asks.values():
            posts[f"ask/{ask['id']}"] = asking(ask, titles, self._home, over=over)
        for receipt in view.writes.receipts.values():
            posts[f"receipt/{receipt['id']}"] = done(receipt, view.run)
        return posts

    def _answer(self, view: RunView) -> Post:
        live = view.standing == "running" and not view.complete
        said = _said(view)
        blocks: list[Block] = []
        if (not view.complete and view.steps) or live:
            blocks.append(section(_plan(view)))
        if said:
            text = markdown(said, lambda number: self._place(view, number))
            if len(text) > LONGEST_ANSWER:
                text = _closed(cut(text, LONGEST_ANSWER)) + f"\n\n[The whole answer is in Deus]({self._run(view)})"
            blocks.append({"type": "markdown", "text": text})
        if not live:
            blocks += self._beside(view)
        tasks = tuple(Task(line.id, escape(_title(line)), _STATUS.get(_state(view, line), "error"), line.summary[:200])
                      for line in view.steps) if live else ()  # fmt: skip
        streaming = streamed(view.text) if live and not view.drafted else ""
        fallback = plain(said) or "Deus is looking into it."
        return Post(fallback, tuple(blocks), live, tasks, streaming)

    def _beside(self, view: RunView) -> list[Block]:
        """What stands below the words: sources, what was drawn, what could be asked next, the way to all of it."""
        found: list[Block] = []
        sources = [f"[{n}] {self._named(view, evidence)}" for n, evidence in _cited(view)]
        if sources:
            more = f"\nand {len(sources) - MOST_SOURCES} more" if len(sources) > MOST_SOURCES else ""
            found.append(context("\n".join(sources[:MOST_SOURCES]) + more))
        drawn = [one for one in view.artifacts.values() if one.get("kind") in ("chart", "table", "file")]
        for one in drawn[:5]:
            words = " – ".join(filter(None, (str(one.get("title") or ""), str(one.get("alt") or ""))))
            found.append(context(f":bar_chart: {link(self._run(view), str(one['kind']).title())}: {escape(words)}"))
        found += [context(f":warning: {escape(one)}") for one in view.notices[-3:] if one]
        if view.suggestions:
            found.append(context("You could ask next: " + " · ".join(escape(one) for one in view.suggestions)))
        steps = f"{len(view.steps)} step" + "s" * (len(view.steps) != 1)
        found.append(context(f"{steps} · {link(self._run(view), 'Open in Deus')}"))
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
    lines = [f"{_MARK.get(_state(view, line), ':white_circle:')} {escape(_title(line))}" for line in view.steps]
    return "\n".join(lines) or ":hourglass_flowing_sand: Looking into it…"


def _state(view: RunView, line: StepLine) -> str:
    return "awaiting" if line.id in view.writes.open else line.state


def _title(line: StepLine) -> str:
    return cut(line.title or line.id, 200)


def _cited(view: RunView) -> list[tuple[int, str]]:
    return sorted((int(number), evidence) for number, evidence in view.citations.items())


def _closed(text: str) -> str:
    """A text that was cut within a code block, with the block's end."""
    return text + "\n```" if text.count("```") % 2 else text
