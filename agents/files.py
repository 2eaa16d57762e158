"""Files that people give to a conversation and that runs make, and who may read them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol

from agents.admission import ASK_ADMIN, Admission
from agents.errors import Forbidden, UserMustMend
from agents.record import Attachment

if TYPE_CHECKING:
    from agents.ports import Turn

MOST_FILES = 10
LONGEST_NAME = 120
_BLANK = re.compile(r"[\x00-\x1f\x7f<>:\"/\\|?*\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")
_PNG = b"\x89PNG\r\n\x1a\n"
_ZIP = b"PK\x03\x04"
MEDIA = {
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "tab": "text/tab-separated-values",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "ndjson": "application/x-ndjson",
    "txt": "text/plain",
    "log": "text/plain",
    "md": "text/plain",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "png": "image/png",
}
UNKNOWN = "application/octet-stream"


@dataclass(frozen=True)
class StoredFile:
    """A file that is kept. `actor` brought it, or asked the run that made it; `run` is the first that it was part of.

    One that was uploaded and not spoken of yet belongs to no conversation.
    """

    id: str
    name: str
    media: str
    size: int
    sha256: str
    actor: str
    at: datetime
    origin: Literal["upload", "made"]
    conversation: str | None = None
    run: str | None = None

    @property
    def attachment(self) -> Attachment:
        """The file as a turn names it."""
        return Attachment(id=self.id, name=self.name, size=self.size, media=self.media)


class Files(Protocol):
    """The store of files, of one workspace."""

    @property
    def largest(self) -> int:
        """How many bytes a file may have."""
        ...

    async def keep(
        self, content: bytes, *, name: str, actor: str, conversation: str | None = None, run: str | None = None
    ) -> StoredFile:
        """Keeps a file; the same content of the same run under the same name is one file. UserMustMend where it is too
        large."""
        ...

    async def get(self, file: str) -> StoredFile | None:
        """What is known of a file."""
        ...

    async def content(self, file: str) -> bytes:
        """What is in a file. Raises LookupError where there is none of that id."""
        ...

    async def attach(self, files: Collection[str], conversation: str, run: str) -> None:
        """Gives files that belong to no conversation yet to one, with the run that was asked about them."""
        ...

    async def sweep(self) -> None:
        """Forgets what was uploaded long ago and never spoken of."""
        ...


class FileDoor:
    """Files as one person may bring and see them. Visitors bring none."""

    def __init__(self, files: Files, admission: Admission | None = None) -> None:
        self._files = files
        self._admission = admission

    @property
    def largest(self) -> int:
        """How many bytes a file may have."""
        return self._files.largest

    async def bring(self, content: bytes, *, name: str, actor: str, channel: str = "") -> StoredFile:
        """Keeps a file that somebody uploads. Raises Forbidden for visitors and for whom nobody knows, UserMustMend for
        a file that is too large."""
        if self._admission is not None and (await self._admission.person(actor, channel)).role == "visitor":
            raise Forbidden("Visitors cannot upload files.", remedy=ASK_ADMIN)
        return await self._files.keep(content, name=name, actor=actor)

    async def see(self, file: str, actor: str) -> tuple[StoredFile, bytes]:
        """A file with its content, for whoever uploaded it and whoever may see the run that had to do with it. Raises
        LookupError for every other, as for one that is not there."""
        found = await self._files.get(file)
        if found is None or not await self._may_see(found, actor):
            raise LookupError(f"There is no file {file!r}.")
        return found, await self._files.content(file)

    async def attached(self, turn: Turn) -> Turn:
        """The turn with what is known of the files that it names. Raises LookupError for one that its asker may not use
        there, Forbidden for a visitor's."""
        if not turn.files:
            return turn
        if len(turn.files) > MOST_FILES:
            raise UserMustMend(f"At most {MOST_FILES} files go with one question.", remedy="Ask about fewer at a time.")
        ids = frozenset({turn.actor})
        if self._admission is not None:
            person = await self._admission.person(turn.actor, turn.channel)
            ids = person.ids
            if person.role == "visitor" or turn.role == "visitor":
                raise Forbidden("Visitors cannot upload files.", remedy=ASK_ADMIN)
        known: list[Attachment] = []
        for one in turn.files:
            found = await self._files.get(one.id)
            # A file is asked about where it was given; what was uploaded and not spoken of yet, by whoever uploaded it.
            theirs = found is not None and (found.origin == "upload" and found.actor in ids)
            if found is None or not (theirs or found.conversation == turn.conversation):
                raise LookupError(f"There is no file {one.id!r}.")
            known.append(found.attachment)
        return replace(turn, files=tuple(dict.fromkeys(known)))

    async def settle(self, turn: Turn, run: str) -> None:
        """Says in which run the files of a turn were spoken of."""
        if turn.files:
            await self._files.attach([one.id for one in turn.files], turn.conversation, run)

    async def sweep(self) -> None:
        """Forgets what was uploaded long ago and never spoken of."""
        await self._files.sweep()

    async def _may_see(self, file: StoredFile, actor: str) -> bool:
        if self._admission is None:
            return True
        person = await self._admission.person(actor)
        if file.origin == "upload" and file.actor in person.ids:
            return True
        return file.run is not None and file.run in await self._admission.visible(person, [file.run])


def named(name: str) -> str:
    """A file's name as it is kept: without folders, control characters and what a disk would not take."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    plain = " ".join(_BLANK.sub(" ", last).split()).strip(" .")
    stem, dot, ending = plain.rpartition(".")
    if len(plain) > LONGEST_NAME:
        plain = f"{stem[: LONGEST_NAME - len(ending) - 2]}…{dot}{ending}" if dot and len(ending) < 12 else ""
    return plain or "file"


def media_of(name: str, content: bytes) -> str:
    """What kind of file it is: by its name, but a picture or a workbook only where its first bytes say so."""
    told = MEDIA.get(name.rpartition(".")[2].lower(), UNKNOWN)
    if content.startswith(_PNG):
        return MEDIA["png"]
    if told == MEDIA["xlsx"]:
        return told if content.startswith(_ZIP) else UNKNOWN
    return UNKNOWN if told == MEDIA["png"] else told
