"""A repository served by git's smart HTTP protocol, as a code host does: `git http-backend` behind an ASGI route."""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

SERVICES = ("git-upload-pack", "git-receive-pack")
LARGEST = 64 * 1024 * 1024
SECONDS = 60.0
# Branches that people merge into are changed by pull requests alone, as at a host that protects them.
SETTINGS = {
    "http.receivepack": "true",
    "receive.unpackLimit": "1000000",
    "receive.autogc": "false",
    "receive.denyNonFastForwards": "true",
    "receive.hideRefs": "refs/heads/main",
    "uploadpack.allowAnySHA1InWant": "false",
    "core.hooksPath": os.devnull,
    "safe.directory": "*",
}


class GitHost:
    """Answers git's requests about one bare repository. `folder` gives it, made when it is first asked for.

    `token` is the password that is let in, whatever the name; `pushed` is called when branches may have moved.
    """

    def __init__(self, folder: Callable[[], Awaitable[Path]], token: str, pushed: Callable[[], None]) -> None:
        self._folder = folder
        self._token = token
        self._pushed = pushed

    async def answer(self, request: Request) -> Response:
        """One request; its path ends in info/refs or in the service's name."""
        rest = request.path_params["rest"]
        service = request.query_params.get("service", "") if rest == "info/refs" else rest
        if service not in SERVICES or (request.method == "GET") != (rest == "info/refs"):
            return Response("Not Found", 404)
        if self._given(request) != self._token:
            refusal = {"WWW-Authenticate": 'Basic realm="GitHub"'}
            return Response("Invalid username or token.", 401, refusal)
        body = await request.body()
        if len(body) > LARGEST:
            return Response("Too large", 413)
        answered = await self._asked(request, rest, body)
        if rest == "git-receive-pack":
            self._pushed()
        return answered

    def _given(self, request: Request) -> str | None:
        """The password of a request."""
        kind, _, told = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "basic":
            return None
        try:
            return base64.b64decode(told, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return None

    async def _asked(self, request: Request, rest: str, body: bytes) -> Response:
        program = shutil.which("git")
        if program is None:
            return Response("This demo has no git.", 503)
        folder = await self._folder()
        told = {
            "PATH": os.pathsep.join((str(Path(program).parent), os.defpath)),
            "GIT_PROJECT_ROOT": str(folder.parent), "PATH_INFO": f"/{folder.name}/{rest}", "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": "demo", "REMOTE_ADDR": "127.0.0.1", "REQUEST_METHOD": request.method,
            "QUERY_STRING": request.url.query, "CONTENT_TYPE": request.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(body)), "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
            "GIT_PROTOCOL": request.headers.get("git-protocol", ""), "LC_ALL": "C", "HOME": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_COUNT": str(len(SETTINGS)),
        }  # fmt: skip
        for number, (name, value) in enumerate(SETTINGS.items()):
            told[f"GIT_CONFIG_KEY_{number}"], told[f"GIT_CONFIG_VALUE_{number}"] = name, value
        # Under uvloop it is an error to write to a program that has ended, even nothing.
        feeding = asyncio.subprocess.PIPE if body else asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(
            program, "http-backend", env=told, cwd=folder, stdin=feeding,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            async with asyncio.timeout(SECONDS):
                out, _ = await process.communicate(body or None)
        finally:
            if process.returncode is None:
                process.kill()
                await asyncio.shield(process.wait())
        return _answer(out)


def _answer(out: bytes) -> Response:
    """What a CGI program wrote, as a response."""
    head, found, body = out.partition(b"\r\n\r\n")
    if not found:
        return Response("git did not answer", 500)
    pairs = (line.partition(":") for line in head.decode("latin-1").split("\r\n"))
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    status = int(headers.pop("status", "200").split()[0])
    return Response(body, status, headers)
