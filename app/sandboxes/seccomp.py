"""Which system calls a sandbox is refused, as a filter in the kernel's own form. Pure.

Refused are calls that open new namespaces, reach into other processes, load code into the kernel, set the machine's
state, or hold memory that belongs to no process and so could not be watched. Calls newer than the table are unknown.
Numbers are those of the kernel's headers (arch/x86 and asm-generic).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

EPERM, ENOSYS, EAFNOSUPPORT = 1, 38, 97
LOAD, AND, EQUAL, ABOVE, RETURN = 0x20, 0x54, 0x15, 0x25, 0x06
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16

# Of clone: CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}.
NEW_NAMESPACES = 0x7E020000
SHARED_ANONYMOUS = 0x01 | 0x20
HUGE_PAGES = 0x40000
TERMINAL_INJECTION = (0x5412, 0x541C)
# UNIX, INET, INET6 and NETLINK are the sandbox's own; VSOCK is not, and a way to the host of a virtual machine.
FAMILIES = (1, 2, 10, 16)
NEWEST = 456
X32 = 0x40000000


@dataclass(frozen=True)
class Calls:
    """An architecture: its mark in the kernel, and the numbers of what is refused there or looked at more closely."""

    mark: int
    refused: tuple[int, ...]
    absent: tuple[int, ...]
    clone: int
    socket: int
    ioctl: int
    mmap: int


# Same on all architectures. Refused: open_tree, move_mount, fsopen, fsconfig, fsmount, fspick, pidfd_getfd,
# process_madvise, mount_setattr, quotactl_fd, process_mrelease. Absent: io_uring (3), clone3, memfd_secret.
_EVERYWHERE = (428, 429, 430, 431, 432, 433, 438, 440, 442, 443, 448)
_ABSENT = (425, 426, 427, 435, 447)

ARCHITECTURES = {
    "x86_64": Calls(
        mark=0xC000003E,
        refused=(
            *(101, 310, 311, 312),  # ptrace, process_vm_readv, process_vm_writev, kcmp
            *(161, 155, 165, 166, 272, 308),  # chroot, pivot_root, mount, umount2, unshare, setns
            *(248, 249, 250),  # add_key, request_key, keyctl
            *(298, 321, 323),  # perf_event_open, bpf, userfaultfd
            *(174, 175, 176, 177, 178, 180, 313, 246, 320),  # kernel modules, nfsservctl, kexec
            *(
                103,
                134,
                135,
                136,
                139,
                153,
                154,
                156,
            ),  # syslog, uselib, personality, ustat, vhangup, modify_ldt, sysctl
            *(
                159,
                164,
                227,
                305,
                163,
                167,
                168,
                169,
                172,
                173,
                179,
            ),  # clocks, acct, swap, reboot, iopl, ioperm, quotactl
            *(212, 256, 278, 279, 300, 301, 303, 304),  # pages of others, vmsplice, fanotify, handles
            *_EVERYWHERE,
        ),
        absent=(29, 64, 68, 240, 319, *_ABSENT),  # shmget, semget, msgget, mq_open, memfd_create
        clone=56,
        socket=41,
        ioctl=16,
        mmap=9,
    ),
    "aarch64": Calls(
        mark=0xC00000B7,
        refused=(
            *(117, 270, 271, 272),  # ptrace, process_vm_readv, process_vm_writev, kcmp
            *(51, 41, 40, 39, 97, 268),  # chroot, pivot_root, mount, umount2, unshare, setns
            *(217, 218, 219),  # add_key, request_key, keyctl
            *(241, 280, 282),  # perf_event_open, bpf, userfaultfd
            *(105, 106, 273, 104, 294),  # kernel modules, kexec
            *(116, 92, 58),  # syslog, personality, vhangup
            *(171, 170, 112, 266, 89, 224, 225, 142, 60),  # clocks, acct, swap, reboot, quotactl
            *(18, 238, 75, 239, 262, 263, 264, 265),  # pages of others, vmsplice, fanotify, handles
            *_EVERYWHERE,
        ),
        absent=(194, 190, 186, 180, 279, *_ABSENT),  # shmget, semget, msgget, mq_open, memfd_create
        clone=220,
        socket=198,
        ioctl=29,
        mmap=222,
    ),
}


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)


def _answer(error: int) -> bytes:
    return _step(RETURN, ERRNO | error)


def _argument(position: int) -> bytes:
    """Loads an argument's lower half; the machines served have little ends first."""
    return _step(LOAD, ARGUMENTS + 8 * position)


def _when(number: int, *steps: bytes) -> bytes:
    """Steps for one call, which end in an answer."""
    return _step(EQUAL, number, 0, len(steps)) + b"".join(steps)


def filter_for(machine: str) -> bytes | None:
    """The filter for a machine as `uname -m` names it; None where there is no table for it."""
    calls = ARCHITECTURES.get(machine)
    if calls is None:
        return None
    allow = _step(RETURN, ALLOW)
    steps = [
        _step(LOAD, ARCHITECTURE),
        _step(EQUAL, calls.mark, 1, 0),
        _step(RETURN, KILL),
        _step(LOAD, NUMBER),
        # The other table of x86, and calls that are newer than this one.
        _step(ABOVE, X32 - 1, 0, 1),
        _step(RETURN, KILL),
        _step(ABOVE, NEWEST, 0, 1),
        _answer(ENOSYS),
        *(_when(number, _answer(EPERM)) for number in calls.refused),
        *(_when(number, _answer(ENOSYS)) for number in calls.absent),
        _when(
            calls.clone,
            _argument(0), _step(AND, NEW_NAMESPACES), _step(EQUAL, 0, 0, 1), allow, _answer(EPERM),
        ),
        _when(
            calls.socket,
            _argument(0),
            *(_step(EQUAL, family, len(FAMILIES) - place, 0) for place, family in enumerate(FAMILIES)),
            _answer(EAFNOSUPPORT), allow,
        ),
        _when(
            calls.ioctl,
            _argument(1),
            *(_step(EQUAL, typed, len(TERMINAL_INJECTION) - at, 0) for at, typed in enumerate(TERMINAL_INJECTION)),
            allow, _answer(EPERM),
        ),
        _when(
            calls.mmap,
            _argument(3), _step(AND, HUGE_PAGES), _step(EQUAL, 0, 1, 0), _answer(EPERM),
            _argument(3), _step(AND, SHARED_ANONYMOUS), _step(EQUAL, SHARED_ANONYMOUS, 1, 0), allow, _answer(EPERM),
        ),
        allow,
    ]  # fmt: skip
    return b"".join(steps)
