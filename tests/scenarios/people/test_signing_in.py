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
from time import time
from typing import Any

import httpx
import jwt
import pytest

from app.channels.sign_in import SignIn, hashed
from app.channels.sign_in_session import Sessions
from app.channels.sign_in_tries import BY_ADDRESS, BY_NAME, WINDOW, TooOften, Tries
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
    served.command("people", "password", "ann@acme.com", typed="another horse")
    places = [("GET", "/api/runs", None), ("GET", "/user", None), ("POST", "/project/threads", wanted)]
    told = [
        [one.request(how, path, json=body).status_code for how, path, body in places] for one in (founder, vic, ann)
    ]
    assert told == [[200] * 3, [401] * 3, [401] * 3], "a session ends with its password, and with whoever had it"
    again = served.browser("ann@acme.com", "another horse")
    assert again is not None
    again.close()
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


def test_who_guesses_is_told_to_wait(served: Served) -> None:
    served.command("people", "add", "Gus", "--email", "gus@acme.com", "--password", typed=VICS)
    with httpx.Client(base_url=served.url, headers={"Origin": served.url}, timeout=60) as browser:
        said = [
            browser.post("/login", data={"username": name, "password": f"guess {number}"})
            for number, name in enumerate(("gus@acme.com", " GUS@acme.com") * 6)
        ]
        right = browser.post("/login", data={"username": "gus@acme.com", "password": VICS})
        other = browser.post("/login", data={"username": "founder", "password": OWNERS})
    assert [one.status_code for one in said] == [401] * BY_NAME + [429] * 2
    assert (right.status_code, right.json()) == (429, {"detail": "tooOften"}), "whatever the password is"
    assert 0 < int(right.headers["retry-after"]) <= WINDOW
    assert other.status_code == 200


async def test_an_address_has_so_many_tries_and_those_that_were_right_do_not_count() -> None:
    now = 0.0
    nothing: Any = None
    tries = Tries(lambda: now)
    front = Desk(nothing, nothing, FrozenClock(), SignIn("founder", OWNERS, "s" * 48), (), tries=tries)
    for _ in range(BY_ADDRESS + 1):
        assert await front.signed_in("founder", OWNERS) is not None
    for number in range(BY_ADDRESS):
        assert await front.signed_in(f"name{number}", "x") is None
    with pytest.raises(TooOften) as told:
        await front.signed_in("founder", OWNERS)
    assert told.value.seconds == WINDOW
    now = WINDOW + 1
    assert await front.signed_in("founder", OWNERS) is not None


async def test_a_session_holds_for_its_password_alone(tmp_path: Path) -> None:
    async with office(tmp_path) as there:
        account = SignIn("founder", OWNERS, "s" * 48)
        sessions = Sessions(account, there.people)
        assert await sessions.claims("vic@acme.com") is None, "without a password nobody signs in"
        await there.people.set_password("vic@acme.com", "one", by="founder")

        async def begun(actor: str) -> str:
            claims = {"identifier": actor, "metadata": await sessions.claims(actor), "exp": time() + 60}
            return jwt.encode(claims, account.secret, algorithm="HS256")

        vics, owners = await begun("vic@acme.com"), await begun("founder")
        assert [await sessions.of(one) for one in (vics, owners, "", "x")] == ["vic@acme.com", "founder", None, None]
        stolen = {**jwt.decode(vics, options={"verify_signature": False}), "identifier": "root@acme.com"}
        assert await sessions.of(jwt.encode(stolen, account.secret, algorithm="HS256")) is None
        others = (SignIn("founder", "other", account.secret), SignIn("boss", OWNERS, account.secret))
        for changed in (*others, SignIn("founder", OWNERS, "t" * 48)):
            assert await Sessions(changed, there.people).of(owners) is None
        await there.people.set_password("vic@acme.com", "two", by="founder")
        assert await sessions.of(vics) is None
        anew = await begun("vic@acme.com")
        await there.people.set_password("vic@acme.com", None, by="founder")
        assert await sessions.of(anew) is None
        gone = await begun("founder")
        assert await Sessions(account, None).of(gone) == "founder"
        await there.people.set_password("vic@acme.com", "three", by="founder")
        merged = await begun("vic@acme.com")
        await there.people.merge("ann@acme.com", "vic@acme.com", by="founder")
        assert await sessions.of(merged) is None


async def test_a_thread_opens_for_those_who_may_see_it(tmp_path: Path) -> None:
    thread = str(uuid.uuid4())
    async with office(tmp_path) as there:
        await there.ask("ann", "What broke?", thread)
        history = History(there.deus.conversations)
        assert await history.opens(thread, "bob@acme.com")
        for who in ("vic@acme.com", "nobody@acme.com", ""):
            assert not await history.opens(thread, who)
        assert await history.thread(thread, "vic@acme.com") is None
