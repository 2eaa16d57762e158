"""The settings of the channels in which Deus answers beside its own web chat."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator


class ChannelSettings(BaseModel):
    """Part of the settings, named and read like all others."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    slack_bot_token: SecretStr | None = Field(
        default=None, description="the bot's token (xoxb-…), with which Deus answers in Slack; reading has its own"
    )
    slack_bot_app_token: SecretStr | None = Field(
        default=None, description="an app-level token (xapp-…): Slack's messages come over a socket, no address needed"
    )
    slack_bot_signing_secret: SecretStr | None = Field(
        default=None, description="Slack's messages come to /slack/events, signed with this; two with a comma between"
    )
    slack_bot_channels: tuple[str, ...] = Field(
        default=(), description="where Deus listens besides direct messages: names or ids of channels, such as #growth"
    )
    slack_bot_url: str = Field(default="https://slack.com/api/", description="the address of Slack's Web API")
    slack_bot_pace: float = Field(
        default=1.0, ge=0, description="seconds between two changes of a message in Slack; Slack allows one a second"
    )

    people_role: Literal["viewer", "agent", "admin"] = Field(
        default="agent", description="the role of people whom the company's own Slack or Teams brings along"
    )

    inbox_away_seconds: float = Field(
        default=600.0, gt=0, description="seconds after which who took a conversation over and is not seen has left it"
    )

    @field_validator("slack_bot_channels", mode="before")
    @classmethod
    def _are_channels(cls, value: Any) -> Any:
        parts = value.split(",") if isinstance(value, str) else value
        return tuple(part.strip() for part in parts if str(part).strip()) if isinstance(parts, list) else parts
