"""What comes to /teams/messages: bytes → an activity, read strictly. Pure."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

Kind = Literal["personal", "groupChat", "channel"]
KINDS: Mapping[str, Kind] = {"personal": "personal", "groupchat": "groupChat", "channel": "channel"}
# https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-authentication: Teams of the
# public cloud is served from here. Anybody may register another name of trafficmanager.net.
SERVICE_HOST = "smba.trafficmanager.net"
_TAG = re.compile(r"</?at\b[^>]*>", re.IGNORECASE)


@dataclass(frozen=True)
class Refused(Exception):
    """A request that is not taken: the HTTP status, and why."""

    status: int
    why: str


@dataclass(frozen=True)
class Activity:
    """What somebody said or pressed. `sender` is who, to this conversation; `aad` is their id in the company's
    directory. `team` is the team of a channel. `value` is what a card sent along."""

    type: str
    id: str
    service_url: str
    channel: str
    conversation: str
    kind: Kind
    tenant: str
    sender: str
    sender_name: str
    aad: str
    bot: str
    name: str = ""
    text: str = ""
    team: str = ""
    value: Mapping[str, Any] = field(default_factory=dict)
    mentioned: bool = False
    added: tuple[str, ...] = ()


def parse(body: bytes) -> dict[str, Any]:
    """The body as an object. Raises Refused."""
    try:
        said = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError:
        raise Refused(400, "The request is not UTF-8.") from None
    except (ValueError, RecursionError):
        raise Refused(400, "The request cannot be read.") from None
    if not isinstance(said, dict):
        raise Refused(400, "The request is no object.")
    return said


def read(said: Mapping[str, Any]) -> Activity:
    """The activity that a body describes; what is absent is empty. Raises Refused where it contradicts itself."""
    talk, sender, bot = (_inner(said, name) for name in ("conversation", "from", "recipient"))
    data = _inner(said, "channelData")
    tenants = {one for one in (_text(talk, "tenantId"), _text(_inner(data, "tenant"), "id")) if one}
    if len(tenants) > 1:
        raise Refused(400, "The request names two tenants.")
    kind = _text(talk, "conversationType").casefold() or ("groupchat" if talk.get("isGroup") else "personal")
    if kind not in KINDS:
        raise Refused(400, "The request comes from a kind of conversation that is not known.")
    entities = said.get("entities")
    text, mentioned = heard(_text(said, "text"), entities if isinstance(entities, list) else [], _text(bot, "id"))
    value = said.get("value")
    added = said.get("membersAdded")
    return Activity(
        type=_text(said, "type"),
        id=_text(said, "id"),
        service_url=_text(said, "serviceUrl"),
        channel=_text(said, "channelId"),
        conversation=_text(talk, "id"),
        kind=KINDS[kind],
        tenant=next(iter(tenants), ""),
        sender=_text(sender, "id"),
        sender_name=_text(sender, "name"),
        aad=_text(sender, "aadObjectId"),
        bot=_text(bot, "id"),
        name=_text(said, "name"),
        text=text,
        team=_text(_inner(data, "team"), "id"),
        value=value if isinstance(value, dict) else {},
        mentioned=mentioned,
        added=tuple(_text(one, "id") for one in added if isinstance(one, dict)) if isinstance(added, list) else (),
    )


def heard(text: str, entities: Sequence[Any], bot: str) -> tuple[str, bool]:
    """What somebody wrote, as they saw it and without the mention of Deus; and whether Deus was mentioned.

    Others who are mentioned stay, as their names.
    """
    mentioned = False
    for one in entities:
        if not isinstance(one, dict) or _text(one, "type").casefold() != "mention":
            continue
        if _text(_inner(one, "mentioned"), "id") == bot and bot:
            mentioned = True
            text = text.replace(_text(one, "text"), " ") if _text(one, "text") else text
    text = html.unescape(_TAG.sub("", text)).replace("\xa0", " ")
    return re.sub(r"[ \t]+", " ", text).strip(), mentioned


def is_allowed(service_url: str, extra: str | None) -> bool:
    """Whether our token may be sent there: to Teams, or to the address that was set."""
    try:
        parts = urlsplit(service_url)
        port = parts.port
    except ValueError:
        return False
    if parts.username is not None or parts.query or parts.fragment or "\\" in service_url:
        return False
    if extra is not None and (service_url.rstrip("/") + "/").startswith(extra.rstrip("/") + "/"):
        return True
    return parts.scheme == "https" and parts.hostname == SERVICE_HOST and port in (None, 443)


def is_loopback(url: str) -> bool:
    """Whether an address leads to this machine."""
    try:
        return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
    except ValueError:
        return False


def _inner(said: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = said.get(name)
    return found if isinstance(found, dict) else {}


def _text(said: Mapping[str, Any], name: str) -> str:
    found = said.get(name)
    return found if isinstance(found, str) else ""
