"""Files that come with a message of the web chat: held to a size before they are read, kept under the sender's name."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from agents.errors import UserMustMend
from agents.files import FileDoor
from app.channels.web_uploads import FORM, Capped, allow, brought
from app.stores.files import StoredFiles
from app.stores.migrations import migrate
from app.stores.sqlite import SQLite
from tests.scenarios.engine.script import StillClock

MOST = 1000


@dataclass
class Reader:
    """An application that reads what it is sent, as far as it comes."""

    took: int = 0
    cut: bool = False
    paths: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.paths.append(scope["path"])
        more = True
        while more:
            message = await receive()
            self.cut = message["type"] == "http.disconnect"
            self.took += len(message.get("body", b""))
            more = message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def sent(app: Any, path: str, content: Any) -> int:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        return (await client.post(path, content=content)).status_code


async def pieces(count: int) -> Any:
    for _ in range(count):
        yield b"x" * 10_000


async def test_an_upload_is_held_to_its_size_before_it_is_read() -> None:
    reader = Reader()
    app = Capped(reader, MOST)
    assert await sent(app, "/project/file", b"x" * (MOST + FORM + 1)) == 413
    assert reader.paths == []
    assert await sent(app, "/project/file", b"x" * MOST) == 200
    assert reader.took == MOST
    assert await sent(app, "/elsewhere", b"x" * (MOST + FORM + 1)) == 200


async def test_one_that_does_not_say_its_length_is_cut_off() -> None:
    reader = Reader()
    await sent(Capped(reader, MOST), "/project/file", pieces(50))
    assert reader.cut
    assert reader.took <= MOST + FORM


async def breaks(scope: Scope, receive: Receive, send: Send) -> None:
    """As Chainlit does at a file of no bytes: an answer, then the error itself."""
    await send({"type": "http.response.start", "status": 500, "headers": []})
    await send({"type": "http.response.body", "body": b"Internal Server Error"})
    raise ValueError("Either path or content must be provided to persist a file")


async def test_an_empty_file_is_refused_in_words() -> None:
    app = Capped(breaks, MOST)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        answered = await client.post("/project/file", content=b"")
    assert answered.status_code == 422
    assert answered.json()["detail"] == "The file could not be taken. Look whether it is empty."


async def test_the_files_of_a_message_are_kept_with_their_names(tmp_path: Path) -> None:
    database = SQLite(tmp_path / "deus.db")
    await migrate(database)
    door = FileDoor(StoredFiles(database, StillClock(), most_mib=1))
    given, large = tmp_path / "f1", tmp_path / "f2"
    given.write_bytes(b"a,b\n1,2\n")
    large.write_bytes(bytes(2 * 1024 * 1024))
    upload, drawn = SimpleNamespace(path=str(given), name="../sales.csv"), SimpleNamespace(path=None, name="Plan")
    (kept,) = await brought(door, [upload, drawn], "ada")
    assert (kept.name, kept.size, kept.media) == ("sales.csv", 8, "text/csv")
    assert (await door.see(kept.id, "ada"))[1] == b"a,b\n1,2\n"
    with pytest.raises(UserMustMend, match="may have 1 MB"):
        await brought(door, [SimpleNamespace(path=str(large), name="large.csv")], "ada")
    with pytest.raises(UserMustMend, match="not taken here"):
        await brought(None, [upload], "ada")
    assert await brought(None, [drawn], "ada") == ()
    await database.close()


def test_the_chat_takes_what_the_product_takes() -> None:
    features = SimpleNamespace(spontaneous_file_upload=SimpleNamespace(enabled=True, max_size_mb=500))
    allow(features, SimpleNamespace(largest=3 * 1024 * 1024))  # type: ignore[arg-type]
    assert vars(features.spontaneous_file_upload) == {"enabled": True, "max_size_mb": 3}
    allow(features, None)
    assert features.spontaneous_file_upload.enabled is False
