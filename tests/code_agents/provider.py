"""Model providers on loopback that say what a script says: Anthropic's messages, OpenAI's responses and completions.

Which turn of the script is next is told by how many answers of tools a request carries; so what a command line asks
besides (titles, token counts) does not disturb it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Says:
    """A turn of the model: what it says, and the command that it wants run, if any."""

    text: str
    command: str | None = None


@dataclass
class Provider:
    """What is said, and every request that came: path, headers, parsed body."""

    script: Sequence[Says]
    url: str = ""
    requests: list[tuple[str, Mapping[str, str], Any]] = field(default_factory=list)
    tokens: tuple[int, int] = (1000, 50)

    def turn(self, answered: int) -> Says:
        return self.script[min(answered, len(self.script) - 1)]


@contextmanager
def serving(script: Sequence[Says]) -> Iterator[Provider]:
    """A provider that listens until the block ends."""
    provider = Provider(script)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
            provider.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            path = self.path.partition("?")[0]
            if path.endswith("/messages"):
                self._stream(_anthropic(provider, body), named=True)
            elif path.endswith("/responses"):
                self._stream(_responses(provider, body), named=True)
            elif path.endswith("/chat/completions"):
                self._stream([*_completions(provider, body), "[DONE]"], named=False)
            else:
                self._whole({"input_tokens": provider.tokens[0]})

        def do_GET(self) -> None:
            provider.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, None))
            self._whole({"data": []})

        do_HEAD = do_GET

        def _whole(self, data: Any) -> None:
            said = json.dumps(data).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(said)

        def _stream(self, events: Sequence[Any], *, named: bool) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("connection", "close")
            self.end_headers()
            for event in events:
                data = event if isinstance(event, str) else json.dumps(event)
                name = f"event: {event['type']}\n" if named else ""
                self.wfile.write(f"{name}data: {data}\n\n".encode())
            self.close_connection = True

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    provider.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _anthropic(provider: Provider, body: Any) -> list[Any]:
    blocks = [
        block for message in body["messages"] if isinstance(message["content"], list) for block in message["content"]
    ]
    said = provider.turn(sum(block.get("type") == "tool_result" for block in blocks))
    offered = bool(body.get("tools"))
    read, written = provider.tokens
    begun = {"input_tokens": read, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": body["model"], "content": [],
               "stop_reason": None, "stop_sequence": None, "usage": begun}  # fmt: skip
    parts: list[tuple[Any, Any]] = [
        ({"type": "text", "text": ""}, {"type": "text_delta", "text": said.text}),
    ]
    if said.command is not None and offered:
        asked = json.dumps({"command": said.command, "description": "a step of the script"})
        call = {"type": "tool_use", "id": f"toolu_{len(blocks)}", "name": "Bash", "input": {}}
        parts.append((call, {"type": "input_json_delta", "partial_json": asked}))
    events: list[Any] = [{"type": "message_start", "message": message}]
    for index, (block, delta) in enumerate(parts):
        events += [
            {"type": "content_block_start", "index": index, "content_block": block},
            {"type": "content_block_delta", "index": index, "delta": delta},
            {"type": "content_block_stop", "index": index},
        ]
    reason = "tool_use" if len(parts) > 1 else "end_turn"
    end = {
        "type": "message_delta",
        "delta": {"stop_reason": reason, "stop_sequence": None},
        "usage": {"output_tokens": written},
    }
    return [*events, end, {"type": "message_stop"}]


def _responses(provider: Provider, body: Any) -> list[Any]:
    items = body["input"] if isinstance(body["input"], list) else []
    outputs = [item for item in items if str(item.get("type", "")).endswith("call_output")]
    said = provider.turn(len(outputs))
    read, written = provider.tokens
    output: list[Any] = [
        {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
         "content": [{"type": "output_text", "text": said.text, "annotations": []}]}
    ]  # fmt: skip
    tool = _shell(body.get("tools") or [])
    if said.command is not None and tool is not None:
        name, asked = tool[0], tool[1](said.command)
        output.append({"id": f"fc_{len(outputs)}", "type": "function_call", "status": "completed", "name": name,
                       "call_id": f"call_{len(outputs)}", "arguments": json.dumps(asked)})  # fmt: skip
    usage = {"input_tokens": read, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": written,
             "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": read + written}  # fmt: skip
    response = {"id": "resp_1", "object": "response", "status": "in_progress", "model": body["model"], "output": []}
    events: list[Any] = [{"type": "response.created", "response": response}]
    for index, item in enumerate(output):
        events.append({"type": "response.output_item.added", "output_index": index, "item": item})
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    done = {**response, "status": "completed", "output": output, "usage": usage}
    return [*events, {"type": "response.completed", "response": done}]


def _shell(tools: Sequence[Any]) -> Any:
    """The tool that runs a command, by what is offered, and how it is asked."""
    known = {
        "exec_command": lambda command: {"cmd": command},
        "shell_command": lambda command: {"command": command},
        "shell": lambda command: {"command": ["bash", "-c", command]},
        "bash": lambda command: {"command": command, "description": "a step of the script"},
    }
    names = [tool.get("name") or (tool.get("function") or {}).get("name") for tool in tools]
    return next(((name, known[name]) for name in names if name in known), None)


def _completions(provider: Provider, body: Any) -> list[Any]:
    said = provider.turn(sum(message["role"] == "tool" for message in body["messages"]))
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
    delta: dict[str, Any] = {"role": "assistant", "content": said.text}
    tool = _shell(body.get("tools") or [])
    reason = "stop"
    if said.command is not None and tool is not None:
        reason = "tool_calls"
        function = {"name": tool[0], "arguments": json.dumps(tool[1](said.command))}
        number = len(body["messages"])
        delta["tool_calls"] = [{"index": 0, "id": f"call_{number}", "type": "function", "function": function}]
    read, written = provider.tokens
    usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    return [
        {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]},
        {**base, "choices": [], "usage": usage},
    ]
