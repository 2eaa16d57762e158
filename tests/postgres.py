"""A Postgres server for tests: the one that DEUS_TEST_DATABASE_URL names, or one started for the session."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql


@contextmanager
def server() -> Iterator[str]:
    """The URL of a server on which databases can be made; skips the test, with the reason, where there is none."""
    given = os.environ.get("DEUS_TEST_DATABASE_URL")
    if given:
        yield given
        return
    initdb, postgres = _binary("initdb"), _binary("postgres")
    if initdb is None or postgres is None:
        pytest.skip("There are no Postgres binaries, and DEUS_TEST_DATABASE_URL is not set.")
    user = _user()
    with tempfile.TemporaryDirectory(prefix="deus-pg-") as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        if user is not None:
            shutil.chown(folder, user)
        data = Path(folder) / "data"
        made = [initdb, "-D", str(data), "-U", "deus", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(made, check=True, capture_output=True, user=user, cwd=folder)
        options = [
            "-D",
            str(data),
            "-p",
            str(port),
            "-k",
            folder,
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "fsync=off",
        ]
        with subprocess.Popen(
            [postgres, *options], user=user, cwd=folder, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            for line in process.stderr:
                if "ready to accept connections" in line:
                    break
            else:
                pytest.skip("The Postgres server did not start.")
            try:
                yield f"postgresql://deus@127.0.0.1:{port}/postgres"
            finally:
                process.terminate()
                process.stderr.read()


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
