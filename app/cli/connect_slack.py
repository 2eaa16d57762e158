"""`deus connect slack`: makes Deus somebody in Slack: the app's manifest, its tokens, each tried and then sealed."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from tools.kit.errors import UserMustMend

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

    from app.settings import Settings

SERVICE = "slack_bot"
FIELDS = ("token", "app_token", "signing_secret", "channels")
APPS = "https://api.slack.com/apps"
QUESTION = "Shall people write to Deus in Slack (bot), shall Deus read what is said there (source), or both?"
# What Slack's errors mean for whoever pastes tokens.
_REMEDIES = {
    "invalid_auth": "Copy it once more: whole, and of this app.",
    "not_authed": "Copy it once more: whole, and of this app.",
    "token_revoked": "The app was removed from the workspace. Install it again and copy the new token.",
    "token_expired": "Switch token rotation off, install the app again and copy the new token.",
    "account_inactive": "The app was removed from the workspace. Install it again and copy the new token.",
    "not_allowed_token_type": "It is another kind of token: the bot's begins with xoxb-, the app-level one with xapp-.",
    "missing_scope": "Make an app-level token with the scope connections:write (Basic Information → App-Level Tokens).",
    "forbidden_team": "The app may not be used in this workspace; ask its admins.",
}


@dataclass(frozen=True)
class Tried:
    """What a bot's token is good for. `lacks` are scopes; None where Slack does not tell them."""

    bot: str
    workspace: str
    url: str
    scopes: tuple[str, ...] | None
    lacks: tuple[str, ...]


def print_manifest(address: str | None, *, as_json: bool) -> None:
    """Prints the manifest alone."""
    from app.channels.slack_manifest import as_json as in_json
    from app.channels.slack_manifest import as_yaml, manifest

    made = manifest(address)
    print(in_json(made) if as_json else as_yaml(made).rstrip())


def parts(
    *, bot: bool, source: bool, check: bool, forget: bool, given: Mapping[str, Mapping[str, str]]
) -> tuple[str, ...]:
    """What Slack is to be: somebody whom people write to (bot), what Deus reads (source), or both.

    Where no flag says so it is asked; where nobody can be asked it is what there are settings for. Raises UserMustMend.
    """
    if bot or source:
        return tuple(name for name, wanted in (("bot", bot), ("source", source)) if wanted)
    there = tuple(name for name, service in (("bot", SERVICE), ("source", "slack")) if _is_set(service, given))
    if check or forget or not can_ask():
        if there:
            return there
        raise UserMustMend("Slack is not connected in any way.", remedy="Say --bot or --source, in a terminal.")
    while (said := str(typer.prompt(QUESTION, default="bot")).strip().casefold()) not in ("bot", "source", "both"):
        print("Please answer bot, source or both.")
    return ("bot", "source") if said == "both" else (said,)


def bot(address: str | None, *, check: bool, forget: bool, offers: bool) -> None:
    """Connects the bot, tries it, or forgets it. Afterwards it `offers` to read with the same token."""
    if forget:
        if not asyncio.run(_forgotten()):
            raise UserMustMend(
                "The vault keeps nothing for Slack's bot.",
                remedy="What DEUS_SLACK_BOT_… or deus.toml says is yours to remove.",
            )
        print("The vault no longer keeps anything for Slack's bot. Remove the app in Slack, too, if nobody needs it.")
        return
    given = connect_bot(address, check=check, ask=can_ask())
    if (
        offers
        and not check
        and can_ask()
        and typer.confirm("Shall Deus also read what is said there, with this token?")
    ):
        from app.cli.connect import keep_source

        keep_source("slack", {"token": given["token"]})


def connect_bot(address: str | None, *, check: bool, ask: bool) -> dict[str, str]:
    """Walks through it, asks for what is not there, tries it and keeps it. Returns the bot's settings.

    With `check` nothing is asked or kept. Raises UserMustMend, naming what to mend.
    """
    before = asyncio.run(_given())
    given = {name: before[name] for name in FIELDS if before.get(name)}
    if not check and ask and not _ways(given, address):
        _explain(address)
    token = _wanted(given, "token", "the bot's token (xoxb-…)", ask=ask and not check)
    tried = asyncio.run(_tried(_of_kind(token, "xoxb-", "the bot's token"), before["url"]))
    print(f"This is @{tried.bot} of {tried.workspace} ({tried.url}).")
    if address is None and (given.get("app_token") or not given.get("signing_secret")):
        app_token = _wanted(given, "app_token", "the app-level token (xapp-…)", ask=ask and not check)
        asyncio.run(_opens(_of_kind(app_token, "xapp-", "the app-level token"), before["url"]))
        print("Its socket opens: no public address is needed.")
    else:
        _wanted(given, "signing_secret", "the signing secret", ask=ask and not check)
        where = f"{(address or 'https://your-deus').rstrip('/')}/slack/events"
        print(f"Slack tries the signing secret when you save {where} as the request URL; Deus has to run by then.")
    if not check and ask and not given.get("channels"):
        said = typer.prompt("Where shall it listen besides direct messages? (#growth,#product; none)", default="none")
        given |= {} if said.strip().casefold() == "none" else {"channels": said.strip()}
    if tried.lacks:
        _complain(tried.lacks, check=check)
    if not check:
        asyncio.run(_kept(given, tried))
        print("Kept in the vault, sealed. Start `deus up`, and write to it in Slack.")
    return given


def can_ask() -> bool:
    """Whether somebody sits there who can answer."""
    return sys.stdin.isatty()


def _is_set(service: str, given: Mapping[str, Mapping[str, str]]) -> bool:
    if service == SERVICE:
        return bool(asyncio.run(_given())["token"])
    return bool(given.get(service, {}).get("token"))


def _explain(address: str | None) -> None:
    from app.channels.slack_manifest import as_yaml, manifest

    print(f"1. Open {APPS}?new_app=1 → From a manifest, choose the workspace, and paste this:\n")
    print(as_yaml(manifest(address)))
    print("2. Install App → Install to Workspace.")
    print("3. OAuth & Permissions → copy the Bot User OAuth Token (xoxb-…).")
    if address is None:
        print("4. Basic Information → App-Level Tokens → Generate, scope connections:write → copy it (xapp-…).")
    else:
        print("4. Basic Information → App Credentials → copy the Signing Secret.")
    print("5. Invite @Deus to the channels in which it shall answer.\n")


def _ways(given: Mapping[str, str], address: str | None) -> bool:
    """Whether all that is needed is there."""
    way = given.get("signing_secret") if address else given.get("app_token") or given.get("signing_secret")
    return bool(given.get("token") and way)


def _wanted(given: dict[str, str], name: str, what: str, *, ask: bool) -> str:
    """A setting; asked for where it is not there, unseen while it is typed."""
    if not given.get(name):
        if not ask:
            raise UserMustMend(
                f"Slack's bot lacks {what}.",
                remedy=f"Set DEUS_SLACK_BOT_{name.upper()}, or run `deus connect slack --bot` in a terminal.",
            )
        given[name] = str(typer.prompt(what, hide_input=True)).strip()
    return given[name]


def _of_kind(token: str, begins: str, what: str) -> str:
    if not token.startswith(begins):
        raise UserMustMend(f"This is not {what}.", remedy=f"{what.capitalize()} begins with {begins}.")
    return token


def _complain(lacks: tuple[str, ...], *, check: bool) -> None:
    said = f"The bot lacks {', '.join(lacks)}."
    remedy = (
        "Add them under OAuth & Permissions → Bot Token Scopes, or paste `deus connect slack --manifest` under App "
        "Manifest; then install the app again."
    )
    if check:
        raise UserMustMend(said, remedy=remedy)
    print(f"{said} {remedy}")


async def _tried(token: str, url: str) -> Tried:
    from app.channels.slack_manifest import missing

    said = await _asked(url, token, "auth.test", "the bot's token")
    told = said.headers.get("x-oauth-scopes")
    scopes = None if told is None else tuple(one.strip() for one in str(told).split(",") if one.strip())
    lacks = () if scopes is None else missing(scopes)
    return Tried(str(said.get("user")), str(said.get("team")), str(said.get("url")), scopes, lacks)


async def _opens(token: str, url: str) -> None:
    """Asks for a socket's address, and leaves it. Raises UserMustMend."""
    await _asked(url, token, "apps.connections.open", "the app-level token")


async def _asked(url: str, token: str, method: str, what: str) -> Any:
    import aiohttp
    from slack_sdk.errors import SlackApiError, SlackClientError

    from app.channels.slack import _client

    timeout = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as session:
        client: AsyncWebClient = _client(token, url, session)
        try:
            return await client.api_call(method)
        except SlackApiError as error:
            code = str(error.response.get("error"))
            remedy = _REMEDIES.get(code, "Copy it once more from the app's pages.")
            raise UserMustMend(f"Slack refuses {what} ({code}).", remedy=remedy) from error
        except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
            raise UserMustMend(
                f"Slack could not be reached at {url}.", remedy="Look at the network, and try once more."
            ) from error


async def _given() -> dict[str, str]:
    """What the environment, deus.toml and the vault say of the bot, and `url`, where Slack is."""
    from app.settings import load_settings
    from app.settings_channels import with_kept_channels
    from app.workspace import open_vault

    settings: Settings = load_settings(os.environ)
    async with open_vault(settings) as vault:
        settings = with_kept_channels(settings, await vault.services())
    found = {"url": settings.slack_bot_url, "channels": ",".join(settings.slack_bot_channels)}
    for name in ("token", "app_token", "signing_secret"):
        secret = getattr(settings, f"{SERVICE}_{name}")
        found[name] = secret.get_secret_value() if secret is not None else ""
    return found


async def _kept(given: Mapping[str, str], tried: Tried) -> None:
    from datetime import UTC, datetime

    from app.settings import load_settings
    from app.stores.consents import Consent
    from app.workspace import open_vault

    listens = tuple(one.strip() for one in given.get("channels", "").split(",") if one.strip())
    account, sees = f"@{tried.bot} of {tried.workspace}", ("direct messages", *listens)
    consent = Consent(SERVICE, _actor(), datetime.now(UTC), account, sees, tried.scopes)
    async with open_vault(load_settings(os.environ)) as vault:
        await vault.keep(given, consent)


async def _forgotten() -> bool:
    from app.settings import load_settings
    from app.workspace import open_vault

    async with open_vault(load_settings(os.environ)) as vault:
        return await vault.forget(SERVICE, _actor())


def _actor() -> str:
    return os.environ.get("USER") or "cli"
