"""What a role may run, see and decide, and which sources it may read. Pure; what no line here opens is closed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from pydantic import Field

from agents.identity import Role, least, rank
from agents.record import Frozen

# Whoever can run commands beside the data folder has its owner's rights.
LOCAL = "cli"
# What Deus has computed; its own sources are those of what it was computed from.
OWN = "deus"
# The documents that the company shows everybody.
PUBLIC = "help"
CLOSED = "not open to those who read this"
# Of their own accord these may be told which sources they read; an admin reads all, a visitor none.
TOLD: tuple[Role, ...] = ("viewer", "agent")


class Sources(Frozen):
    """The services that a role may read: those of `allow`, without those of `deny`. Names may hold * and ?."""

    allow: tuple[str, ...] = ("*",)
    deny: tuple[str, ...] = ()

    def opens(self, service: str) -> bool:
        """Whether a service is among them."""
        given = any(fnmatchcase(service, glob.casefold()) for glob in self.allow)
        return given and not any(fnmatchcase(service, glob.casefold()) for glob in self.deny)


class Reading(Frozen):
    """Which sources each role may read. What is closed to a role is closed to those below it."""

    roles: Mapping[Role, Sources] = Field(default_factory=dict)

    def opens(self, role: Role, service: str) -> bool:
        """Whether a role may read a service."""
        if role == "admin":
            return True
        above = [one for one in TOLD if rank(one) >= rank(role)]
        return role != "visitor" and all(self.roles.get(one, Sources()).opens(service) for one in above)


EVERYTHING = Reading()


@dataclass(frozen=True)
class Rights:
    """What one run may do: never more than the less of who asks and who reads the answer (None: the asker alone)."""

    asker: Role
    audience: Role | None = None
    reading: Reading = EVERYTHING

    @property
    def reader(self) -> Role:
        """The least role among those who read the answer."""
        return least((self.asker, self.audience)) or "visitor"

    @property
    def writes(self) -> bool:
        """Whether the run may propose changes."""
        return may_write(self.asker)

    @property
    def public_only(self) -> bool:
        """Whether of all documents only those that are public may be read, and no source."""
        return self.reader == "visitor"

    @property
    def is_whole(self) -> bool:
        """Whether nothing at all is closed."""
        return self.reader == "admin"

    def reads(self, service: str) -> bool:
        """Whether asker and readers may both read a service."""
        if service in (OWN, PUBLIC):
            return True
        given = [role for role in (self.asker, self.audience) if role is not None]
        return all(self.reading.opens(role, service) for role in given)

    def missing(self, services: Collection[str]) -> tuple[str, ...]:
        """Those of some services that may not be read, by name."""
        return tuple(sorted(service for service in services if not self.reads(service)))


@dataclass(frozen=True)
class Trace:
    """Of a run, what decides who may see it: who asked where, by what right, who read along, which sources it read.

    `relayed` is what people wrote to each other, without Deus.
    """

    run: str
    conversation: str
    actor: str
    role: Role | None = None
    audience: Role | None = None
    sources: frozenset[str] = field(default_factory=frozenset)
    relayed: bool = False

    @property
    def reader(self) -> Role:
        """The least role of those for whom its answer was made."""
        return least((self.role, self.audience)) or "admin"

    def was_read_by(self, role: Role) -> bool:
        """Whether people of this role read along where it was asked."""
        return self.audience is not None and rank(self.audience) <= rank(role)


def may_write(role: Role) -> bool:
    """Whether a role may have changes proposed."""
    return rank(role) >= rank("agent")


def may_decide(role: Role) -> bool:
    """Whether a role may say yes or no to what is proposed, and take back what was done."""
    return rank(role) >= rank("agent")


def reads_all(role: Role) -> bool:
    """Whether a role may read other people's conversations."""
    return rank(role) >= rank("agent")


def administers(role: Role) -> bool:
    """Whether a role may change what belongs to others: people, conversations."""
    return role == "admin"


def sees(role: Role, ids: Collection[str], taking_part: bool, trace: Trace, reading: Reading) -> bool:
    """Whether somebody may see a run. `taking_part` says that they have spoken in its conversation themselves."""
    if administers(role):
        return True
    if not _open(Rights(role, None, reading), trace):
        return False
    if reads_all(role) or trace.actor in ids:
        return True
    return taking_part and (trace.relayed or trace.was_read_by(role))


def builds_on(rights: Rights, ids: Collection[str], conversation: str, trace: Trace) -> bool:
    """Whether what an earlier run found may come back in another of these rights, asked by `ids` in a conversation.

    Below those who read everything it must be of the same conversation, or, for the asker alone, their own; and it must
    not have been made for anybody who may read more.
    """
    if rights.is_whole:
        return True
    if not _open(rights, trace):
        return False
    if reads_all(rights.reader):
        return rank(trace.reader) <= rank(rights.reader) or not closes(rights.reading)
    if rank(trace.reader) > rank(rights.reader):
        return False
    if trace.conversation == conversation:
        return trace.actor in ids or trace.relayed or trace.was_read_by(rights.reader)
    return rights.audience is None and trace.actor in ids


def _open(rights: Rights, trace: Trace) -> bool:
    return all(rights.reads(service) for service in trace.sources)


def closes(reading: Reading) -> bool:
    """Whether any source may be closed to those who are not admins; only what the policy says for these roles tells."""
    return any(role in reading.roles for role in TOLD)
