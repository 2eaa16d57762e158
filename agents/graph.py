"""The run as a LangGraph graph: recall → plan → execute → review → answer → prove. Nodes and edges, nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from agents.drive import Drive
from agents.errors import NotUnderstood
from agents.plan import Plan
from agents.record import Answer

STATE_VERSION = 1


class State(TypedDict, total=False):
    """What a checkpoint holds: plain JSON values. `v` is the version of this form."""

    v: int
    recalled: list[dict[str, Any]]
    plan: dict[str, Any]
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
    await runtime.context.drive.execute(Plan.model_validate(state["plan"]))
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


def _planned(state: State) -> Literal["execute", "__end__"]:
    return "__end__" if "status" in state else "execute"


def _reviewed(state: State) -> Literal["execute", "answer"]:
    return "execute" if state["revised"] else "answer"


def build(checkpointer: BaseCheckpointSaver[Any]) -> Graph:
    """The graph, compiled once for all runs; what a run brings comes as its context."""
    graph: StateGraph[State, Context, State, State] = StateGraph(State, context_schema=Context)
    graph.add_node("recall", recall)
    graph.add_node("plan", plan)
    graph.add_node("execute", execute)
    graph.add_node("review", review)
    graph.add_node("answer", answer)
    graph.add_node("prove", prove)
    graph.add_edge(START, "recall")
    graph.add_edge("recall", "plan")
    graph.add_conditional_edges("plan", _planned, ["execute", END])
    graph.add_edge("execute", "review")
    graph.add_conditional_edges("review", _reviewed, ["execute", "answer"])
    graph.add_edge("answer", "prove")
    graph.add_edge("prove", END)
    return graph.compile(checkpointer=checkpointer)


async def advance(graph: Graph, drive: Drive) -> str:
    """Runs the graph from its start, or from its last checkpoint, to its end; returns the run's status."""
    config: RunnableConfig = {"configurable": {"thread_id": drive.log.run}, "recursion_limit": 50}
    begun = await graph.aget_state(config)
    # Just after a crash between the input's checkpoint and the first step `next` is empty too, but `tasks` is not.
    if begun.created_at is not None and not begun.tasks and "status" in begun.values:
        return str(begun.values["status"])
    start: State | None = None if begun.tasks else {"v": STATE_VERSION}
    ended = await graph.ainvoke(start, config, context=Context(drive), durability="sync")
    return str(ended["status"])
