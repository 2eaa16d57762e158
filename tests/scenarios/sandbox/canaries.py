"""What an attack would find on the host: a file, a variable, sockets of every kind and a process, each watched."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

# Within reach of every user, so that nothing but the sandbox keeps an attack from it.
OPEN_PLACE = "/var/tmp"


class Canaries:
    """Lives on the host while attacks run. What reached a socket is told by `touched`."""

    def __init__(self, user: int) -> None:
        self.secret = "canary-" + secrets.token_hex(8)
        self.folder = Path(tempfile.mkdtemp(dir=OPEN_PLACE))
        self.folder.chmod(0o777)
        self.file = self.folder / "file"
        self.file.write_text(self.secret)
        self.given = Path(tempfile.mkdtemp(prefix="given-", dir=OPEN_PLACE))
        (self.given / "file").write_text("given")
        (self.given / "shadow").symlink_to("/etc/shadow")
        (self.given / "secret").symlink_to(self.file)
        shutil.copy("/usr/bin/id", self.given / "tool")
        # It gives whoever starts it its owner's rights: root's, where root made it.
        (self.given / "tool").chmod(0o6755)
        if os.geteuid() == 0 and user:
            os.chown(self.given, user, user)
        self.given.chmod(0o700)
        self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.tcp.bind(("127.0.0.1", 0))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.unix.bind(str(self.folder / "socket"))
        (self.folder / "socket").chmod(0o777)
        self.abstract = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.abstract.bind("\0" + self.secret)
        self.victim = "victim-" + secrets.token_hex(8)
        script = "import sys; sys.stdin.read()"
        # Only root can be somebody else.
        other = None if os.geteuid() else user
        self.process = subprocess.Popen(
            ["/usr/bin/python3", "-c", script, self.victim], stdin=subprocess.PIPE, user=other, group=other, cwd="/"
        )
        for each in (self.tcp, self.unix, self.abstract):
            each.listen()
        for each in (self.tcp, self.udp, self.unix, self.abstract):
            each.setblocking(False)

    def told(self) -> dict[str, Any]:
        """What an attacker is told: where everything is. It has only to get there."""
        return {
            "file": str(self.file),
            "secret": self.secret,
            "given": str(self.given),
            "tcp": self.tcp.getsockname()[1],
            "udp": self.udp.getsockname()[1],
            "unix": str(self.folder / "socket"),
            "abstract": self.secret,
            "victim": self.victim,
            "pid": self.process.pid,
        }

    def touched(self) -> set[str]:
        """What the host saw: sockets that were reached, files that were made, a victim that is no more."""
        seen = set()
        for name in ("tcp", "unix", "abstract"):
            try:
                getattr(self, name).accept()[0].close()
                seen.add(name)
            except BlockingIOError:
                continue
        try:
            self.udp.recv(100)
            seen.add("udp")
        except BlockingIOError:
            pass
        if {path.name for path in self.folder.iterdir()} != {"file", "socket"} or self.file.read_text() != self.secret:
            seen.add("files")
        if {path.name for path in self.given.iterdir()} != {"file", "shadow", "secret", "tool"}:
            seen.add("given")
        if (self.given / "file").read_text() != "given":
            seen.add("given")
        if self.process.poll() is not None:
            seen.add("process")
        return seen

    def close(self) -> None:
        """Takes everything away."""
        for each in (self.tcp, self.udp, self.unix, self.abstract):
            each.close()
        self.process.kill()
        self.process.communicate()
        shutil.rmtree(self.folder)
        shutil.rmtree(self.given)
