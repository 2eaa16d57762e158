"""The run as a LangGraph graph: recall → plan → execute → review → answer → prove. Nodes and edges, nothing else.

A plan with writes may have to wait: execute → present → wait → execute, where `wait` is an interrupt and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypedDict, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, interrupt

from agents.drive import Drive
from agents.errors import NotUnderstood, StepFailed
from agents.plan import Plan
from agents.record import Answer
from agents.upgrade import STATE_VERSION, is_ours, seeded


class State(TypedDict, total=False):
    """What a checkpoint holds: plain JSON values. `v` is the version of this form."""

    v: int
    recalled: list[dict[str, Any]]
    plan: dict[str, Any]
    waits: bool
    draft: dict[str, Any]
    revised: bool
    answer: dict[str, Any]
    status: str


@dataclass(frozen=True)
class Context:
    """What a run brings along that no checkpoint holds."""

    drive: Drive


Graph = CompiledStateGraph[State, Context, State, State]


async def recall(state: State, runtime: Runtime[Context]) -> State:
    return {"recalled": await runtime.context.drive.recall()}


async def plan(state: State, runtime: Runtime[Context]) -> State:
    try:
        made = await runtime.context.drive.plan(state["recalled"])
    except NotUnderstood as error:
        return {"status": await runtime.context.drive.decline(error)}
    return {"plan": made.model_dump(mode="json")}


async def execute(state: State, runtime: Runtime[Context]) -> State:
    drive = runtime.context.drive
    await drive.execute(Plan.model_validate(state["plan"]))
    return {"waits": bool(drive.waiting())}


async def present(state: State, runtime: Runtime[Context]) -> State:
    plan = Plan.model_validate(state["plan"])
    return {"draft": await runtime.context.drive.present(plan, state["recalled"], state.get("draft"))}


async def wait(state: State) -> State:
    # Nothing else may stand here: the node runs again from its top when the run goes on.
    interrupt("a person or the world")
    return {}


async def review(state: State, runtime: Runtime[Context]) -> State:
    plan = Plan.model_validate(state["plan"])
    longer = await runtime.context.drive.review(plan, state["recalled"])
    return {"plan": longer.model_dump(mode="json"), "revised": longer.revision > plan.revision}


async def answer(state: State, runtime: Runtime[Context]) -> State:
    written = await runtime.context.drive.answer(Plan.model_validate(state["plan"]), state["recalled"])
    return {"answer": written.model_dump(mode="json")}


async def prove(state: State, runtime: Runtime[Context]) -> State:
    return {"status": await runtime.context.drive.prove(Answer.model_validate(state["answer"]))}


def _entered(state: State) -> Literal["recall", "execute"]:
    return "execute" if "plan" in state else "recall"


def _planned(state: State) -> Literal["execute", "__end__"]:
    return "__end__" if "status" in state else "execute"


def _executed(state: State) -> Literal["present", "review"]:
    return "present" if state.get("waits") else "review"


def _reviewed(state: State) -> Literal["execute", "answer"]:
    return "execute" if state["revised"] else "answer"


def build(checkpointer: BaseCheckpointSaver[Any]) -> Graph:
    """The graph, compiled once for all runs; what a run brings comes as its context."""
    graph: StateGraph[State, Context, State, State] = StateGraph(State, context_schema=Context)
    graph.add_node("recall", recall)
    graph.add_node("plan", plan)
    graph.add_node("execute", execute)
    graph.add_node("present", present)
    graph.add_node("wait", wait)
    graph.add_node("review", review)
    graph.add_node("answer", answer)
    graph.add_node("prove", prove)
    graph.add_conditional_edges(START, _entered, ["recall", "execute"])
    graph.add_edge("recall", "plan")
    graph.add_conditional_edges("plan", _planned, ["execute", END])
    graph.add_conditional_edges("execute", _executed, ["present", "review"])
    graph.add_edge("present", "wait")
    graph.add_edge("wait", "execute")
    graph.add_conditional_edges("review", _reviewed, ["execute", "answer"])
    graph.add_edge("answer", "prove")
    graph.add_edge("prove", END)
    return graph.compile(checkpointer=checkpointer)


@dataclass(frozen=True)
class Advanced:
    """How far a run has come: its status if it ended, what is known so far if it waits."""

    status: str | None
    draft: Mapping[str, Any]


async def advance(graph: Graph, drive: Drive, thread: str | None = None, seed: str | None = None) -> Advanced:
    """Runs the graph from its start, its last checkpoint or what it waited for, to its end or to where it waits.

    `thread` names the run's checkpoints. Where there are none yet, the run begins with the plan in those of `seed`.
    """
    place, fresh = await _place(graph, drive, thread or drive.log.run, seed)
    config: RunnableConfig = {"configurable": {"thread_id": place}, "recursion_limit": 50}
    begun = await graph.aget_state(config)
    # Just after a crash between the input's checkpoint and the first step `next` is empty too, but `tasks` is not.
    if begun.created_at is not None and not begun.tasks and "status" in begun.values:
        return Advanced(str(begun.values["status"]), {})
    start: State | Command[Any] | None = None if begun.tasks else fresh
    waited = [one.id for task in begun.tasks for one in task.interrupts]
    if waited:
        start = Command(resume=dict.fromkeys(waited, True))
    ended = await graph.ainvoke(start, config, context=Context(drive), durability="sync")
    if "__interrupt__" in ended:
        return Advanced(None, ended["draft"])
    return Advanced(str(ended["status"]), {})


async def _place(graph: Graph, drive: Drive, thread: str, seed: str | None) -> tuple[str, State]:
    """The checkpoints to go on with, and the state to begin with where they are empty.

    Those that code of another version wrote are left alone: the run begins anew from their plan in others of its own.
    """
    there = await _values(graph, thread)
    if there is not None and is_ours(there):
        return thread, {"v": STATE_VERSION}
    old = await _values(graph, seed) if there is None and seed is not None else there
    try:
        fresh = cast(State, seeded(old or {}))
    except ValueError as error:
        if drive.log.has("approval.requested") or drive.log.has("receipt.added"):
            # A new plan might do under another name what this one has done.
            raise StepFailed(
                f"This run cannot go on: {error}.", remedy="Look at its receipts, and ask anew."
            ) from error
        fresh = {"v": STATE_VERSION}
    return (thread if there is None else f"{thread}~v{STATE_VERSION}"), fresh


async def _values(graph: Graph, thread: str) -> Mapping[str, Any] | None:
    """What the last checkpoint holds, whatever graph wrote it; None if there is none."""
    if not isinstance(graph.checkpointer, BaseCheckpointSaver):
        return None
    found = await graph.checkpointer.aget_tuple({"configurable": {"thread_id": thread, "checkpoint_ns": ""}})
    return None if found is None else found.checkpoint["channel_values"]
