"""Where each artefact of a world appears: its service, the ref by which people quote it, its URL."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from urllib.parse import quote

from app.demo.world import Artefact, World

SERVICES = {
    "pull_request": "github",
    "deployment": "vercel",
    "error": "sentry",
    "issue": "linear",
    "message": "slack",
    "flag_change": "posthog",
    "campaign": "posthog",
    "alert": "pagerduty",
    "incident": "pagerduty",
    "ticket": "intercom",
    "customer": "stripe",
    "payments": "stripe",
}
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@dataclass(frozen=True)
class Ref:
    """One artefact at its service. `number` is the vendor's own id; `short` is how people write it in prose."""

    service: str
    ref: str
    url: str
    number: str
    short: str


def place(world: World, public_url: str) -> dict[str, Ref]:
    """The ref of every artefact that a service shows (holidays are nowhere); URLs begin with `public_url`."""
    refs: dict[str, Ref] = {}
    taken: set[tuple[str, int]] = set()
    for artefact in world.artefacts:
        if artefact.kind == "holiday":
            continue
        service = service_of(artefact)
        number = _number(artefact, service, taken)
        refs[artefact.id] = _ref(world, artefact, service, number, f"{public_url.rstrip('/')}/{service}")
    return refs


def service_of(artefact: Artefact) -> str:
    """The service that shows an artefact: documents with a path are files in GitHub, others pages in Notion."""
    if artefact.kind == "document":
        return "github" if artefact["path"] else "notion"
    return SERVICES[artefact.kind]


def digest(world: World, *parts: str) -> str:
    """A stable hexadecimal digest of 40 digits, the shape of a Git SHA."""
    return hashlib.sha1("/".join((world.name, str(world.seed), *parts)).encode(), usedforsecurity=False).hexdigest()


def team_key(company: str, team: str | None) -> str:
    """The prefix of a team's issues in Linear; work of no team is the company's own."""
    return _key(team)[:4] if team else _key(company)


def channel_id(channel: str) -> str:
    """The Slack id of a channel."""
    return "C0" + _letters(hashlib.sha1(channel.encode(), usedforsecurity=False).digest(), 8)


def user_id(person: str) -> str:
    """The Slack id of a person."""
    return "U0" + _letters(hashlib.sha1(person.encode(), usedforsecurity=False).digest(), 8)


def slack_ts(artefact: Artefact) -> str:
    """A message's Slack timestamp: seconds since the epoch and a six-digit serial that keeps it unique."""
    assert artefact.at is not None
    serial = int(hashlib.sha1(artefact.id.encode(), usedforsecurity=False).hexdigest(), 16) % 1_000_000
    return f"{int(artefact.at.timestamp())}.{serial:06d}"


def flag_id(key: str) -> int:
    """The PostHog id of a feature flag."""
    return 1000 + int(hashlib.sha1(key.encode(), usedforsecurity=False).hexdigest(), 16) % 900_000


def _number(artefact: Artefact, service: str, taken: set[tuple[str, int]]) -> int:
    digits = re.search(r"(\d+)$", artefact.id)
    number = int(digits.group(1)) if digits else 1
    space = f"{service}/{artefact.kind}"
    while (space, number) in taken:
        number += 1000
    taken.add((space, number))
    return number


def _ref(world: World, artefact: Artefact, service: str, number: int, base: str) -> Ref:
    repo, org = world.company.repo, slug(world.company.name)
    sha = digest(world, artefact.id)
    letters = _letters(bytes.fromhex(sha), 13)
    match artefact.kind:
        case "pull_request":
            return Ref(service, f"{repo}#{number}", f"{base}/{repo}/pull/{number}", str(number), f"#{number}")
        case "document" if artefact["path"]:
            path = str(artefact["path"])
            return Ref(service, f"{repo}/{path}", f"{base}/{repo}/blob/main/{quote(path)}", path, path)
        case "document":
            page = f"{sha[:8]}-{sha[8:12]}-4{sha[13:16]}-8{sha[17:20]}-{sha[20:32]}"
            return Ref(service, page, f"{base}/{page.replace('-', '')}", page, str(artefact["title"]))
        case "issue":
            key = f"{team_key(world.company.name, artefact['team'])}-{number}"
            return Ref(service, key, f"{base}/{org}/issue/{key}", str(number), key)
        case "deployment":
            uid = f"dpl_{sha[:24]}"
            return Ref(service, uid, f"{base}/{org}/{artefact['service']}/{uid[4:]}", uid, uid)
        case "error":
            short = f"{_key(world.company.repo.split('/')[-1])}-{number}"
            return Ref(service, short, f"{base}/organizations/{org}/issues/{number}/", str(number), short)
        case "message":
            channel, ts = channel_id(str(artefact["channel"])), slack_ts(artefact)
            url = f"{base}/archives/{channel}/p{ts.replace('.', '')}"
            return Ref(service, f"{channel}/{ts}", url, ts, url)
        case "flag_change":
            activity = f"{sha[:8]}-{sha[8:12]}-4{sha[13:16]}-8{sha[17:20]}-{sha[20:32]}"
            url = f"{base}/project/1/feature_flags/{flag_id(str(artefact['flag']))}?activity={activity}"
            return Ref(service, activity, url, activity, str(artefact["flag"]))
        case "campaign":
            return Ref(
                service, f"annotation-{number}", f"{base}/project/1/annotations/{number}", str(number), str(number)
            )
        case "alert" | "incident":
            ident = ("Q" if artefact.kind == "incident" else "R") + letters
            return Ref(service, ident, f"{base}/{artefact.kind}s/{ident}", ident, ident)
        case "ticket":
            return Ref(service, str(number), f"{base}/a/inbox/{org}/ticket/{number}", str(number), f"ticket {number}")
        case "customer":
            return Ref(
                service, f"cus_{letters}", f"{base}/customers/cus_{letters}", f"cus_{letters}", str(artefact["name"])
            )
        case _:
            return Ref(service, "payments", f"{base}/payments", "payments", "payments")


def _letters(data: bytes, count: int) -> str:
    return "".join(_BASE32[byte % 32] for byte in data)[:count]


def slug(name: str) -> str:
    """A name as it stands in a URL: lower case, words joined by hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _key(name: str) -> str:
    return re.sub(r"[^A-Z]", "", name.upper())[:6] or "KEY"
