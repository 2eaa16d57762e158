"""`deus ask --world FILE --json`: one document, as the issue describes it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


def test_the_command_prints_the_document(acme: Path) -> None:
    question = "What's blocking the auth milestone?"
    command = [str(Path(sys.executable).parent / "deus"), "ask", "--world", str(acme), "--json", question]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("DEUS_")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=plain)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert {"run", "status", "answer", "claims", "evidence", "finding", "plan", "usage"} <= set(document)
    assert document["status"] == "answered"
    assert all(set(claim) >= {"text", "kind", "evidence"} for claim in document["claims"])
    assert {claim["kind"] for claim in document["claims"]} <= {"fact", "computed", "hypothesis"}
    cited = {e for claim in document["claims"] for e in claim["evidence"]}
    assert {item["id"] for item in document["evidence"]} == cited
    assert all(set(item) == {"id", "service", "verb", "ref", "url", "at", "sha256"} for item in document["evidence"])
    assert all(len(item["sha256"]) == 64 for item in document["evidence"])
    assert all(set(step) == {"id", "verb", "args", "needs", "state", "ms"} for step in document["plan"])
    assert set(document["usage"]) == {"model_calls", "tokens_in", "tokens_out", "usd", "tool_calls", "ms"}
    assert document["usage"]["model_calls"] == 0
