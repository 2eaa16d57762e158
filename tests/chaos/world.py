"""A small service on loopback, outside all databases, that remembers every write; and the connector that reads it.

It answers late, twice, never, or with a 500 after it has done what was asked; it does what it was asked long after its
caller has gone, or not at all: each at random (seeded).
"""

from __future__ import annotations

import contextlib
import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from tools.kit.action import Action, Change, Landed, Target
from tools.kit.connector import Connector, ServiceSettings, serves
from tools.kit.wire import WireOptions
from tools.nouns import Issue, Noun
from tools.verbs import IssuesSearch
from tools.writes import IssuesComment, IssuesCreate, MessagesSend

AT = datetime(2026, 11, 18, 15, tzinfo=UTC)
# How many seconds a caller waits for an answer, and how long a silent service keeps it waiting.
TIMEOUT, SILENCE = 0.6, 0.9
# Longer than that a sleepy service does nothing; only after SETTLES may one believe that it never will.
SLEEP, SETTLES = 2.0, timedelta(seconds=3)
MOODS = {"well": 80, "late": 6, "twice": 4, "never": 3, "broken": 3, "asleep": 2, "deaf": 2}


class World:
    """What has been done. `writes` counts each write by what it was for: 2 means that it was done twice."""

    def __init__(
        self,
        seed: int,
        moods: Mapping[str, int] = MOODS,
        *,
        posted: Mapping[str, int] | None = None,
        sleep: float = SLEEP,
    ) -> None:
        self.moods = {"GET": moods, "POST": posted or moods}
        self.felt: Counter[str] = Counter()
        self.sleep = sleep
        self.writes: Counter[str] = Counter()
        self.reads: Counter[str] = Counter()
        self.by_key: dict[str, dict[str, Any]] = {}
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._over = threading.Event()

    def mood(self, method: str) -> str:
        """How it feels about a request; `posted` are the moods for writes, where they differ."""
        moods = self.moods[method]
        with self._lock:
            mood = self._random.choices([*moods], [*moods.values()])[0]
            self.felt[f"{method} {mood}"] += 1
        return mood

    def wait(self, seconds: float) -> None:
        self._over.wait(seconds)

    def end(self) -> None:
        self._over.set()

    def read(self, text: str) -> dict[str, Any]:
        with self._lock:
            self.reads[text] += 1
        return {"items": [{"ref": f"{text}-{n}", "title": f"{text} {n}"} for n in range(2)]}

    def put(self, key: str, what: str) -> dict[str, Any]:
        """Done once for each key, however often it is asked for."""
        with self._lock:
            if key not in self.by_key:
                self.writes[what] += 1
                self.by_key[key] = {"ref": key[:8], "what": what}
            return self.by_key[key]

    def add(self, key: str, what: str) -> dict[str, Any]:
        """Done each time; the key is kept, so that it can be looked for."""
        with self._lock:
            self.writes[what] += 1
            self.by_key[key] = {"ref": key[:8], "what": what}
            return self.by_key[key]

    def tell(self, what: str) -> dict[str, Any]:
        """Done each time; nothing is kept that one could look for."""
        with self._lock:
            self.writes[what] += 1
            return {"ref": f"m{sum(self.writes.values())}", "what": what}

    def find(self, key: str) -> dict[str, Any]:
        with self._lock:
            return {"found": self.by_key.get(key)}


@contextlib.contextmanager
def served(world: World) -> Iterator[str]:
    """The world's address while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            given = {name: values[0] for name, values in parse_qs(asked.query).items()}
            self._answered(lambda: world.read(given["text"]) if asked.path == "/items" else world.find(given["key"]))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            doors: dict[str, Callable[..., Any]] = {"/put": world.put, "/add": world.add, "/tell": world.tell}
            does = doors[self.path]
            self._answered(lambda: does(**body))

        def _answered(self, does: Any) -> None:
            mood = world.mood(self.command)
            if mood == "late":
                world.wait(TIMEOUT / 3)
            if mood == "deaf" or (mood == "asleep" and self.command == "GET"):
                world.wait(SILENCE)
                self.close_connection = True
                return
            if mood == "asleep":
                world.wait(world.sleep)
                mood = "never"
            said = does()
            if mood == "twice" and "items" in said:
                said = {"items": said["items"] * 2}
            if mood == "never":
                world.wait(SILENCE)
                self.close_connection = True
                return
            text = json.dumps(said).encode()
            with contextlib.suppress(OSError):
                self.send_response(500 if mood == "broken" else 200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A caller that was killed leaves a broken connection behind, which is nothing to tell of."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        world.end()
        server.shutdown()
        thread.join()
        server.server_close()


class _Sent(Action["WorldConnector", Any]):
    path: ClassVar[str]
    settles = SETTLES

    async def preview(self, request: Any) -> Change:
        return Change(target=Target(service="world", kind="note", title=_what(request)), after={"what": _what(request)})

    async def do(self, request: Any, change: Change, key: str) -> Landed:
        answer = await self.connector.wire.post(self.path, self.body(request, key), repeat=self.repeat == "idempotent")
        return _landed(answer.data)

    def body(self, request: Any, key: str) -> dict[str, str]:
        return {"key": key, "what": _what(request)}

    async def find(self, request: Any, change: Change, key: str) -> Landed | None:
        found = (await self.connector.wire.get("/find", {"key": key})).data["found"]
        return _landed(found) if found else None

    async def state(self, change: Change, landed: Landed) -> Mapping[str, Any]:
        return landed.state


class Put(_Sent):
    verb, repeat, path = IssuesCreate, "idempotent", "/put"


class Add(_Sent):
    verb, repeat, path = IssuesComment, "probe", "/add"


class Tell(_Sent):
    verb, repeat, path = MessagesSend, "blind", "/tell"

    def body(self, request: Any, key: str) -> dict[str, str]:
        return {"what": _what(request)}


class WorldConnector(Connector):
    name, title = "world", "World"
    actions = (Put, Add, Tell)

    @classmethod
    def wire_options(cls, settings: Any) -> WireOptions:
        return WireOptions(settings.base_url, timeout=TIMEOUT, concurrency=16)

    @serves(IssuesSearch)
    async def search(self, ask: IssuesSearch) -> Sequence[Noun]:
        found = (await self.wire.get("/items", {"text": ask.text})).data["items"]
        return [
            Issue(service="world", ref=one["ref"], url=f"https://world.test/{one['ref']}", at=AT, title=one["title"],
                  state="open")
            for one in found
        ]  # fmt: skip


def settings(url: str) -> ServiceSettings:
    return ServiceSettings(base_url=url)


def _what(request: Any) -> str:
    return str(getattr(request, "title", None) or request.text)


def _landed(said: Mapping[str, Any]) -> Landed:
    return Landed(ref=said["ref"], url=f"https://world.test/{said['ref']}", title=said["what"],
                  state={"what": said["what"]}, said="Done.")  # fmt: skip
