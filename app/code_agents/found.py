"""The code agents that there are: every module of this folder with a class that is a command line."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

import app.code_agents
from app.code_agents.command_line import AgentOptions, CommandLine


@cache
def code_agents() -> Mapping[str, type[CommandLine]]:
    """The classes by the name that the setting calls them."""
    found: dict[str, type[CommandLine]] = {}
    for module in pkgutil.iter_modules(app.code_agents.__path__):
        loaded = importlib.import_module(f"{app.code_agents.__name__}.{module.name}")
        for each in vars(loaded).values():
            if isinstance(each, type) and issubclass(each, CommandLine) and each is not CommandLine:
                found[each.name] = each
    return dict(sorted(found.items()))


def code_agent(name: str, options: AgentOptions) -> CommandLine:
    """The agent of that name. KeyError if there is none."""
    return code_agents()[name](options)
