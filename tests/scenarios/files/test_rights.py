"""Who may bring a file, ask about it and fetch it: the conversation's people, and nobody else."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from agents.admission import Admission
from agents.conversation import Conversations
from agents.errors import Forbidden, UserMustMend
from agents.files import FileDoor
from agents.identity import Identity
from agents.ports import Turn
from agents.record import Attachment
from app.stores.files import StoredFiles
from app.stores.sqlite import SQLite
from app.stores.traces import StoredTraces
from tests.scenarios.engine.script import NOW, StillClock
from tests.scenarios.people.office import CLOSED, Office, office


@contextlib.asynccontextmanager
async def filing(folder: Path) -> AsyncIterator[tuple[Office, Conversations, FileDoor]]:
    """An office in which files are taken."""
    async with office(folder) as opened:
        database = SQLite(folder / "deus.db")
        opened.stack.push_async_callback(database.close)
        admission = Admission(opened.people, StoredTraces(database), CLOSED)
        door = FileDoor(StoredFiles(database, StillClock(), most_mib=1), admission)

        async def stop(run: str) -> None: ...

        talks = Conversations(opened.deus.runs, stop, admission, door)
        opened.server.state.product = replace(opened.server.state.product, conversations=talks, files=door)
        yield opened, talks, door


async def brought(browser: httpx.AsyncClient, name: str, content: bytes) -> Any:
    answered = await browser.post("/api/files", files={"file": (name, content)})
    assert answered.status_code == 201, answered.text
    return answered.json()


async def test_a_file_belongs_to_its_conversation(tmp_path: Path) -> None:
    async with filing(tmp_path) as (desk, _, _):
        val, vic, bob, ann = [await desk.browser(f"{name}@acme.com") for name in ("val", "vic", "bob", "ann")]
        file = await brought(val, "../sales.csv", b"a,b\n1,2\n")
        before = [(await one.get(f"/api/files/{file['id']}")).status_code for one in (val, vic, bob, ann)]
        asked = await val.post("/api/runs", json={"question": "what is in it?", "files": [file["id"]], "wait": False})
        run = asked.json()
        theirs = await vic.post("/api/runs", json={"question": "what is in it?", "files": [file["id"]]})
        here = await ann.post(
            "/api/runs",
            json={"question": "and now?", "files": [file["id"]], "conversation": run["conversation"], "wait": False},
        )
        elsewhere = await ann.post("/api/runs", json={"question": "and now?", "files": [file["id"]], "wait": False})
        after = [(await one.get(f"/api/files/{file['id']}")).status_code for one in (val, vic, bob, ann)]
        begun = (await desk.deus.conversations.events(run["run"]))[0]
    assert (file["name"], file["size"], file["type"]) == ("sales.csv", 8, "text/csv")
    assert before == [200, 404, 404, 404]
    assert asked.status_code == 202
    # A viewer sees only what is theirs; agents read all conversations.
    assert after == [200, 404, 200, 200]
    assert (theirs.status_code, here.status_code, elsewhere.status_code) == (404, 202, 404)
    assert begun.data["files"] == [{"id": file["id"], "name": "sales.csv", "size": 8, "media": "text/csv"}]


async def test_it_is_served_as_bytes_to_save_and_never_as_a_page(tmp_path: Path) -> None:
    async with filing(tmp_path) as (desk, _, _):
        val = await desk.browser("val@acme.com")
        served = {}
        for name in ("page.html", "drawing.svg", "sales.csv", "Größe “x”.png"):
            content = b"\x89PNG\r\n\x1a\n" if name.endswith("png") else b"<svg onload=alert(1)></svg>"
            file = await brought(val, name, content)
            served[name] = await val.get(f"/api/files/{file['id']}")
    for answered in served.values():
        assert answered.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
        assert answered.headers["x-content-type-options"] == "nosniff"
        assert answered.headers["content-security-policy"] == "default-src 'none'; sandbox"
    kinds = [answered.headers["content-type"].split(";")[0] for answered in served.values()]
    assert kinds == ["application/octet-stream", "application/octet-stream", "text/csv", "image/png"]


async def test_what_is_too_large_no_form_or_anybodys_is_refused(tmp_path: Path) -> None:
    async with filing(tmp_path) as (desk, talks, door):
        val = await desk.browser("val@acme.com")
        large = await val.post("/api/files", files={"file": ("a.csv", bytes(3 * 1024 * 1024))})
        plain = await val.post("/api/files", content=b"a,b")
        nothing = await val.post("/api/files", files={"other": ("a.csv", b"a")})
        nobody = httpx.AsyncClient(transport=httpx.ASGITransport(desk.server), base_url="http://127.0.0.1")
        async with nobody:
            signed_out = await nobody.post("/api/files", files={"file": ("a.csv", b"a")})
        named = await desk.program.post("/api/files", files={"file": ("a.csv", b"a")}, data={"actor": "ann@acme.com"})
        many = [Attachment(id=f"file_{n}") for n in range(11)]
        turn = Turn("?", "val@acme.com", "web", "c9", NOW, files=tuple(many))
        visitor = await desk.people.recognise(Identity(service="widget", ident="v1"), role="visitor")
        theirs = replace(turn, actor=visitor.id, files=(Attachment(id=named.json()["id"]),))
        with pytest.raises(UserMustMend, match="At most 10 files"):
            await talks.say(turn)
        with pytest.raises(Forbidden, match="Visitors cannot upload files"):
            await door.bring(b"x", name="a.csv", actor=visitor.id)
        with pytest.raises(Forbidden, match="Visitors cannot upload files"):
            await talks.say(theirs)
    assert [one.status_code for one in (large, plain, nothing, signed_out, named)] == [413, 415, 422, 401, 201]
