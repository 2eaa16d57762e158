"""Codex (OpenAI, Apache-2.0): `codex exec --json`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from agents.code_agent import AgentEvent, Finished, Thought, ToolCalled, ToolReturned
from agents.coder_text import one_line
from agents.sandbox import Route
from agents.tally import Tally
from app.code_agents.command_line import BASE, ROUTE, SECRET, CommandLine, Reader, Trouble, number, parts, text

PROVIDER = f'model_providers.{ROUTE}={{name="{ROUTE}",base_url="{BASE}",wire_api="responses"}}'


class Codex(CommandLine):
    """Speaks OpenAI's responses."""

    name, title, program, package = "codex", "Codex", "codex", "@openai/codex"
    beside = (
        "../codex-linux-*/vendor/*/bin/codex",
        "node_modules/@openai/codex-linux-*/vendor/*/bin/codex",
        "vendor/*/bin/codex",
    )

    def route(self, tally: Tally) -> Route:
        upstream = self.options.upstream or "https://api.openai.com/v1"
        secret = SECRET if self.options.has_key else None
        return Route(ROUTE, upstream, frozenset({"POST"}), "/responses(/compact)?", secret, tally=tally)

    def command(self) -> list[str]:
        settings = [f'model_provider="{ROUTE}"', PROVIDER, 'web_search="disabled"', "check_for_update_on_startup=false",
                    "analytics.enabled=false"]  # fmt: skip
        return [
            *(self.place, "exec", "--json", "--ephemeral", "--ignore-rules", "--skip-git-repo-check"),
            *("--dangerously-bypass-approvals-and-sandbox", "--model", self.options.model or ""),
            *(word for setting in settings for word in ("-c", setting)),
            "-",
        ]

    def environment(self) -> Mapping[str, str]:
        return {}

    def reader(self) -> Reader:
        return _Reader()


class _Reader:
    def __init__(self) -> None:
        self._last = ""

    def events(self, line: Mapping[str, Any]) -> Iterable[AgentEvent | Trouble]:
        kind, item = line.get("type"), line.get("item")
        if kind == "turn.completed":
            yield Finished(self._last or "The agent said nothing more.")
        elif kind == "turn.failed":
            yield Trouble(text(line, "error", "message"))
        elif kind == "error":
            yield Trouble(text(line, "message"))
        elif isinstance(item, dict):
            yield from self._item(str(kind), item)

    def _item(self, kind: str, item: Mapping[str, Any]) -> Iterable[AgentEvent]:
        what, id, over = item.get("type"), text(item, "id"), kind == "item.completed"
        if what == "agent_message" and over:
            self._last = text(item, "text")
            yield Thought(self._last)
        elif what == "command_execution" and kind == "item.started":
            yield ToolCalled(id, "run", {"command": text(item, "command")})
        elif what == "command_execution" and over:
            code, output = number(item, "exit_code"), text(item, "aggregated_output")
            yield ToolReturned(id, code == 0, f"status {code}", output, 0)
        elif what == "file_change" and over:
            paths = [text(change, "path") for change in parts(item, "changes")]
            good = item.get("status") == "completed"
            yield ToolCalled(id, "edit", {"path": ", ".join(paths)})
            yield ToolReturned(id, good, one_line(f"changed {', '.join(paths)}", 120), "", 0)
        elif what == "mcp_tool_call" and kind == "item.started":
            yield ToolCalled(id, text(item, "tool"), {})
        elif what == "mcp_tool_call" and over:
            yield ToolReturned(id, item.get("status") == "completed", text(item, "status"), "", 0)
