"""The settings of the channels in which Deus answers beside its own web chat."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from tools.kit.errors import UserMustMend


def _origin(value: str) -> str:
    """An origin as browsers write it. Raises ValueError for anything that is not exactly one."""
    if not re.fullmatch(r"https?://(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(?::[1-9]\d{0,4})?", value):
        raise ValueError(
            f"{value!r} is not an origin; write scheme, host and port alone, in small letters, like https://www.acme.com"
        )
    scheme, _, rest = value.partition("://")
    if rest.endswith(":443" if scheme == "https" else ":80"):
        raise ValueError(f"{value!r} names the usual port, which browsers leave out")
    return value


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

    widget_origins: tuple[str, ...] = Field(
        default=(), description="pages that may show the widget, by origin, such as https://www.acme.com; off if empty"
    )
    widget_key: str | None = Field(
        default=None, max_length=128, description="what the widget's script tag must name as data-key, if set"
    )
    widget_secret: SecretStr | None = Field(
        default=None, description="with this the host page signs who is signed in; without it visitors are anonymous"
    )
    widget_signed_minutes: float = Field(
        default=10.0, gt=0, description="minutes for which the host page's word for a signed-in visitor holds"
    )
    widget_theme: Path | None = Field(
        default=None, description="a JSON file with the widget's name, greeting, colours, position, logo and texts"
    )
    widget_documents: Path | None = Field(
        default=None, description="a folder of public help pages, read at each start; like ingest --public"
    )
    widget_documents_url: str | None = Field(
        default=None, description="where those pages are published, such as https://help.acme.com"
    )
    widget_messages_minute: int = Field(default=10, ge=1, description="the most that one visitor may send in a minute")
    widget_address_minute: int = Field(
        default=60, ge=1, description="the most that visitors from one internet address may send in a minute"
    )

    @field_validator("widget_origins", mode="before")
    @classmethod
    def _are_origins(cls, value: Any) -> Any:
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, list | tuple):
            return parts
        return tuple(_origin(str(part).strip()) for part in parts if str(part).strip())

    teams_app_id: str | None = Field(default=None, description="the id of the bot's app in Azure; Teams is off without")
    teams_app_secret: SecretStr | None = Field(default=None, description="a client secret of that app")
    teams_tenant_id: str | None = Field(
        default=None, description="the company's Microsoft tenant; nobody of another one is listened to"
    )
    teams_service_url: str | None = Field(
        default=None, description="where Deus's token may be sent besides Teams' own service, for tests"
    )
    teams_login_url: str = Field(
        default="https://login.microsoftonline.com", description="where Deus gets its token for Teams"
    )
    teams_openid_url: str = Field(
        default="https://login.botframework.com/v1/.well-known/openidconfiguration",
        description="what leads to the keys with which Teams signs",
    )
    teams_pace: float = Field(
        default=1.0, ge=0, description="seconds between two changes of a message in Teams; Teams allows one a second"
    )
    teams_development: bool = Field(
        default=False, description="take messages without any token, from this machine alone: for the Agents Playground"
    )

    @field_validator("slack_bot_channels", mode="before")
    @classmethod
    def _are_channels(cls, value: Any) -> Any:
        parts = value.split(",") if isinstance(value, str) else value
        return tuple(part.strip() for part in parts if str(part).strip()) if isinstance(parts, list) else parts

    @field_validator("teams_tenant_id", "teams_app_id")
    @classmethod
    def _is_an_id(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[0-9A-Za-z.-]{1,128}", value):
            raise ValueError("it is an id such as 11111111-2222-3333-4444-555555555555")
        return value

    @field_validator("teams_service_url", "teams_login_url", "teams_openid_url")
    @classmethod
    def _is_on_the_web(cls, value: str | None) -> str | None:
        if value is not None and not re.match(r"https://[^/\s]|http://(127\.0\.0\.1|localhost|\[::1\])[:/]", value):
            raise ValueError("it must begin with https://")
        return value


Set = TypeVar("Set", bound=ChannelSettings)


def with_kept_channels(settings: Set, kept: Mapping[str, Mapping[str, str]]) -> Set:
    """The settings with those of channels that the vault keeps (`slack_bot` and its `token` is slack_bot_token) where
    nothing was set. Raises UserMustMend for one with a bad value."""
    named = {f"{service}_{field}": value for service, fields in kept.items() for field, value in fields.items()}
    unset = {
        name: value
        for name, value in named.items()
        if name in ChannelSettings.model_fields and name not in settings.model_fields_set
    }
    try:
        valid = ChannelSettings.model_validate(unset)
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        raise UserMustMend(f"The vault's {name} cannot be used.", remedy="Connect it once more.") from None
    return settings.model_copy(update={name: getattr(valid, name) for name in unset})
