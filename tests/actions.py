"""What the contract suite of actions needs to know of each one: a request that the demo company can fulfil."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from tools.catalog import connectors
from tools.kit.action import Change, Landed
from tools.kit.tool import Write

Meddling = Callable[[Any, Change, Landed], Awaitable[object]]
Preparing = Callable[[Any, Any], AbstractAsyncContextManager[object]]


@dataclass(frozen=True)
class Sample:
    """One write that can be done in a fresh demo company of `world`, after the writes of `given`.

    `meddle` is what somebody else does to the same record at the service afterwards, so that a touched field differs;
    it is given the connector, the change and what landed, and is None where nobody can do so, as with a merge. `wrong`
    are requests whose preview must be refused as the model's mistake: an unknown person, an ambiguous name, a record
    that is not there. `prepare` is what has to stand beside the connector meanwhile, given it and the demo's
    application.
    """

    request: Write
    meddle: Meddling | None
    wrong: tuple[Write, ...]
    world: str = "acme"
    given: tuple[Write, ...] = ()
    prepare: Preparing | None = None


def samples() -> Mapping[tuple[str, str], Sample]:
    """Every sample by service and verb, and a further name behind a slash where a verb has several.

    They are the `SAMPLES` of tests/connectors/<service>/actions.py: {"issues.create": Sample(…), "issues.link/url": …}.
    """
    found: dict[tuple[str, str], Sample] = {}
    for service in connectors():
        name = f"tests.connectors.{service}.actions"
        if importlib.util.find_spec(name) is not None:
            found |= {(service, verb): sample for verb, sample in importlib.import_module(name).SAMPLES.items()}
    return found
