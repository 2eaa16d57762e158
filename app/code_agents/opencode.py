"""OpenCode (MIT): `opencode run --format json`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from agents.code_agent import AgentEvent, Finished, Thought, ToolCalled, ToolReturned
from agents.coder_text import one_line
from agents.sandbox import Route
from agents.tally import Tally
from app.code_agents.command_line import (
    BASE,
    NO_KEY,
    ROUTE,
    SECRET,
    CommandLine,
    Reader,
    Trouble,
    number,
    part,
    text,
)

TOOLS = MappingProxyType(
    {"bash": "run", "read": "read", "edit": "edit", "write": "edit", "patch": "edit", "multiedit": "edit",
     "grep": "search", "glob": "search", "list": "search"}
)  # fmt: skip
ARGUMENTS = MappingProxyType({"command": "command", "filePath": "path", "path": "path", "pattern": "pattern"})
# It has both packages in itself; others it would fetch.
ANTHROPIC, COMPATIBLE = "@ai-sdk/anthropic", "@ai-sdk/openai-compatible"


class OpenCode(CommandLine):
    """Speaks Anthropic's messages to Claude, and OpenAI's chat completions to all others."""

    name, title, program, package = "opencode", "OpenCode", "opencode", "opencode-ai"
    beside = ("../opencode-linux-*/bin/opencode", "node_modules/opencode-linux-*/bin/opencode")

    @property
    def _is_claude(self) -> bool:
        return (self.options.model or "").startswith("claude")

    def route(self, tally: Tally) -> Route:
        secret = SECRET if self.options.has_key else None
        methods = frozenset({"POST"})
        if self._is_claude:
            upstream = self.options.upstream or "https://api.anthropic.com"
            return Route(ROUTE, upstream, methods, "/v1/messages", secret, "x-api-key", "{}", tally)
        upstream = self.options.upstream or "https://api.openai.com/v1"
        return Route(ROUTE, upstream, methods, "/chat/completions", secret, tally=tally)

    def command(self) -> list[str]:
        return [self.place, "run", "--format", "json", "--model", f"{ROUTE}/{self.options.model}"]

    def environment(self) -> Mapping[str, str]:
        base, package = (f"{BASE}/v1", ANTHROPIC) if self._is_claude else (BASE, COMPATIBLE)
        model = {"name": self.options.model, "limit": {"context": 128_000, "output": 8_000}}
        provider = {"npm": package, "name": ROUTE, "options": {"baseURL": base, "apiKey": NO_KEY},
                    "models": {self.options.model: model}}  # fmt: skip
        config = {
            "provider": {ROUTE: provider},
            "enabled_providers": [ROUTE],
            "small_model": f"{ROUTE}/{self.options.model}",
            "permission": {"*": "allow", "webfetch": "deny", "websearch": "deny"},
            "autoupdate": False,
            "share": "disabled",
            "lsp": False,
            "formatter": False,
        }
        off = ("AUTOUPDATE", "LSP_DOWNLOAD", "MODELS_FETCH", "DEFAULT_PLUGINS", "CLAUDE_CODE")
        return {
            **{f"OPENCODE_DISABLE_{name}": "1" for name in off},
            "OPENCODE_CONFIG_CONTENT": json.dumps(config),
        }

    def reader(self) -> Reader:
        return _Reader()


class _Reader:
    def __init__(self) -> None:
        self._last = ""

    def events(self, line: Mapping[str, Any]) -> Iterable[AgentEvent | Trouble]:
        kind = line.get("type")
        if kind == "text" and text(line, "part", "text").strip():
            self._last = text(line, "part", "text").strip()
            yield Thought(self._last)
        elif kind == "tool_use":
            yield from _used(part(line, "part"))
        elif kind == "step_finish" and part(line, "part", "reason") == "stop":
            yield Finished(self._last or "The agent said nothing more.")
        elif kind == "error":
            yield Trouble(text(line, "error", "data", "message") or text(line, "error", "name"))


def _used(told: Mapping[str, Any]) -> Iterable[AgentEvent]:
    """It tells of a tool once, when it has been used."""
    tool, id, state = text(told, "tool"), text(told, "callID"), part(told, "state")
    given = part(state, "input")
    args = {mine: text(given, theirs) for theirs, mine in ARGUMENTS.items() if text(given, theirs)}
    yield ToolCalled(id, TOOLS.get(tool, tool), args)
    good = text(state, "status") == "completed" and number(state, "metadata", "exit") == 0
    output = text(state, "output") or text(state, "error")
    ms = max(1, number(state, "time", "end") - number(state, "time", "start"))
    yield ToolReturned(id, good, one_line(text(state, "title") or "done", 120), output, ms)
