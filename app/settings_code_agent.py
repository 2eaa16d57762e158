"""The settings of code tasks: who writes the fix, how tests are run, what a task may use."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from agents.code_agent import CodeBudget
from agents.runner import commands

HOUSE = "deus"


class CodeAgentSettings(BaseModel):
    """Part of the settings, named and read like all others."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    code_agent: str = Field(
        default=HOUSE, description="who writes fixes: deus (with DEUS_MODEL), or claude, codex, opencode if installed"
    )
    code_agent_model: str | None = Field(
        default=None, description="the model for code, by its maker's name; DEUS_MODEL if left out"
    )
    code_agent_url: str | None = Field(
        default=None, description="where claude, codex or opencode asks its model; its maker's address if left out"
    )
    code_agent_key: SecretStr | None = Field(
        default=None, description="the key for its model; DEUS_MODEL_KEY if left out. It never enters a sandbox"
    )
    code_tests: str = Field(
        default="", description="how tests are run, such as acme/portal=npm test;acme/api=make test; found out if not"
    )
    code_tasks_at_once: int = Field(
        default=2, ge=1, description="how many code tasks are worked on at once; others wait"
    )
    code_budget_usd: float = Field(
        default=2.0, ge=0, description="the most that one code task may spend, in US dollars"
    )
    code_budget_calls: int = Field(
        default=80, ge=1, description="the most steps that an agent may take in one code task"
    )
    code_budget_seconds: float = Field(
        default=900.0, gt=0, description="the longest that an agent may work on one code task, in seconds"
    )
    code_test_seconds: float = Field(
        default=240.0, gt=0, le=280, description="the longest that one run of the tests may take, in seconds"
    )

    @field_validator("code_agent")
    @classmethod
    def _is_an_agent(cls, value: str) -> str:
        if value != HOUSE:
            from app.code_agents.found import code_agents

            if value not in code_agents():
                raise ValueError(f"there is no {value!r}; it is one of {', '.join([HOUSE, *code_agents()])}")
        return value

    @field_validator("code_tests")
    @classmethod
    def _are_commands(cls, value: str) -> str:
        commands(value)
        return value

    def code_budget(self) -> CodeBudget:
        """What one code task may use, besides what its run may."""
        return CodeBudget(self.code_budget_usd, self.code_budget_calls, self.code_budget_seconds)
