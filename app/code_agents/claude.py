"""Claude Code (Anthropic; its own licence, so the user installs it): `claude -p --output-format stream-json`."""

from __future__ import annotations

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
    parts,
    text,
)

TOOLS = MappingProxyType(
    {"Bash": "run", "Read": "read", "Edit": "edit", "Write": "edit", "MultiEdit": "edit", "NotebookEdit": "edit",
     "Grep": "search", "Glob": "search"}
)  # fmt: skip
# How its tools call what the others call command, path and pattern.
ARGUMENTS = MappingProxyType({"command": "command", "file_path": "path", "path": "path", "pattern": "pattern"})


class ClaudeCode(CommandLine):
    """Speaks Anthropic's messages."""

    name, title, program, package = "claude", "Claude Code", "claude", "@anthropic-ai/claude-code"
    beside = ("../claude-code-linux-*/claude", "node_modules/@anthropic-ai/claude-code-linux-*/claude")

    def route(self, tally: Tally) -> Route:
        upstream = self.options.upstream or "https://api.anthropic.com"
        secret = SECRET if self.options.has_key else None
        return Route(ROUTE, upstream, frozenset({"POST"}), "/v1/messages", secret, "x-api-key", "{}", tally)

    def command(self) -> list[str]:
        # Bare, it takes no hook, plugin or server from the repository; the sandbox is what asks for no permission.
        return [
            *(self.place, "-p", "--bare", "--output-format", "stream-json", "--verbose"),
            *("--dangerously-skip-permissions", "--disallowedTools", "WebSearch,WebFetch"),
            *("--model", self.options.model or ""),
        ]

    def environment(self) -> Mapping[str, str]:
        return {
            "ANTHROPIC_BASE_URL": BASE,
            "ANTHROPIC_API_KEY": NO_KEY,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_MAX_OUTPUT_TOKENS": "8000",
            "DISABLE_AUTOUPDATER": "1",
        }

    def reader(self) -> Reader:
        return _Reader()


class _Reader:
    def events(self, line: Mapping[str, Any]) -> Iterable[AgentEvent | Trouble]:
        kind = line.get("type")
        if kind == "assistant":
            for block in parts(line, "message", "content"):
                if block.get("type") == "text" and text(block, "text").strip():
                    yield Thought(text(block, "text").strip())
                elif block.get("type") == "tool_use":
                    tool = text(block, "name")
                    yield ToolCalled(text(block, "id"), TOOLS.get(tool, tool.lower()), _args(block))
        elif kind == "user":
            for block in parts(line, "message", "content"):
                if block.get("type") == "tool_result":
                    yield _returned(block)
        elif kind == "system" and line.get("subtype") == "api_retry":
            # It tries ten times, for minutes, also where trying again cannot help.
            status = number(line, "error_status")
            yield Trouble(f"status {status}, {text(line, 'error') or 'no reason given'}", over=400 <= status < 429)
        elif kind == "result":
            if line.get("subtype") == "success" and not line.get("is_error"):
                yield Finished(text(line, "result"))
            else:
                status = number(line, "api_error_status")
                yield Trouble(text(line, "result") or f"{text(line, 'subtype')} {status or ''}".strip())


def _args(block: Mapping[str, Any]) -> dict[str, str]:
    given = part(block, "input")
    return {mine: text(given, theirs) for theirs, mine in ARGUMENTS.items() if text(given, theirs)}


def _returned(block: Mapping[str, Any]) -> ToolReturned:
    output = text(block, "content") or "\n".join(text(each, "text") for each in parts(block, "content"))
    lines = [each for each in output.splitlines() if each.strip()]
    summary = one_line(lines[-1], 120) if lines else "done"
    return ToolReturned(text(block, "tool_use_id"), not block.get("is_error"), summary, output, 0)
