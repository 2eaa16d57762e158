"""Looks for a key inside a sandbox: in every file, in every process's variables, arguments and memory. For tests.

It is given the key backwards, and leaves itself out.
"""

import os
import sys

KEY = sys.stdin.read().strip()[::-1].encode()
PIECE = 1 << 20


def holds(path: str, start: int = 0, end: int = 1 << 60) -> bool:
    """Whether the key is in a file; what cannot be read holds nothing that could be had."""
    try:
        with open(path, "rb", buffering=0) as file:
            file.seek(start)
            last = b""
            while start < end and (data := file.read(min(PIECE, end - start))):
                if KEY in last + data:
                    return True
                last, start = data[-len(KEY) :], start + len(data)
    except (OSError, ValueError, OverflowError):
        pass
    return False


def maps(process: str) -> list[tuple[int, int]]:
    """The parts of a process's memory that were written, not those of files."""
    try:
        with open(f"{process}/maps") as file:
            lines = [line.split() for line in file]
    except OSError:
        return []
    kept = [line[0].split("-") for line in lines if line[1].startswith("rw")]
    return [(int(start, 16), int(end, 16)) for start, end in kept]


def main() -> None:
    found = []
    for place in ("/home", "/tmp", "/var/tmp", "/run", "/etc", "/dev/shm", "/agent"):
        for folder, _, names in os.walk(place):
            paths = [f"{folder}/{name}" for name in names]
            found += [path for path in paths if os.path.isfile(path) and holds(path)]
    for name in os.listdir("/proc"):
        process = f"/proc/{name}"
        if name.isdigit() and int(name) != os.getpid():
            found += [f"{process}/{part}" for part in ("environ", "cmdline", "mountinfo") if holds(f"{process}/{part}")]
            found += [f"{process}/mem" for start, end in maps(process) if holds(f"{process}/mem", start, end)]
    sys.stdout.write("\n".join(found))


main()
