"""The demo company's tools as a process of their own, so that drawing a history never holds up the product."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from app.demo.vendors.slack_doorbell import Doorbell
from tools.kit.errors import UserMustMend

PATIENCE = 60.0


@contextlib.contextmanager
def running(
    world: Path,
    port: int = 0,
    public_url: str | None = None,
    kept: Path | None = None,
    doorbell: Doorbell | None = None,
) -> Iterator[str]:
    """Serves a world on loopback while the block runs; gives its base URL.

    Port 0 takes the one of `public_url` (what the records' URLs begin with) if it is free, else any. What is changed at
    the tools is kept in the folder `kept`, or forgotten. By the `doorbell` its Slack tells Deus what is said there.
    """
    with _listener(port, urlsplit(public_url or "").port) as listener, tempfile.TemporaryFile("w+") as said:
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        # The process is given the socket itself: whoever else starts at the same moment cannot answer in its place.
        command = [sys.executable, "-m", "app.demo.server", "--world", str(world), "--fd", str(listener.fileno())]
        command += ["--public-url", public_url or base]
        command += ["--kept", str(kept)] if kept else []
        command += ["--deus", doorbell.deus] if doorbell else []
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said, pass_fds=[listener.fileno()]
        )
        assert process.stdin is not None, "it was asked for"
        with process.stdin:
            # Not on the command line, where everybody on the machine can read it.
            process.stdin.write(f"{doorbell.secret if doorbell else ''}\n".encode())
        try:
            _await(process, base, said)
            yield base
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _listener(port: int, usual: int | None) -> socket.socket:
    """A listening socket: on `port` if one is named, else on the usual one or any that is free."""
    for candidate in (port,) if port else (usual or 0, 0):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", candidate))
        except OSError:
            listener.close()
            continue
        listener.listen(128)
        return listener
    raise UserMustMend(f"Port {port} is taken.", remedy="Name another with --demo-port.")


def _await(process: subprocess.Popen[bytes], base: str, said: IO[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            said.seek(0)
            lines = said.read().strip().splitlines()
            raise UserMustMend(f"The demo company could not be started: {lines[-1] if lines else 'it ended at once'}.")
        ignored = contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError)
        with ignored, urllib.request.urlopen(base, timeout=1):
            return
        time.sleep(0.05)
    raise UserMustMend(f"The demo company did not answer within {PATIENCE:.0f} s.")
