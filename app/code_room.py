"""The workroom of code tasks as the settings have it: its agent, its repositories, what a task may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from agents.code_agent import CodeAgent, CodeBudget, Needs
from agents.code_site import Site
from agents.coder import Coder
from agents.coding import CodeRoom
from agents.policy import Most
from agents.ports import Clock
from agents.preparing import Preparing
from agents.runner import commands
from agents.sandbox import Sandboxes
from agents.verification import Verification
from app.models import Gateway, ModelOptions
from app.policy_file import policy_of
from app.repositories.mirrors import Mirrors
from app.settings import Settings
from app.settings_code_agent import HOUSE
from prompts.library import prompt
from tools.kit.connector import Connector

# A sandbox of a code task outlives the agent's time by this much, to be laid out and looked through.
BESIDES = 180.0


def code_room(settings: Settings, sandboxes: Sandboxes, connected: Mapping[str, Connector], clock: Clock) -> CodeRoom:
    """The room; what it lacks it says when it is asked."""
    budget = bounded(settings.code_budget(), policy_of(settings).spend.run)
    limits = settings.sandbox_limits()
    needs = Needs(replace(limits, lifetime_seconds=max(limits.lifetime_seconds, budget.seconds + BESIDES),
                          command_seconds=max(limits.command_seconds, settings.code_test_seconds)))  # fmt: skip
    site = Site(sandboxes, at_once=settings.code_tasks_at_once)
    verification = Verification(site, needs, settings.code_test_seconds)
    repositories, source = mirrors_of(settings, connected)
    preparing = Preparing(repositories, verification, clock, commands(settings.code_tests), source)
    return CodeRoom(
        repositories, site, verification, preparing, code_agent_of(settings, needs), clock, budget, source,
        f"{settings.address}/runs/{{}}",
    )  # fmt: skip


def code_agent_of(settings: Settings, needs: Needs) -> CodeAgent:
    """Who writes fixes, by setting."""
    if settings.code_agent != HOUSE:
        from app.code_agents.command_line import AgentOptions
        from app.code_agents.found import code_agent

        model = settings.code_agent_model or (settings.model or "").rpartition("/")[2] or None
        has_key = settings.code_agent_key is not None or settings.model_key is not None
        return code_agent(settings.code_agent, AgentOptions(model, settings.code_agent_url, has_key))
    name = settings.code_agent_model or settings.model
    if name is None:
        return Coder(None, prompt, needs)
    key = settings.model_key.get_secret_value() if settings.model_key else None
    # Who thinks about code may be silent for longer than who answers a person.
    options = ModelOptions(name, settings.model_fast, settings.model_base_url, key, first=120.0, between=60.0)
    return Coder(Gateway(options), prompt, needs)


def mirrors_of(settings: Settings, connected: Mapping[str, Connector]) -> tuple[Mirrors, str]:
    """The mirrors by which the connected code host pushes, and the host's name; without one, mirrors of nothing."""
    for name, connector in sorted(connected.items()):
        git = getattr(connector, "git", None)
        if isinstance(git, Mirrors):
            return git, name
    return Mirrors(settings.data_dir / "repositories", lambda: ()), "github"


def bounded(budget: CodeBudget, most: Most) -> CodeBudget:
    """The budget of one task, no larger than the policy lets a run be."""
    return CodeBudget(
        usd=budget.usd if most.usd is None else min(budget.usd, most.usd),
        tool_calls=budget.tool_calls if most.tool_calls is None else min(budget.tool_calls, most.tool_calls),
        seconds=budget.seconds if most.seconds is None else min(budget.seconds, most.seconds),
    )
