"""What every vendor of the demo is given, and what each of them gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from app.demo.company import Company
from app.demo.history import History
from app.demo.vendors.slack_doorbell import Doorbell

Handler = Callable[[Request], Response]


@dataclass(frozen=True)
class Demo:
    """One demo company: its artefacts and its numbers. Nothing in here knows effects or truth.

    `doorbell` is how its Slack tells Deus what is said there, where Deus listens.
    """

    company: Company
    history: History
    doorbell: Doorbell | None = None


class VendorModule(Protocol):
    """A file of this folder: the routes of one vendor, as its API documents them, below /<service>.

    `CREDENTIALS` are the settings by which the connector reaches it (all but base_url); routes check them and answer
    401 in the vendor's own words otherwise.
    """

    CREDENTIALS: Mapping[str, str]

    @staticmethod
    def routes(demo: Demo) -> Sequence[BaseRoute]: ...
