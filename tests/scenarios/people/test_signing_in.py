"""Several people sign in to the web chat of a real server, and each sees in it what is theirs to see."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.channels.sign_in import SignIn, hashed
from app.channels.web_mount import Desk
from app.channels.web_threads import History
from tests.channels.fake_conversations import FrozenClock
from tests.scenarios.people.office import office
from tests.scenarios.writes.office import until

ROOT = Path(__file__).parents[3]
RUN = "from app.cli import main; main()"
OWNERS, VICS = "the-server-password", "correct horse battery"


@dataclass
class Served:
    """A Deus in a process of its own, and its command line."""

    url: str
    environment: Mapping[str, str]

    def command(self, *words: str, typed: str = "") -> str:
        made = subprocess.run(
            [sys.executable, "-c", RUN, *words],
            cwd=ROOT,
            env=dict(self.environment),
            input=typed,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert made.returncode == 0, made.stderr
        return made.stdout

    def browser(self, login: str, password: str) -> httpx.Client | None:
        """A browser that has signed in; None if it could not."""
        client = httpx.Client(base_url=self.url, headers={"Origin": self.url}, timeout=60)
        answered = client.post("/login", data={"username": login, "password": password})
        if answered.status_code != 200:
            client.close()
            return None
        return client


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    (folder / "deus.toml").touch()
    given = {name: value for name, value in os.environ.items() if not name.startswith("DEUS_")}
    given |= {
        "DEUS_CONFIG": str(folder / "deus.toml"),
        "DEUS_DATA_DIR": str(folder / "data"),
        "DEUS_PORT": str(port),
        "DEUS_PASSWORD": OWNERS,
        "DEUS_MEMORY": "false",
        "DEUS_API_TOKEN": "t" * 40,
    }
    opened = Served(f"http://127.0.0.1:{port}", given)
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-c", RUN, "up"], cwd=ROOT, env=given, stdout=log, stderr=subprocess.STDOUT
        )

    def there() -> bool:
        assert server.poll() is None, (folder / "log").read_text()[-3000:]
        try:
            return 'id="root"' in httpx.get(opened.url, headers={"Accept": "text/html"}, timeout=5).text
        except httpx.HTTPError:
            return False

    try:
        until(there, 120)
        yield opened
    finally:
        server.terminate()
        server.wait(30)


def test_people_sign_in_with_passwords_of_their_own_and_see_what_is_theirs(served: Served) -> None:
    served.command("people", "add", "Vic", "--email", "vic@acme.com", "--role", "viewer", "--password", typed=VICS)
    served.command("people", "add", "Ann", "--email", "ann@acme.com", "--password", typed=VICS)
    assert served.browser("vic@acme.com", OWNERS) is None
    assert served.browser("nobody@acme.com", VICS) is None
    founder, vic = served.browser("founder", OWNERS), served.browser("Vic@acme.com", VICS)
    ann = served.browser("ann@acme.com", VICS)
    assert founder is not None
    assert vic is not None
    assert ann is not None
    thread = str(uuid.uuid4())
    asked = founder.post("/api/runs", json={"question": "What is new?", "conversation": thread})
    assert asked.status_code == 200, asked.text
    run = asked.json()["run"]
    threads = [one.get(f"/project/thread/{thread}") for one in (founder, ann, vic)]
    assert [one.status_code for one in threads] == [200, 200, 404]
    assert threads[1].json()["userIdentifier"] == "ann@acme.com", "Chainlit shows a thread to whom it names"
    renamed = [
        one.put("/project/thread", json={"threadId": thread, "name": "Mine"}).status_code for one in (vic, ann, founder)
    ]
    assert renamed == [404, 403, 200]
    assert vic.request("DELETE", "/project/thread", json={"threadId": thread}).status_code == 404
    assert ann.request("DELETE", "/project/thread", json={"threadId": thread}).status_code == 403
    wanted: dict[str, Any] = {"pagination": {"first": 20}, "filter": {}}
    listed = [one.post("/project/threads", json=wanted).json()["data"] for one in (founder, vic)]
    assert [one["id"] for one in listed[0]] == [thread]
    assert listed[1] == []
    links = [one.get(f"/runs/{run}", follow_redirects=False).status_code for one in (founder, vic)]
    assert links == [303, 404]
    served.command("people", "remove", "vic@acme.com")
    assert vic.get("/api/runs").status_code == 403
    for one in (founder, vic, ann):
        one.close()


async def test_the_owner_and_people_with_passwords_sign_in_and_nobody_else(tmp_path: Path) -> None:
    async with office(tmp_path) as there:
        await there.people.set_password("vic@acme.com", hashed(VICS), by="founder")
        nothing: Any = None
        front = Desk(nothing, nothing, FrozenClock(), SignIn("founder", OWNERS, "s" * 48), (), there.people)
        assert await front.signed_in(" Founder ", OWNERS) == ("founder", "founder")
        assert await front.signed_in("Vic@acme.com", VICS) == ("vic@acme.com", "Vic")
        for login, password in (
            ("founder", VICS),
            ("vic@acme.com", OWNERS),
            ("vic@acme.com", ""),
            ("ann@acme.com", VICS),
            ("api", "x"),
            ("", ""),
        ):
            assert await front.signed_in(login, password) is None, login
        await there.people.set_password("vic@acme.com", None, by="founder")
        assert await front.signed_in("vic@acme.com", VICS) is None


async def test_a_thread_opens_for_those_who_may_see_it(tmp_path: Path) -> None:
    thread = str(uuid.uuid4())
    async with office(tmp_path) as there:
        await there.ask("ann", "What broke?", thread)
        history = History(there.deus.conversations)
        assert await history.opens(thread, "bob@acme.com")
        for who in ("vic@acme.com", "nobody@acme.com", ""):
            assert not await history.opens(thread, who)
        assert await history.thread(thread, "vic@acme.com") is None
