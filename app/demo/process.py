"""The demo company's tools as a process of their own, so that drawing a history never holds up the product."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from tools.kit.errors import UserMustMend

PATIENCE = 60.0


@contextlib.contextmanager
def running(world: Path, port: int = 0, public_url: str | None = None) -> Iterator[str]:
    """Serves a world on loopback while the block runs; gives its base URL.

    Port 0 takes the one of `public_url` (what the records' URLs begin with) if it is free, else any.
    """
    usual = urlsplit(public_url or "").port
    chosen = port or (usual if usual and not _taken(usual) else _free_port())
    if port and _taken(port):
        raise UserMustMend(f"Port {port} is taken.", remedy="Name another with --demo-port.")
    base = f"http://127.0.0.1:{chosen}"
    command = [sys.executable, "-m", "app.demo.server", "--world", str(world), "--port", str(chosen)]
    if public_url:
        command += ["--public-url", public_url]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        _await(process, base)
        yield base
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stderr:
            process.stderr.close()


def _await(process: subprocess.Popen[str], base: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            said = (process.stderr.read() if process.stderr else "").strip().splitlines()
            raise UserMustMend(f"The demo company could not be started: {said[-1] if said else 'it ended at once'}.")
        ignored = contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError)
        with ignored, urllib.request.urlopen(base, timeout=1):
            return
        time.sleep(0.05)
    raise UserMustMend(f"The demo company did not answer within {PATIENCE:.0f} s.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
