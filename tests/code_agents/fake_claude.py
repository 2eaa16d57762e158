#!/usr/bin/python3
"""Stands in for Claude Code: it asks the model that its variables name, runs what it is told, and tells of it as that
does. For tests; it runs inside a sandbox under the system's Python."""

import json
import os
import subprocess
import sys
import urllib.request
from typing import Any

TOOL = {"name": "Bash", "input_schema": {"type": "object", "properties": {"command": {"type": "string"}}}}


def tell(**line: object) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def ask(messages: list[Any]) -> list[Any]:
    """The blocks of the model's next turn, put together from its stream."""
    body = {"model": sys.argv[sys.argv.index("--model") + 1], "max_tokens": 1000, "stream": True, "tools": [TOOL]}
    request = urllib.request.Request(
        os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages?beta=true",
        json.dumps({**body, "messages": messages}).encode(),
        {"x-api-key": os.environ["ANTHROPIC_API_KEY"], "content-type": "application/json"},
    )
    blocks: list[Any] = []
    with urllib.request.urlopen(request) as answer:
        for line in answer:
            if not line.startswith(b"data:"):
                continue
            event = json.loads(line[5:])
            if event["type"] == "content_block_start":
                blocks.append({**event["content_block"], "json": ""})
            elif event["type"] == "content_block_delta":
                delta = event["delta"]
                blocks[-1]["json"] += delta.get("partial_json", "")
                if "text" in delta:
                    blocks[-1]["text"] += delta["text"]
    for block in blocks:
        asked = block.pop("json")
        if block["type"] == "tool_use":
            block["input"] = json.loads(asked)
    return blocks


def main() -> None:
    messages: list[Any] = [{"role": "user", "content": sys.stdin.read()}]
    tell(type="system", subtype="init", cwd=os.getcwd(), tools=["Bash"])
    while True:
        try:
            blocks = ask(messages)
        except OSError as error:
            tell(type="result", subtype="success", is_error=True, api_error_status=403, result=f"API Error: {error}")
            sys.exit(1)
        messages.append({"role": "assistant", "content": blocks})
        for block in blocks:
            tell(type="assistant", message={"role": "assistant", "content": [block]})
        calls = [block for block in blocks if block["type"] == "tool_use"]
        if not calls:
            tell(type="result", subtype="success", is_error=False, result=blocks[-1]["text"], total_cost_usd=0)
            return
        results = []
        for call in calls:
            run = subprocess.run(["bash", "-c", call["input"]["command"]], capture_output=True, text=True)
            output = run.stdout + run.stderr
            result = {
                "type": "tool_result",
                "tool_use_id": call["id"],
                "content": output,
                "is_error": run.returncode != 0,
            }
            results.append(result)
            tell(type="user", message={"role": "user", "content": [result]})
        messages.append({"role": "user", "content": results})


main()
