"""A model on loopback that speaks OpenAI's chat protocol and says what a script tells it to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.planted import WITNESS


@dataclass(frozen=True)
class Say:
    """One answer: its words in pieces, or function calls, or a failure: a status, or silence for ever.

    `uses` are calls of tools by their names, with their arguments, or what stands in place of the arguments' JSON.
    """

    pieces: Sequence[str] = ()
    calls: Sequence[dict[str, Any]] = ()
    uses: Sequence[tuple[str, dict[str, Any] | str]] = ()
    status: int = 200
    silent: bool = False
    endless: str = ""


@dataclass
class ScriptedModel:
    """Answers calls in the order of its script; `asked` holds the requests' bodies."""

    script: list[Say]
    asked: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: Request) -> Response:
        WITNESS.look("a prompt", await request.body())
        self.asked.append(await request.json())
        say = self.next()
        if say.silent:
            await asyncio.Event().wait()
        if say.status != 200:
            return JSONResponse({"error": {"message": "scripted", "type": "server_error"}}, say.status)
        return StreamingResponse(self._stream(say), media_type="text/event-stream")

    def next(self) -> Say:
        """What it says to the request that came last."""
        return self.script.pop(0) if self.script else Say(status=500)

    async def _stream(self, say: Say) -> AsyncIterator[str]:
        for piece in say.pieces:
            yield _chunk({"content": piece})
        while say.endless:
            yield _chunk({"content": say.endless})
            await asyncio.sleep(0)
        for index, (name, given) in enumerate([*(("plan_step", call) for call in say.calls), *say.uses]):
            text = given if isinstance(given, str) else json.dumps(given)
            head = {"id": f"call_{index}", "type": "function", "function": {"name": name, "arguments": ""}}
            yield _chunk({"tool_calls": [{"index": index, **head}]})
            for start in range(0, len(text), 17):
                yield _chunk({"tool_calls": [{"index": index, "function": {"arguments": text[start : start + 17]}}]})
        yield _chunk({}, finish="stop")
        usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
        yield f"data: {json.dumps({**_FRAME, 'choices': [], 'usage': usage})}\n\n"
        yield "data: [DONE]\n\n"


_FRAME = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "scripted"}


def _chunk(delta: dict[str, Any], finish: str | None = None) -> str:
    choice = {"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": finish}
    return f"data: {json.dumps({**_FRAME, 'choices': [choice]})}\n\n"


@contextlib.asynccontextmanager
async def serving(script: list[Say] | ScriptedModel) -> AsyncIterator[ScriptedModel]:
    """The scripted model on a free port while the block runs."""
    model = script if isinstance(script, ScriptedModel) else ScriptedModel(script)
    routes = [Route("/v1/chat/completions", model.answer, methods=["POST"])]
    config = uvicorn.Config(
        Starlette(routes=routes), log_level="critical", lifespan="off", ws="none", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        model.url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        task = asyncio.create_task(server.serve([listener]))
        try:
            while not server.started:  # noqa: ASYNC110 (uvicorn tells by a flag alone)
                await asyncio.sleep(0.01)
            yield model
        finally:
            server.should_exit = True
            server.force_exit = True
            await task
