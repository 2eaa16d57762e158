"""How soon Deus is there: `deus --help`, and the time until the server of the demo company listens.

Run it with `python -m bench.startup`. Times are medians, printed beside those of an empty Python in the same run.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

RUNS = 7
HELP_BOUND = 0.5
LISTEN_RUNS = 3


def median_seconds(command: list[str], runs: int = RUNS) -> float:
    """The median wall time of a command."""
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def seconds_to_listen(deus: Path) -> float:
    """From the start of `deus demo` until /api/health answers."""
    port, demo_port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [str(deus), "demo", "--port", str(port), "--demo-port", str(demo_port), "--data-dir", folder]
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while time.perf_counter() - began < 120:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=1):
                        return time.perf_counter() - began
                except (urllib.error.URLError, ConnectionError, TimeoutError):
                    time.sleep(0.02)
        finally:
            process.terminate()
            process.wait(30)
    raise SystemExit("deus demo did not listen within 120 s")


def main() -> None:
    """Prints the table."""
    deus = Path(sys.executable).with_name("deus")
    empty = median_seconds([sys.executable, "-c", "pass"])
    shown = median_seconds([str(deus), "--help"])
    verdict = "ok" if shown < HELP_BOUND else "over"
    print(f"load of the machine            {os.getloadavg()[0]:.1f}")
    print(f"python -c pass                 {empty * 1000:6.0f} ms")
    print(
        f"deus --help                    {shown * 1000:6.0f} ms   {shown / empty:4.1f} x an empty Python"
        f"   (bound < {HELP_BOUND * 1000:.0f} ms on a quiet machine) {verdict}"
    )
    listen = statistics.median(seconds_to_listen(deus) for _ in range(LISTEN_RUNS))
    print(f"deus demo, first answer        {listen:6.1f} s    {listen / empty:4.0f} x an empty Python")


if __name__ == "__main__":
    main()
