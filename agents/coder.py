"""The house's own code agent: a model that is called from the host, and tools that reach into the sandbox.

A LangGraph graph of two nodes, `think` and `use`. It keeps no checkpoints: a task that was broken off begins again from
its repository's base.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Literal, TypedDict

from jinja2.sandbox import SandboxedEnvironment
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from agents.code_agent import AgentEvent, CodeTask, Finished, Needs, Spent, Thought, ToolCalled, ToolReturned, ToolWrote
from agents.coder_text import one_line, trimmed, untrusted
from agents.coder_tools import Bench, Finish, Run, Tool, Used, parsed, schemas
from agents.errors import BudgetSpent, ModelMayRetry, ModelUnusable
from agents.model_turn import ConversingModel, ModelTurn, WantedCall
from agents.record import Usage
from agents.sandbox import Output, Sandbox

MOST_TOKENS = 8_000
MOST_CHARACTERS = 240_000
# The same step with the same outcome: from so many times on it is said, and at so many it is the end.
CIRCLE, MOST_CIRCLES = 3, 6
# How often a model may speak without using a tool before that counts as its last word.
MOST_WORDS = 2

# A model that fails is asked again after so many seconds; a provider's bad moment does not cost what was done.
PAUSES = (1.0, 5.0)

Prompt = Callable[[str], str]


class State(TypedDict, total=False):
    """What goes from node to node; `silent` counts the turns without a tool."""

    messages: list[dict[str, Any]]
    calls: list[WantedCall]
    silent: int
    over: bool


@dataclass
class Work:
    """One task while it is worked on: what it may use, what it has used, and what was tried before."""

    task: CodeTask
    model: ConversingModel
    bench: Bench
    system: str
    began: float
    pauses: Sequence[float] = PAUSES
    usage: Usage = field(default_factory=Usage)
    tried: dict[str, int] = field(default_factory=dict)

    def seconds_left(self) -> float:
        return self.began + self.task.budget.seconds - monotonic()

    def check(self) -> None:
        """Raises BudgetSpent where the task has used what it may."""
        budget = self.task.budget
        if self.usage.tool_calls >= budget.tool_calls:
            raise BudgetSpent(f"This task's budget of {budget.tool_calls} tool calls is used up.")
        if self.usage.usd > 0 and self.usage.usd >= budget.usd:
            raise BudgetSpent(f"This task's budget of ${budget.usd:.2f} is used up.")
        if self.seconds_left() <= 0:
            raise BudgetSpent(f"This task's budget of {budget.seconds:g} seconds is used up.")

    def paid(self, cost: Usage) -> Usage:
        """What has been used with a further turn."""
        was = self.usage
        self.usage = was.model_copy(
            update={
                "model_calls": was.model_calls + 1,
                "tokens_in": was.tokens_in + cost.tokens_in,
                "tokens_out": was.tokens_out + cost.tokens_out,
                "usd": was.usd + cost.usd,
                "ms": round((monotonic() - self.began) * 1000),
            }
        )
        return self.usage

    def again(self, call: WantedCall, used: Used) -> int:
        """How often this very step had this very outcome since something was changed."""
        if used.changed:
            self.tried.clear()
        key = hashlib.sha256(json.dumps([call.tool, call.arguments, used.output]).encode()).hexdigest()
        self.tried[key] = self.tried.get(key, 0) + 1
        return self.tried[key]


class Coder:
    """The code agent `deus`: works with the model of the settings, in any sandbox."""

    def __init__(
        self,
        model: ConversingModel | None,
        prompt: Prompt,
        needs: Needs | None = None,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        self._pauses = pauses
        self._model = model
        self._prompt = prompt
        self._needs = needs or Needs()
        self._graph = _built()

    @property
    def name(self) -> str:
        """What the setting calls it."""
        return "deus"

    async def missing(self) -> str | None:
        """What is missing for it to work here; None if nothing is."""
        if self._model is None:
            return (
                "To write a fix I need a language model: set DEUS_MODEL, and DEUS_MODEL_KEY with its key. With it I "
                "would reproduce the bug in a sandbox, mend it, run the tests and propose a pull request."
            )
        return None

    def needs(self, task: CodeTask) -> Needs:
        """A sandbox for tests, without a network."""
        return self._needs

    async def work(self, task: CodeTask, sandbox: Sandbox) -> AsyncIterator[AgentEvent]:
        """Works until it is done, and ends with Finished. Raises BudgetSpent, ModelUnusable, SandboxGone."""
        if self._model is None:
            raise ModelUnusable("There is no model to work with.")
        began = monotonic()
        bench = Bench(sandbox, task.test, lambda: began + task.budget.seconds - monotonic())
        tests = f"`{' '.join(task.test)}`, by the tool `test`" if task.test else "find out how, and use `run`"
        system = SandboxedEnvironment(autoescape=False).from_string(self._prompt("coder")).render(tests=tests)
        work = Work(task, self._model, bench, system, began, self._pauses)
        start: State = {"messages": [{"role": "user", "content": asked(task)}], "silent": 0}
        limit = 2 * (task.budget.tool_calls + 50)
        async for event in self._graph.astream(start, {"recursion_limit": limit}, context=work, stream_mode="custom"):
            yield event


def asked(task: CodeTask) -> str:
    """The task in words: the goal, and what is known of it, marked as written by others."""
    parts = [f"The task, in the words of the person who asked: {json.dumps(task.goal, ensure_ascii=False)}"]
    parts.append(f"The repository is {one_line(task.repo, 200)}, at the commit {task.base[:12]}.")
    if task.context:
        parts.append(f"What is known about the bug:\n{untrusted(task.context)}")
    return "\n\n".join(parts)


async def _think(state: State, runtime: Runtime[Work]) -> State:
    work, tell = runtime.context, runtime.stream_writer
    work.check()
    messages = trimmed(state["messages"], MOST_CHARACTERS)
    turn = await _turn(work, messages)
    tell(Spent(work.paid(turn.usage)))
    if turn.text.strip():
        tell(Thought(turn.text.strip()))
    said = [*messages, turn.message()]
    if turn.calls:
        return {"messages": said, "calls": list(turn.calls), "silent": 0}
    silent = state["silent"] + 1
    if silent >= MOST_WORDS:
        tell(Finished(turn.text.strip() or "The agent said nothing more."))
        return {"over": True}
    return {"messages": [*said, {"role": "user", "content": _nudge(turn)}], "calls": [], "silent": silent}


async def _turn(work: Work, messages: Sequence[Mapping[str, Any]]) -> ModelTurn:
    for pause in work.pauses:
        try:
            return await work.model.turn(work.system, messages, schemas(), workflow="code", most_tokens=MOST_TOKENS)
        except ModelUnusable:
            await asyncio.sleep(pause)
            work.check()
    return await work.model.turn(work.system, messages, schemas(), workflow="code", most_tokens=MOST_TOKENS)


async def _use(state: State, runtime: Runtime[Work]) -> State:
    work, tell = runtime.context, runtime.stream_writer
    answers: list[dict[str, Any]] = []
    for call in state["calls"]:
        work.check()
        tool, problem = _read(call)
        if isinstance(tool, Finish):
            tell(Finished(tool.summary, tool.green))
            return {"over": True}
        used, times = await _used(work, call, tool, problem, tell)
        if times >= MOST_CIRCLES:
            tell(Finished(f"I stopped: the same step was taken {times} times with the same outcome."))
            return {"over": True}
        circle = f"\nYou have done this {times} times, each with this outcome. Try something else, or finish."
        answers.append(_answer(call, used.output + (circle if times >= CIRCLE else "")))
    return {"messages": [*state["messages"], *answers], "calls": []}


async def _used(
    work: Work, call: WantedCall, tool: Tool | None, problem: str, tell: Callable[[AgentEvent], None]
) -> tuple[Used, int]:
    """What a call gave, told as it comes, and how often it has given the same."""
    count = work.usage.tool_calls + 1
    work.usage = work.usage.model_copy(update={"tool_calls": count})
    id, began = str(count), monotonic()
    tell(ToolCalled(id, call.tool, shown(tool)))

    def wrote(piece: Output) -> None:
        tell(ToolWrote(id, piece.stream, piece.data.decode("utf-8", "replace")))

    used = Used(False, problem, f"Error: {problem}") if tool is None else await work.bench.use(tool, wrote)
    tell(ToolReturned(id, used.ok, used.summary, used.output, round((monotonic() - began) * 1000)))
    return used, work.again(call, used)


def _read(call: WantedCall) -> tuple[Tool | None, str]:
    try:
        return parsed(call.tool, call.arguments), ""
    except ModelMayRetry as error:
        return None, str(error)


def _answer(call: WantedCall, text: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call.id, "content": text}


def _nudge(turn: ModelTurn) -> str:
    cut = "Your turn was cut off, for it was too long. " if turn.cut else ""
    return f"{cut}Go on with a tool. If you are done, call `finish`."


def shown(tool: Tool | None) -> Mapping[str, Any]:
    """A call's arguments for people: what it is about, without whole texts."""
    if tool is None:
        return {}
    if isinstance(tool, Run):
        return {"command": one_line(tool.command, 300)}
    given = tool.model_dump(include={"path", "pattern", "start"}, exclude_defaults=True)
    return {name: one_line(value, 200) if isinstance(value, str) else value for name, value in given.items()}


def _thought(state: State) -> Literal["think", "use", "__end__"]:
    if state.get("over"):
        return "__end__"
    return "use" if state["calls"] else "think"


def _has_used(state: State) -> Literal["think", "__end__"]:
    return "__end__" if state.get("over") else "think"


def _built() -> Any:
    graph: StateGraph[State, Work, State, State] = StateGraph(State, context_schema=Work)
    graph.add_node("think", _think)
    graph.add_node("use", _use)
    graph.add_edge(START, "think")
    graph.add_conditional_edges("think", _thought, ["think", "use", END])
    graph.add_conditional_edges("use", _has_used, ["think", END])
    return graph.compile()
