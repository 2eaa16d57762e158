"""Files in the demo company's Slack: an address to send one to, the message that shares it, and the file itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from app.demo.vendors.slack_messages import Messages, Unposted

LARGEST = 5_000_000  # bytes
ADDRESS = "address"  # the one by which the vendor was asked, of which the files' are made


@dataclass
class File:
    """A file that was announced; `content` is None until it was sent."""

    id: str
    name: str
    length: int
    alt: str
    content: bytes | None = None
    shared: Mapping[str, Any] | None = None


class Files:
    """The three steps of an upload, as files_upload_v2 takes them."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self._files: dict[str, File] = {}

    def methods(self) -> Mapping[str, Any]:
        """By name, as the Web API has them. They raise Unposted with Slack's error."""
        return {
            "files.getUploadURLExternal": self.announce,
            "files.completeUploadExternal": self.complete,
            "files.delete": self.delete,
        }

    def pages(self) -> Sequence[BaseRoute]:
        """Where a file is sent to, and where it is seen."""
        return [
            Route("/upload/v1/{file}", self.receive, methods=["POST"]),
            Route("/files/{file}/{name}", self.show),
        ]

    def announce(self, sent: Mapping[str, Any]) -> Mapping[str, Any]:
        name, length = str(sent.get("filename") or ""), str(sent.get("length") or "")
        if not name or not length.isdigit() or not 0 < int(length) <= LARGEST:
            raise Unposted("invalid_arguments")
        ident = f"F0DEMO{len(self._files) + 1:04d}"
        self._files[ident] = File(ident, name, int(length), str(sent.get("alt_txt") or ""))
        return {"upload_url": f"{sent[ADDRESS]}upload/v1/{ident}", "file_id": ident}

    async def receive(self, request: Request) -> Response:
        """The file's bytes, as long as they were said to be."""
        file = self._files.get(request.path_params["file"])
        if file is None:
            return PlainTextResponse("There is no such file.", 404)
        content = await request.body()
        if len(content) != file.length:
            return PlainTextResponse("The file is not as long as it was said to be.", 400)
        file.content = content
        return PlainTextResponse(f"OK - {len(content)}")

    def complete(self, sent: Mapping[str, Any]) -> Mapping[str, Any]:
        given = sent.get("files") or ()
        try:
            wanted = json.loads(given) if isinstance(given, str) else given
            files = [(self._files[str(one["id"])], str(one.get("title") or "")) for one in wanted]
        except (ValueError, TypeError, KeyError):
            raise Unposted("file_not_found") from None
        if not files or any(file.content is None for file, _ in files):
            raise Unposted("file_not_found")
        channel = str(sent.get("channel_id") or "")
        if channel not in self._messages.by_channel:
            raise Unposted("channel_not_found")
        shown = tuple(self._shown(file, title, str(sent[ADDRESS])) for file, title in files)
        told = {"text": str(sent.get("initial_comment") or ""), "thread_ts": sent.get("thread_ts")}
        self._messages.post(channel, told, shown)
        return {"files": [{"id": file.id, "title": title} for file, title in files]}

    def delete(self, sent: Mapping[str, Any]) -> Mapping[str, Any]:
        """The file is gone, and so is the message that held it alone."""
        ident = str(sent.get("file") or "")
        if self._files.pop(ident, None) is None:
            raise Unposted("file_not_found")
        for said in self._messages.by_channel.values():
            said[:] = [one for one in said if not any(file["id"] == ident for file in one.files)]
        return {}

    def show(self, request: Request) -> Response:
        file = self._files.get(request.path_params["file"])
        if file is None or file.content is None:
            return PlainTextResponse("There is no such file.", 404)
        kind = "image/png" if file.content.startswith(b"\x89PNG") else "application/octet-stream"
        return Response(file.content, media_type=kind, headers={"X-Content-Type-Options": "nosniff"})

    def _shown(self, file: File, title: str, address: str) -> dict[str, Any]:
        url = f"{address}files/{file.id}/{file.name}"
        return {
            "id": file.id, "name": file.name, "title": title or file.name, "mimetype": "image/png", "filetype": "png",
            "size": file.length, "alt_txt": file.alt, "url_private": url, "mode": "hosted",
        }  # fmt: skip
