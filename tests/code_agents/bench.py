"""A repository with a bug in a sandbox, and an agent that is put to work on it through the broker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents.audit_facts import current_egress
from agents.code_agent import FOLDER, AgentEvent, CodeBudget, CodeTask, Material
from agents.sandbox import Sandbox
from app.code_agents.command_line import SECRET, AgentOptions
from app.code_agents.found import code_agent
from app.sandboxes.broker_usage import Tokens
from app.sandboxes.brokers import Brokers
from app.sandboxes.local import LocalSandboxes
from tools.kit.wire import open_client

KEY = "sk-canary-0a1b2c3d4e5f"
FILES = {
    "calc.py": b"def add(a, b):\n    return a - b\n",
    "test_calc.py": b"import unittest\n\nimport calc\n\n\nclass Test(unittest.TestCase):\n"
    b"    def test_add(self):\n        self.assertEqual(calc.add(2, 2), 4)\n",
}
FIX = f"cd {FOLDER} && sed -i 's/a - b/a + b/' calc.py && python3 -m unittest -q 2>&1 | tail -1"
COMMIT = "git init -q && git add -A && git -c user.name=a -c user.email=a@example.com commit -qm base"


async def dollar_a_million(model: str, tokens: Tokens) -> float:
    """A price that is easy to reckon with."""
    return (tokens.read + tokens.written) / 1e6


def task(**budget: Any) -> CodeTask:
    """The task that all agents are given here."""
    known = (Material("The error", "AssertionError: 0 != 4"),)
    return CodeTask("t1", "Mend the addition.", "acme/calc", "0" * 40, ("python3", "-m", "unittest"),
                    CodeBudget(**budget), known)  # fmt: skip


@dataclass
class Worked:
    """What came of it."""

    events: list[AgentEvent] = field(default_factory=list)
    egress: list[Mapping[str, Any]] = field(default_factory=list)
    file: str = ""
    found: str = ""


@asynccontextmanager
async def sandbox_for(name: str, options: AgentOptions, given: CodeTask, worked: Worked) -> AsyncIterator[Sandbox]:
    """The sandbox that the agent needs for a task, with the repository in it."""
    kept: Callable[..., None] = lambda **told: worked.egress.append(told)  # noqa: E731
    before = current_egress.set(kept)
    async with open_client() as client:
        provider = LocalSandboxes(gatekeeper=Brokers(client, {SECRET: KEY}.get, dollar_a_million))
        try:
            needs = code_agent(name, options).needs(given)
            sandbox = await provider.create(limits=needs.limits, network=needs.network, mounts=needs.mounts)
            for path, content in FILES.items():
                await sandbox.write(f"{FOLDER}/{path}", content)
            assert (await sandbox.run(["sh", "-c", COMMIT], folder=FOLDER)).succeeded
            yield sandbox
        finally:
            await provider.aclose()
            current_egress.reset(before)


async def put_to_work(name: str, options: AgentOptions, given: CodeTask) -> Worked:
    """All that an agent says and asks for, the file as it left it, and where the key was found inside."""
    worked = Worked()
    async with sandbox_for(name, options, given, worked) as sandbox:
        async for event in code_agent(name, options).work(given, sandbox):
            worked.events.append(event)
        worked.file = (await sandbox.read(f"{FOLDER}/calc.py")).decode()
        worked.found = await key_inside(sandbox)
    return worked


async def key_inside(sandbox: Sandbox, key: str = KEY) -> str:
    """Where the key is inside: in files, and in any process's variables, arguments and memory."""
    script = Path(__file__).with_name("key_search.py").read_text(encoding="utf-8")
    result = await sandbox.run(["python3", "-c", script], folder="/", given=key[::-1].encode())
    assert result.succeeded, result
    return result.out.decode()
