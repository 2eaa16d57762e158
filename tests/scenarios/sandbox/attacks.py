"""Attacks, to be run inside a sandbox by its own Python: each names what it got, and an empty list is what we want.

Called with a JSON object of the host's canaries. It runs outside of any sandbox as well, to show that the attacks find
what there is to find.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import platform
import socket
import sys
from collections.abc import Callable, Iterator
from glob import glob
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
X86 = platform.machine() == "x86_64"
# x86_64 and aarch64.
CALLS = {
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "io_uring_setup": (425, 425),
    "bpf": (321, 280),
    "keyctl": (250, 219),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "pidfd_getfd": (438, 438),
    "memfd_create": (319, 279),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "clone3": (435, 435),
    "clone": (56, 220),
}


def call(name: str, *arguments: Any) -> int:
    """A system call by its number: what it gives, or minus the error."""
    result = int(LIBC.syscall(CALLS[name][0 if X86 else 1], *arguments))
    return result if result >= 0 else -ctypes.get_errno()


def text(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(1_000_000)
    except OSError:
        return b""


def opens(path: str, flags: int) -> bool:
    try:
        os.close(os.open(path, flags))
    except OSError:
        return False
    return True


def files(canary: dict[str, Any]) -> Iterator[str]:
    for root in ("", "/proc/1/root", "/proc/self/root", "/proc/1/cwd/../../../.."):
        if canary["secret"].encode() in text(root + canary["file"]):
            yield "the secret file"
    for path in ("/etc/shadow", "/etc/machine-id", "/etc/hostname", "/var/log", "/root", "/sys/class", "/boot"):
        if os.path.exists(path):
            yield path


def writing(canary: dict[str, Any]) -> Iterator[str]:
    places = [os.path.dirname(canary["file"]), "/", "/usr", "/usr/bin", "/etc", "/run", "/run/inside", "/dev", "/var"]
    for place in places:
        if opens(f"{place}/written", os.O_CREAT | os.O_WRONLY):
            yield place
    for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/vm/drop_caches"):
        if opens(path, os.O_WRONLY):
            yield path
    try:
        with open("/proc/self/uid_map", "w") as file:
            file.write("0 0 1")
        yield "the map of users"
    except OSError:
        pass


def environment(canary: dict[str, Any]) -> Iterator[str]:
    if canary["secret"] in str(os.environ):
        yield "the environment"
    for path in glob("/proc/[0-9]*/environ") + glob("/proc/[0-9]*/cmdline"):
        if "self" not in path and int(path.split("/")[2]) != os.getpid() and canary["secret"].encode() in text(path):
            yield path


def tcp(canary: dict[str, Any]) -> Iterator[str]:
    yield from reached(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", canary["tcp"]))
    for name in os.listdir("/sys/class/net") if os.path.isdir("/sys/class/net") else []:
        if name != "lo":
            yield name
    yield from reached(socket.AF_INET, socket.SOCK_STREAM, ("169.254.169.254", 80))


def udp(canary: dict[str, Any]) -> Iterator[str]:
    # Whether it came is seen by who listens.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.sendto(b"out", ("127.0.0.1", canary["udp"]))
    yield from ()


def unix(canary: dict[str, Any]) -> Iterator[str]:
    yield from reached(socket.AF_UNIX, socket.SOCK_STREAM, canary["unix"])


def abstract(canary: dict[str, Any]) -> Iterator[str]:
    yield from reached(socket.AF_UNIX, socket.SOCK_STREAM, "\0" + canary["abstract"])


def reached(family: int, kind: int, address: Any) -> Iterator[str]:
    with socket.socket(family, kind) as made:
        made.settimeout(0.5)
        try:
            made.connect(address)
        except OSError:
            return
        yield str(address)


def families(canary: dict[str, Any]) -> Iterator[str]:
    for name, number in (("ALG", 38), ("VSOCK", 40), ("PACKET", 17), ("BLUETOOTH", 31), ("XDP", 44)):
        try:
            socket.socket(number, socket.SOCK_RAW if name == "PACKET" else socket.SOCK_STREAM).close()
        except OSError as error:
            if error.errno == 97:
                continue
        yield name


def processes(canary: dict[str, Any]) -> Iterator[str]:
    for path in glob("/proc/[0-9]*/cmdline"):
        if canary["victim"].encode() in text(path) and int(path.split("/")[2]) not in (os.getpid(), os.getppid()):
            yield "seen"
    try:
        os.kill(canary["pid"], 0)
    except OSError:
        return
    if canary["victim"].encode() in text(f"/proc/{canary['pid']}/cmdline"):
        yield "signalled"


def namespaces(canary: dict[str, Any]) -> Iterator[str]:
    for name, flag in (("user", 0x10000000), ("mount", 0x20000), ("net", 0x40000000), ("pid", 0x20000000)):
        pid = os.fork()
        if pid == 0:
            os._exit(0 if call("unshare", flag) == 0 or call("unshare", 0x10000000 | flag) == 0 else 1)
        if os.waitpid(pid, 0)[1] == 0:
            yield f"unshare {name}"
        made = call("clone", 0x10000000 | flag | 17, 0, 0, 0, 0)
        if made == 0:
            os._exit(0)
        if made > 0:
            os.waitpid(made, 0)
            yield f"clone {name}"
    if call("setns", os.open("/proc/self/ns/net", os.O_RDONLY), 0) != -1:
        yield "setns"


def kernel(canary: dict[str, Any]) -> Iterator[str]:
    """System calls that have to be refused, not only to fail."""
    block = ctypes.create_string_buffer(256)
    zeros = dict.fromkeys(("ptrace", "bpf", "keyctl", "perf_event_open", "userfaultfd"), (0, 0, 0, 0, 0))
    asked: dict[str, tuple[Any, ...]] = {
        **zeros,
        "mount": (b"none", HOME, b"tmpfs", 0, 0),
        "process_vm_readv": (os.getpid(), 0, 0, 0, 0, 0),
        "pidfd_getfd": (0, 0, 0),
        "io_uring_setup": (1, block),
        "memfd_create": (b"held", 0),
        "shmget": (0, 4096, 0o1600),
        "semget": (0, 1, 0o1600),
        "msgget": (0, 0o1600),
        "mq_open": (b"held", 0o102, 0o600, 0),
        "open_tree": (-100, b"/", 0),
        "fsopen": (b"tmpfs", 0),
        "clone3": (block, 0),
    }
    for name, arguments in asked.items():
        if call(name, *arguments) not in (-1, -38):
            yield name
    for name, flags in (("anonymous", mmap.MAP_SHARED | mmap.MAP_ANONYMOUS), ("huge", 0x22 | 0x40000)):
        try:
            mmap.mmap(-1, 4096, flags=flags).close()
        except OSError as error:
            if error.errno == 1:
                continue
        yield f"memory of no process: {name}"
    fd = os.open("/dev/zero", os.O_RDWR)
    try:
        mmap.mmap(fd, 4096, flags=mmap.MAP_SHARED).close()
        yield "memory of no process: /dev/zero"
    except OSError:
        pass


def tables(canary: dict[str, Any]) -> Iterator[str]:
    """The processor's other tables of system calls, which a filter for one of them would not see."""
    if not X86:
        return
    # mov eax, 20 (getpid of the 32-bit table); int 0x80; ret
    page = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=7)
    page.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
    old: Any = ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    for name, called in (("32 bits", old), ("x32", lambda: LIBC.syscall(0x40000000 | 39))):
        pid = os.fork()
        if pid == 0:
            os._exit(0 if called() > 0 else 1)
        if os.waitpid(pid, 0)[1] == 0:
            yield name


def typing(canary: dict[str, Any]) -> Iterator[str]:
    """Putting words into a terminal as if they were typed; refused whether there is a terminal or not."""
    for name, number in (("TIOCSTI", 0x5412), ("TIOCLINUX", 0x541C)):
        for high in (0, 1 << 32):
            LIBC.ioctl(0, ctypes.c_ulong(number | high), ctypes.create_string_buffer(b"x"))
            if ctypes.get_errno() != 1:
                yield f"{name} {high}"


def supervisor(canary: dict[str, Any]) -> Iterator[str]:
    """The processes that serve the sandbox, which belong to the same user as the attacker."""
    own = {os.getpid()}
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        line = text(f"/proc/{pid}/cmdline")
        if pid in own or b"/run/inside" not in line or pid == 1:
            continue
        for name in ("mem", "environ", "maps", "auxv"):
            if opens(f"/proc/{pid}/{name}", os.O_RDONLY):
                yield f"{pid} {name}"
        if os.access(f"/proc/{pid}/fd", os.R_OK):
            yield f"{pid} descriptors"
    for fd in os.listdir("/proc/1/fd") if b"bwrap" in text("/proc/1/cmdline") else []:
        link = os.readlink(f"/proc/1/fd/{fd}")
        if link.startswith(("socket:", "/memfd:")):
            yield f"1 {link}"


def rights(canary: dict[str, Any]) -> Iterator[str]:
    status = dict(line.split(":\t", 1) for line in text("/proc/self/status").decode().splitlines() if ":\t" in line)
    for name in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"):
        if int(status[name], 16):
            yield name
    if status["NoNewPrivs"] != "1":
        yield "new privileges"
    if status["Seccomp"] != "2":
        yield "no filter"
    try:
        os.setuid(0)
        yield "root"
    except OSError:
        pass
    import resource

    for name in ("RLIMIT_NPROC", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_DATA", "RLIMIT_CORE"):
        limit = getattr(resource, name)
        high = resource.getrlimit(limit)[1]
        try:
            resource.setrlimit(limit, (high + 1, high + 1))
            yield name
        except (OSError, ValueError):
            pass


def devices(canary: dict[str, Any]) -> Iterator[str]:
    for path in (
        "/dev/mem",
        "/dev/kmsg",
        "/dev/kvm",
        "/dev/vda",
        "/dev/sda",
        "/dev/fuse",
        "/dev/net/tun",
        "/dev/loop0",
    ):
        if opens(path, os.O_RDONLY):
            yield path
    for mode in (0o060600, 0o020600):
        try:
            os.mknod(f"{HOME.decode()}/device", mode, os.makedev(1, 1))
            yield "a device was made"
        except OSError:
            pass


def given(canary: dict[str, Any]) -> Iterator[str]:
    """A mount: a copy of a folder of the host in which there are links to what is private and a program with rights."""
    for name in ("file", "tool", "new", "secret/../file"):
        if opens(f"/given/{name}", os.O_WRONLY | os.O_CREAT):
            yield f"{name} opened for writing"
    changes: list[Callable[[], object]] = [
        lambda: os.chmod("/given/file", 0o777),
        lambda: os.chmod("/given", 0o777),
        lambda: os.unlink("/given/file"),
        lambda: os.rename("/given/file", "/given/other"),
        lambda: os.symlink("/", "/given/link"),
        lambda: os.link("/given/file", HOME.decode() + "/linked"),
        lambda: os.truncate("/given/file", 0),
        lambda: os.utime("/given/file"),
        lambda: os.rename("/given", "/other"),
    ]
    for change in changes:
        try:
            change()
        except OSError:
            continue
        yield "a change was made"
    for name in sorted(os.listdir("/given")):
        if os.path.islink(f"/given/{name}") or canary["secret"].encode() in text(f"/given/{name}"):
            yield f"{name} leads out"
        if os.stat(f"/given/{name}").st_mode & 0o7000:
            yield f"{name} gives rights"
    rights = os.popen("/given/tool").read()
    if not rights.startswith("uid=1000(user) gid=1000(user)") or "euid" in rights:
        yield f"the tool ran as {rights}"
    for name in ("mountinfo", "mounts", "mountstats", "maps"):
        for word in (canary["given"], os.path.dirname(canary["file"])):
            if word.encode() in text(f"/proc/self/{name}"):
                yield f"{name} tells the host's path"
    for path in glob("/proc/[0-9]*/fd/*"):
        try:
            if canary["given"] in os.readlink(path):
                yield path
        except OSError:
            continue


def tools(canary: dict[str, Any]) -> Iterator[str]:
    """What code works with is the same for all sandboxes, so none may leave anything there."""
    if not os.path.isdir("/opt/code"):
        yield "it is not there"
    for place in ["/opt", "/opt/code", "/opt/code/bin", *glob("/opt/code/lib/python*/site-packages/p*")]:
        if opens(f"{place}/written", os.O_WRONLY | os.O_CREAT):
            yield place
    for path in ("/opt/code/bin/python3", "/opt/code/bin/pytest", "/opt/code/bin/node", "/opt/code/pyvenv.cfg"):
        if opens(path, os.O_WRONLY):
            yield path


HOME = b"/home/user"
ATTACKS: tuple[Callable[[dict[str, Any]], Iterator[str]], ...] = (
    files,
    writing,
    environment,
    tcp,
    udp,
    unix,
    abstract,
    families,
    processes,
    namespaces,
    kernel,
    tables,
    typing,
    supervisor,
    rights,
    devices,
    given,
    tools,
)

if __name__ == "__main__":
    told = json.loads(sys.argv[1])
    chosen = set(sys.argv[2:])
    got = {each.__name__: list(each(told)) for each in ATTACKS if not chosen or each.__name__ in chosen}
    sys.stdout.write(json.dumps(got))
