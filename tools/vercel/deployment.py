"""A deployment as Vercel has it, and as the product reads it."""

from __future__ import annotations

import re
from typing import Any, Literal

from tools.nouns import Deployment, utc

_STATES: dict[str, Literal["success", "failed", "building", "cancelled"]] = {
    "READY": "success",
    "ERROR": "failed",
    "CANCELED": "cancelled",
    "DELETED": "cancelled",
}
_MENTION = re.compile(r"(?<![\w/])#(\d+)\b")


def deployment_of(record: Any) -> Deployment:
    """A record of the list or a single one, which have different names for id and time."""
    meta = record.get("meta") or {}
    message = str(meta.get("githubCommitMessage") or "")
    repo = f"{meta.get('githubOrg')}/{meta.get('githubRepo')}"
    numbers = [str(meta["githubPrId"])] if meta.get("githubPrId") else []
    numbers += [number for number in _MENTION.findall(message) if number not in numbers]
    ready, creator = record.get("ready"), record.get("creator") or {}
    return Deployment(
        service="vercel",
        ref=record.get("uid") or record["id"],
        url=record["inspectorUrl"],
        at=utc((record.get("created") or record["createdAt"]) / 1000),
        title=message.partition("\n")[0] or record["name"],
        component=record["name"],
        environment=_environment(record),
        state=_STATES.get(record.get("readyState") or record["state"], "building"),
        sha=meta.get("githubCommitSha"),
        pulls=tuple(f"{repo}#{number}" for number in numbers) if meta.get("githubRepo") else (),
        author=meta.get("githubCommitAuthorName") or creator.get("username"),
        rollback_of=meta.get("rollbackOf"),
        ready_at=utc(ready / 1000) if ready else None,
    )


def _environment(record: Any) -> Literal["production", "preview", "staging"]:
    """A deployment without a target, or with a custom environment's, is a preview."""
    target = record.get("target")
    return target if target in ("production", "staging") else "preview"
