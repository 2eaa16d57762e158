"""Why no sandbox can be had here, and what mends it on this very system. Reads the system, changes nothing."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Mapping
from pathlib import Path

from agents.sandbox import SandboxUnavailable

PLACES = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
INSTALL = {
    "debian": "apt-get install bubblewrap",
    "ubuntu": "apt-get install bubblewrap",
    "fedora": "dnf install bubblewrap",
    "rhel": "dnf install bubblewrap",
    "centos": "dnf install bubblewrap",
    "arch": "pacman -S bubblewrap",
    "alpine": "apk add bubblewrap",
    "suse": "zypper install bubblewrap",
    "opensuse": "zypper install bubblewrap",
    "nixos": "nix-env -iA nixos.bubblewrap",
}
PROFILE = """abi <abi/4.0>,
include <tunables/global>
profile bwrap {path} flags=(unconfined) {{
  userns,
}}"""


def found(program: str) -> Path | None:
    """Where a program of the system lies; the caller's PATH has no say."""
    where = shutil.which(program, path=PLACES)
    return Path(where) if where else None


def system() -> Mapping[str, str]:
    """What /etc/os-release says; empty where there is none."""
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.split("=", 1) for line in lines if "=" in line)
    return {name: value.strip("\"'") for name, value in pairs}


def how_to_install(release: Mapping[str, str]) -> str:
    """The command that installs bubblewrap on a distribution."""
    names = [release.get("ID", ""), *release.get("ID_LIKE", "").split()]
    command = next((INSTALL[name] for name in names if name in INSTALL), None)
    if command is None:
        return "Install the package bubblewrap with your system's package manager."
    return f"Install it: {command}"


def missing_bubblewrap() -> SandboxUnavailable:
    """There is no bwrap."""
    if (name := platform.system()) != "Linux":
        return not_linux(name)
    return SandboxUnavailable("Code cannot run here: bubblewrap is not installed.", remedy=how_to_install(system()))


def not_linux(name: str) -> SandboxUnavailable:
    """The local sandbox is made of Linux's own means."""
    remedy = (
        "Run Deus inside WSL2."
        if name == "Windows"
        else "Run Deus in a Linux machine or a Linux virtual machine, such as one of Lima or UTM."
    )
    return SandboxUnavailable(f"Code cannot run here: the sandbox needs Linux, and this is {name}.", remedy=remedy)


def no_filter(machine: str) -> SandboxUnavailable:
    """There is no table of system calls for this architecture."""
    return SandboxUnavailable(
        f"Code cannot run here: there is no filter of system calls for {machine}.",
        remedy="Run Deus on x86_64 or aarch64.",
    )


def no_python() -> SandboxUnavailable:
    """The system has no Python of its own that the sandbox can use."""
    return SandboxUnavailable(
        "Code cannot run here: the sandbox needs the system's own Python 3.9 or newer at /usr/bin/python3.",
        remedy="Install the package python3.",
    )


def not_started(said: str, path: Path) -> SandboxUnavailable:
    """bwrap ended before the sandbox was ready; `said` is its own message."""
    said = " ".join(said.split())[:300] or "it said nothing"
    return SandboxUnavailable(f"Code cannot run here: the sandbox did not start ({said}).", remedy=_remedy(path))


def _remedy(path: Path) -> str:
    if _number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1:
        return (
            "AppArmor forbids user namespaces to programs without a profile. As root, write this to"
            f" /etc/apparmor.d/bwrap and run apparmor_parser -r /etc/apparmor.d/bwrap:\n{PROFILE.format(path=path)}"
        )
    if _number("/proc/sys/kernel/unprivileged_userns_clone") == 0:
        return "User namespaces are switched off. As root: sysctl -w kernel.unprivileged_userns_clone=1"
    if _number("/proc/sys/user/max_user_namespaces") == 0:
        return "User namespaces are switched off. As root: sysctl -w user.max_user_namespaces=10000"
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        return (
            "This is a container, and most forbid user namespaces. Allow them with a seccomp profile that permits"
            " unshare, clone and mount (and systempaths=unconfined for /proc), or run Deus outside of it."
        )
    return "It needs user namespaces, and bubblewrap 0.5 or newer with the options --size and --perms."


def _number(path: str) -> int | None:
    try:
        return int(Path(path).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
