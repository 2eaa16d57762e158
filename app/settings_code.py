"""The settings of sandboxes, in which code runs."""

from __future__ import annotations

from pydantic import ConfigDict, Field, SecretStr, field_validator

from agents.sandbox import MIB, Limits
from app.settings_code_agent import CodeAgentSettings

OFF = "off"


class CodeSettings(CodeAgentSettings):
    """Part of the settings, named and read like all others."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    sandbox: str = Field(
        default="local", description="where code runs: local (bubblewrap, on this machine), e2b, or off for not at all"
    )
    e2b_api_key: SecretStr | None = Field(default=None, description="the key of E2B (e2b_…); for DEUS_SANDBOX=e2b")
    e2b_template: str | None = Field(default=None, description="E2B: the template to use; E2B's own if left out")
    e2b_api_url: str | None = Field(default=None, description="E2B: the address of its API, for one of your own")
    e2b_sandbox_url: str | None = Field(default=None, description="E2B: the address of its sandboxes, likewise")
    sandboxes_at_once: int | None = Field(
        default=None,
        ge=1,
        description="the most sandboxes at once; as memory and plan allow if left out",
    )
    sandbox_memory_mb: int = Field(default=1024, ge=128, description="the most MiB of memory in one sandbox")
    sandbox_disk_mb: int = Field(default=1024, ge=64, description="the most MiB of files in one sandbox")
    sandbox_command_seconds: float = Field(
        default=60.0, gt=0, description="the longest that one command in a sandbox may take, in seconds"
    )
    sandbox_minutes: float = Field(default=15.0, gt=0, description="the longest that one sandbox may live, in minutes")

    @field_validator("sandbox")
    @classmethod
    def _is_a_provider(cls, value: str) -> str:
        from app.sandboxes.catalog import providers

        if value != OFF and value not in (known := providers()):
            raise ValueError(f"there is no {value!r}; it is one of {', '.join([*known, OFF])}")
        return value

    def sandbox_limits(self) -> Limits:
        """What a sandbox may use where whoever makes it does not say."""
        return Limits(
            memory=self.sandbox_memory_mb * MIB,
            disk=self.sandbox_disk_mb * MIB,
            command_seconds=self.sandbox_command_seconds,
            lifetime_seconds=self.sandbox_minutes * 60,
        )
