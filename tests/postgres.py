"""A Postgres server for tests: the one that DEUS_TEST_DATABASE_URL names, or one started for the session."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from tests.planted import OUTSIDE


@contextmanager
def server() -> Iterator[str]:
    """The URL of a server on which databases can be made; skips the test, with the reason, where there is none."""
    given = os.environ.get("DEUS_TEST_DATABASE_URL")
    if given:
        yield given
        return
    with own_server() as own:
        yield own.url


class Server:
    """A Postgres server in a folder of its own, which can be stopped and started again."""

    def __init__(self, postgres: str, folder: Path, port: int, user: str | None) -> None:
        self.url = f"postgresql://deus@127.0.0.1:{port}/postgres"
        self._command = [postgres, "-D", str(folder / "data"), "-p", str(port), "-k", str(folder)]
        self._command += ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=200"]
        self._folder = folder
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> bool:
        """Starts it; False if it ends instead of answering."""
        with (self._folder / "log").open("ab") as told:
            self._process = subprocess.Popen(self._command, user=self._user, cwd=self._folder, stderr=told)
        while self._process.poll() is None:
            try:
                psycopg.connect(self.url, connect_timeout=5).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
                continue
            return True
        return False

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stops it: SIGINT ends its sessions and then itself, SIGQUIT is a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait()


@contextmanager
def own_server() -> Iterator[Server]:
    """A server started here; skips the test, with the reason, where there is none."""
    initdb, postgres = _binary("initdb"), _binary("postgres")
    if initdb is None or postgres is None:
        pytest.skip("There are no Postgres binaries, and DEUS_TEST_DATABASE_URL is not set.")
    user = _user()
    with tempfile.TemporaryDirectory(prefix="deus-pg-", dir=OUTSIDE) as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        if user is not None:
            shutil.chown(folder, user)
        data = Path(folder) / "data"
        made = [initdb, "-D", str(data), "-U", "deus", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(made, check=True, capture_output=True, user=user, cwd=folder)
        own = Server(postgres, Path(folder), port, user)
        if not own.start():
            pytest.skip("The Postgres server did not start.")
        try:
            yield own
        finally:
            own.stop()


@contextmanager
def fresh_database(base: str) -> Iterator[str]:
    """A new database on the server, dropped afterwards."""
    name = f"deus_{uuid4().hex[:12]}"
    with psycopg.connect(base, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield f"{base.rsplit('/', 1)[0]}/{name}"
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _binary(name: str) -> str | None:
    found = shutil.which(name)
    if found is None:
        versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
        found = str(versions[-1]) if versions else None
    return found


def _user() -> str | None:
    """Postgres refuses to run as root; a package of it brings a user of its own."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        pytest.skip("Postgres does not run as root, and there is no user postgres.")
