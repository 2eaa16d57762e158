"""A model that says what a script tells it to, on the agents' own protocol, and a small repository with a bug."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.code_agent import FOLDER
from agents.errors import ModelUnusable
from agents.model_turn import ModelTurn, WantedCall
from agents.record import Usage
from agents.sandbox import Sandbox

COST = Usage(tokens_in=1000, tokens_out=100, usd=0.01)
TEST = ("python3", "-m", "unittest", "-q")

BUGGY = 'def end_of(session):\n    return session["expires"]\n'
MENDED = BUGGY.replace(
    '    return session["expires"]', '    if session is None:\n        return None\n    return session["expires"]'
)
OLD_TEST = """import unittest

from session import end_of


class Ends(unittest.TestCase):
    def test_a_session_ends(self):
        self.assertEqual(end_of({"expires": 3}), 3)


if __name__ == "__main__":
    unittest.main()
"""
NEW_TEST = """import unittest

from session import end_of


class Gone(unittest.TestCase):
    def test_no_session_has_no_end(self):
        self.assertIsNone(end_of(None))
"""
FILES = {"session.py": BUGGY, "test_session.py": OLD_TEST, "README.md": "A service.\n"}

Use = tuple[str, Mapping[str, Any] | str]
# What a fix takes: look, reproduce, mend, test, say so.
MENDING: tuple[list[Use], ...] = (
    [("search", {"pattern": "def end_of"}), ("read", {"path": "session.py"})],
    [("write", {"path": "test_gone.py", "content": NEW_TEST}), ("test", {})],
    [
        (
            "edit",
            {"path": "session.py", "old": '    return session["expires"]', "new": MENDED.split("\n", 1)[1].rstrip()},
        )
    ],
    [("test", {})],
    [("finish", {"summary": "A session that is gone was read. It now has no end.", "green": True})],
)


@dataclass
class Scripted:
    """Says one turn after another; a list of calls, words, or a function of the messages so far."""

    turns: Sequence[list[Use] | str | ModelUnusable | Callable[[Sequence[Mapping[str, Any]]], list[Use]]]
    name: str = "scripted"
    asked: list[list[dict[str, Any]]] = field(default_factory=list)
    systems: list[str] = field(default_factory=list)

    async def turn(
        self,
        system: str,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]],
        *,
        workflow: str,
        most_tokens: int = 4000,
    ) -> ModelTurn:
        number = len(self.asked)
        self.asked.append([dict(message) for message in messages])
        self.systems.append(system)
        if number >= len(self.turns):
            raise ModelUnusable("The script has ended.")
        say = self.turns[number]
        if isinstance(say, ModelUnusable):
            raise say
        if isinstance(say, str):
            return ModelTurn(say, (), COST)
        uses = say if isinstance(say, list) else say(messages)
        calls = [
            WantedCall(f"c{number}_{n}", tool, given if isinstance(given, str) else json.dumps(given))
            for n, (tool, given) in enumerate(uses)
        ]
        return ModelTurn("", tuple(calls), COST)


async def laid_out(sandbox: Sandbox, files: Mapping[str, str] = FILES) -> None:
    """Puts a repository into a sandbox as the flow does it."""
    for path, text in files.items():
        await sandbox.write(f"{FOLDER}/{path}", text.encode())
    commands = "git init -q && git add -A && git -c user.name=t -c user.email=t@t commit -qm base"
    done = await sandbox.run(["bash", "-c", commands], folder=FOLDER)
    assert done.succeeded, done.err
