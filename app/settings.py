"""Environment, then `deus.toml` → frozen Settings, read once; bad values are refused by name."""

from __future__ import annotations

import logging
import os
import re
import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import PydanticUndefined

from app.settings_channels import ChannelSettings
from app.settings_code import CodeSettings
from tools.kit.errors import UserMustMend

log = logging.getLogger(__name__)

PREFIX = "DEUS_"
# Read before there are settings (where the file is), or by tests alone.
ELSEWHERE = frozenset({"DEUS_CONFIG", "DEUS_SHARED"})


class Settings(ChannelSettings, CodeSettings):
    """All that can be set. Field `port` is DEUS_PORT in the environment and `port` in deus.toml; a service's field
    `token` is DEUS_GITHUB_TOKEN, and `token` under `[github]`. DEUS_…_FILE names a file that holds the value.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    data_dir: Path = Field(default=Path(".deus"), description="where Deus keeps what it must remember")
    cache_dir: Path = Field(
        default=Path("~/.cache/deus"), description="where Deus keeps what it can make again, shared by all workspaces"
    )
    host: str = Field(default="127.0.0.1", description="the address to listen on; others than loopback are open to all")
    port: int = Field(default=8000, ge=0, le=65535, description="the port to listen on")
    public_url: str | None = Field(
        default=None, description="the address by which people reach Deus, for links; http://host:port if left out"
    )
    user: str | None = Field(default=None, description="the name to sign in with; 'founder' at first")
    password: str | None = Field(
        default=None, repr=False, description="the password to sign in with; one is made on the first start"
    )
    api_token: SecretStr | None = Field(
        default=None, description="the bearer token of the HTTP API; one is made on the first start"
    )
    timezone: str = Field(default="UTC", description="the company's timezone, such as Europe/Berlin")
    countries: tuple[str, ...] = Field(
        default=(), description="ISO codes of the countries whose holidays count, such as DE,US"
    )
    database_url: SecretStr | None = Field(
        default=None, description="a Postgres database (postgresql://…); a SQLite file in the data folder if left out"
    )
    chroma_url: str | None = Field(default=None, description="a Chroma server; an embedded one if left out")
    file_mb: int = Field(default=20, ge=1, le=200, description="the most megabytes that an uploaded file may have")
    memory: bool = Field(default=True, description="whether documents and past runs are searched for context")
    model: str | None = Field(default=None, description="a language model by LiteLLM's name; none is needed")
    model_fast: str | None = Field(
        default=None, description="a cheaper model for small decisions; the model's if left out"
    )
    model_base_url: str | None = Field(default=None, description="an OpenAI-compatible endpoint to ask for the models")
    model_key: SecretStr | None = Field(default=None, description="the key for the models")
    tracker: str | None = Field(
        default=None, description="the service where new issues go, such as linear; what the history shows if left out"
    )
    channel: str | None = Field(
        default=None, description="the chat's channel for notices, such as #incidents; by the history if left out"
    )
    budget_usd: float = Field(default=0.5, ge=0, description="the most that one run may spend, in US dollars")
    budget_model_calls: int = Field(default=20, ge=0, description="the most calls of a model in one run")
    budget_tool_calls: int = Field(default=120, ge=1, description="the most calls of services in one run")
    budget_seconds: float = Field(default=120.0, gt=0, description="the longest that one run may take, in seconds")
    budget_tokens: int = Field(default=1_000_000, ge=0, description="the most tokens of a model in one run")
    budget_equal_calls: int = Field(default=5, ge=1, description="how often one run may ask the very same of a service")
    budget_actor_month_usd: float | None = Field(
        default=None, ge=0, description="the most US dollars in one person's month; no end if left out"
    )
    budget_actor_month_model_calls: float | None = Field(
        default=None, ge=0, description="the most calls of a model in one person's month; no end if left out"
    )
    budget_actor_month_tool_calls: float | None = Field(
        default=None, ge=0, description="the most calls of services in one person's month; no end if left out"
    )
    budget_actor_month_tokens: float | None = Field(
        default=None, ge=0, description="the most tokens in one person's month; no end if left out"
    )
    budget_actor_month_seconds: float | None = Field(
        default=None, ge=0, description="the most seconds of work in one person's month; no end if left out"
    )
    budget_workspace_month_usd: float | None = Field(
        default=None, ge=0, description="the most US dollars in the workspace's month; no end if left out"
    )
    budget_workspace_month_model_calls: float | None = Field(
        default=None, ge=0, description="the most calls of a model in the workspace's month; no end if left out"
    )
    budget_workspace_month_tool_calls: float | None = Field(
        default=None, ge=0, description="the most calls of services in the workspace's month; no end if left out"
    )
    budget_workspace_month_tokens: float | None = Field(
        default=None, ge=0, description="the most tokens in the workspace's month; no end if left out"
    )
    budget_workspace_month_seconds: float | None = Field(
        default=None, ge=0, description="the most seconds of work in the workspace's month; no end if left out"
    )
    policy: Path | None = Field(
        default=None, description="the rules of what may be written; policy.yaml in the data folder if left out"
    )
    concurrency: int = Field(default=16, ge=1, description="how many runs are driven at once by this process")
    workspace_concurrency: int | None = Field(
        default=None, ge=1, description="how many runs are driven at once by all processes; no limit if left out"
    )
    service_concurrency: int = Field(
        default=8, ge=1, description="how many calls of one service are under way at once, over all processes"
    )
    service_limits: Mapping[str, int] = Field(
        default_factory=dict, description="another number for some services, such as github=4,posthog=2"
    )
    takeover_seconds: float = Field(
        default=15.0, ge=1, description="after how many seconds without a sign of life a process's runs go to others"
    )
    silence_seconds: float = Field(
        default=300.0, ge=10, description="after how many seconds without an event a run counts as stuck"
    )
    worker: str = Field(default="deus", description="this process's name among those that share a database")
    clock: str | None = Field(
        default=None, description="an ISO time from which the clock runs, or frozen:TIME; for demos and tests"
    )
    audit_anchor_file: Path | None = Field(
        default=None, description="a file elsewhere to which the audit chain's head is appended at each run's end"
    )
    audit_anchor_url: str | None = Field(
        default=None, description="an address elsewhere to which the audit chain's head is posted at each run's end"
    )
    vault_keeper: Literal["local", "hashicorp", "aws", "gcp"] = Field(
        default="local", description="who keeps the key of the credentials' vault: local, hashicorp, aws or gcp"
    )
    vault_key: SecretStr | None = Field(
        default=None, description="local: the key, 32 bytes in base64; one is made in the data folder if left out"
    )
    vault_url: str | None = Field(default=None, description="the keeper's address; needed for hashicorp alone")
    vault_name: str | None = Field(default=None, description="the name of the key or secret at the keeper")
    vault_token: SecretStr | None = Field(default=None, description="the token for the keeper; for aws a session's")
    vault_region: str | None = Field(default=None, description="aws: the region, such as eu-central-1")
    vault_access_key: str | None = Field(default=None, description="aws: the id of the access key")
    vault_secret_key: SecretStr | None = Field(default=None, description="aws: the secret access key")
    services: Mapping[str, Mapping[str, str]] = Field(default_factory=dict, repr=False, exclude=True)
    unknown: tuple[str, ...] = Field(default=(), exclude=True)

    @field_validator("countries", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return (
            tuple(part.strip().upper() for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )

    @field_validator("service_limits", mode="before")
    @classmethod
    def _are_limits(cls, value: Any) -> Any:
        parts = [part.partition("=") for part in value.split(",") if part.strip()] if isinstance(value, str) else None
        given = {name.strip(): number.strip() for name, _, number in parts} if parts is not None else value
        for name, number in given.items() if isinstance(given, Mapping) else ():
            if name not in _connectors():
                raise ValueError(f"there is no service {name!r}; write it like github=4,posthog=2")
            if not str(number).isdecimal() or int(number) < 1:
                raise ValueError(f"the limit of {name} is not a number from 1 on")
        return given

    @field_validator("timezone")
    @classmethod
    def _is_a_timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (LookupError, ValueError, OSError) as error:
            raise ValueError("there is no such timezone; write it like Europe/Berlin") from error
        return value

    @field_validator("clock")
    @classmethod
    def _is_a_time(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                moment = datetime.fromisoformat(value.removeprefix("frozen:"))
            except ValueError as error:
                raise ValueError("it is not an ISO time such as 2026-11-18T15:00:00Z") from error
            if moment.tzinfo is None:
                raise ValueError("the time needs a timezone, such as a Z at its end")
        return value

    @field_validator("database_url")
    @classmethod
    def _is_postgres(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("postgresql:", "postgres:", "postgresql+")):
            raise ValueError("it must begin with postgresql://")
        return value

    @field_validator("public_url", "audit_anchor_url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is not None and not re.match(r"https?://[^/\s]", value):
            raise ValueError("it must begin with https:// or http://")
        return value.rstrip("/") if value else None

    @property
    def address(self) -> str:
        """By which people reach Deus, without a slash at its end."""
        return self.public_url or f"http://{'127.0.0.1' if self.host in ('0.0.0.0', '::') else self.host}:{self.port}"

    def destinations(self) -> dict[str, str]:
        """Where writes go, as far as it is set."""
        return {name: value for name, value in (("tracker", self.tracker), ("channel", self.channel)) if value}

    @model_validator(mode="after")
    def _frozen_services(self) -> Settings:
        frozen = {name: MappingProxyType(dict(given)) for name, given in self.services.items()}
        object.__setattr__(self, "services", MappingProxyType(frozen))
        return self

    @classmethod
    def help(cls) -> list[tuple[str, str, str]]:
        """Every setting as (name, default, meaning), those of the services included."""
        own = {k: spec for k, spec in cls.model_fields.items() if k not in ("services", "unknown")}
        own = dict(sorted(own.items(), key=lambda field: field[0] not in cls.__annotations__))
        rows = [(f"{PREFIX}{name.upper()}", _default(spec), spec.description or "") for name, spec in own.items()]
        for service, connector in _connectors().items():
            for name, spec in connector.Settings.model_fields.items():
                meaning = spec.description or f"{connector.title}: {name.replace('_', ' ')}"
                rows.append((f"{PREFIX}{service}_{name}".upper(), _default(spec), meaning))
        return rows


def read_settings(environ: Mapping[str, str], toml: Mapping[str, Any]) -> Settings:
    """The settings of an environment, which goes first, and a parsed deus.toml.

    Pure but for the files that DEUS_…_FILE names. Raises UserMustMend, naming the setting, for a bad value.
    """
    own = set(Settings.model_fields) - {"services", "unknown"}
    fields = {service: set(connector.Settings.model_fields) for service, connector in _connectors().items()}
    values: dict[str, Any] = {}
    services: dict[str, dict[str, str]] = {}
    unknown: list[str] = []
    for name, value in toml.items():
        if name in own:
            values[name] = value
        elif name in fields and isinstance(value, Mapping):
            services[name] = {field: str(given) for field, given in value.items() if field in fields[name]}
            unknown += [f"{name}.{field}" for field in value if field not in fields[name]]
        else:
            unknown.append(name)
    for name, value in sorted(_with_files(environ, own, fields).items()):
        place = _place(name, own, fields)
        if place is None:
            unknown.append(name)
        elif isinstance(place, str):
            values[place] = value
        else:
            services.setdefault(place[0], {})[place[1]] = value
    try:
        return Settings.model_validate({**values, "services": services, "unknown": tuple(unknown)})
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        reason = str(first["msg"]).removeprefix("Value error, ")
        raise UserMustMend(
            f"{PREFIX}{field.upper()} has a value that cannot be used: {reason}.",
            remedy="`deus up --help-settings` lists every setting with its meaning.",
        ) from None


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process. The file is deus.toml in the working directory, or what DEUS_CONFIG names. What
    `deus connect` kept is in the vault and not here."""
    given = os.environ if environ is None else environ
    path = Path(given.get("DEUS_CONFIG", "deus.toml"))
    toml = _parsed(path) if path.exists() or "DEUS_CONFIG" in given else {}
    settings = read_settings(given, toml)
    for name in settings.unknown:
        log.warning("There is no setting %s; it is ignored.", name)
    return settings


def plain_services(data_dir: Path) -> tuple[Path, dict[str, dict[str, str]]]:
    """The file in which earlier versions kept services' settings unsealed, and what it holds."""
    path = data_dir / "services.toml"
    kept = _parsed(path) if path.exists() else {}
    return path, {name: {k: str(v) for k, v in given.items()} for name, given in kept.items()}


def with_kept(services: Mapping[str, Mapping[str, str]], kept: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Services' settings with those from the vault where the environment and deus.toml say nothing."""
    return {name: {**kept.get(name, {}), **services.get(name, {})} for name in {*services, *kept}}


def _place(name: str, own: set[str], fields: Mapping[str, set[str]]) -> str | tuple[str, str] | None:
    """Where a variable belongs: a setting's name, or a service and its field."""
    short = name.removeprefix(PREFIX).lower()
    if short in own:
        return short
    for service, known in fields.items():
        field = short.removeprefix(f"{service}_")
        if short.startswith(f"{service}_") and field in known:
            return service, field
    return None


def _with_files(environ: Mapping[str, str], own: set[str], fields: Mapping[str, set[str]]) -> dict[str, str]:
    """Our variables with those that name a file replaced by its content; an empty variable counts as not set."""
    found = {k: v for k, v in environ.items() if k.startswith(PREFIX) and k not in ELSEWHERE and v != ""}
    for name in [name for name in found if name.endswith("_FILE")]:
        meant = name.removesuffix("_FILE")
        if _place(name, own, fields) is None and _place(meant, own, fields) is not None:
            path = found.pop(name)
            try:
                content = Path(path).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise UserMustMend(f"{name} names {path}, which cannot be read.") from error
            found.setdefault(meant, content)
    return found


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserMustMend(f"The settings file {path} cannot be read.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserMustMend(f"The settings file {path} is not valid TOML: {error}.") from error


def _connectors() -> Mapping[str, Any]:
    from tools.catalog import connectors

    return connectors()


def _default(spec: Any) -> str:
    if spec.is_required() or spec.default is PydanticUndefined or spec.default is None:
        return ""
    if isinstance(spec.default, tuple):
        return ",".join(spec.default)
    return str(spec.default)
