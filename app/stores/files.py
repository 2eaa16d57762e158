"""The files of a workspace, in its database: what is known of each, and each content once."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from agents.errors import UserMustMend
from agents.files import StoredFile, media_of, named
from agents.ports import Clock
from app.stores.database import Database
from app.stores.schema import Moment, metadata

MIB = 1024 * 1024
# What was uploaded and never spoken of goes after so long.
UNUSED = timedelta(days=2)

files = sa.Table(
    "files",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("media", sa.String(128), nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("actor", sa.String(256), nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("origin", sa.String(16), nullable=False),
    sa.Column("conversation", sa.String(128)),
    sa.Column("run", sa.String(64)),
)
file_contents = sa.Table(
    "file_contents",
    metadata,
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
)


class StoredFiles:
    """The Files of a workspace. A conversation that is deleted takes its files with it."""

    def __init__(self, database: Database, clock: Clock, *, most_mib: int = 20) -> None:
        self._database = database
        self._clock = clock
        self.largest = most_mib * MIB

    async def keep(
        self, content: bytes, *, name: str, actor: str, conversation: str | None = None, run: str | None = None
    ) -> StoredFile:
        """Keeps a file. What a run makes again under the same name, after a restart, is the same file."""
        called = named(name)
        if len(content) > self.largest:
            raise UserMustMend(
                f"{called} has {len(content) / MIB:.1f} MB, and a file may have {self.largest // MIB} MB.",
                remedy="Send a part of it, or let an admin raise DEUS_FILE_MB.",
            )
        sha = hashlib.sha256(content).hexdigest()
        id = _id(run, called, sha)
        file = StoredFile(
            id=id,
            name=called,
            media=media_of(called, content),
            size=len(content),
            sha256=sha,
            actor=actor,
            at=self._clock.now(),
            origin="upload" if run is None else "made",
            conversation=conversation,
            run=run,
        )
        async with self._database.write() as connection:
            if await connection.scalar(sa.select(files.c.id).where(files.c.id == id)) is None:
                await connection.execute(files.insert().values(**vars(file)))
            if await connection.scalar(sa.select(sa.literal(1)).where(file_contents.c.sha256 == sha)) is None:
                await connection.execute(file_contents.insert().values(sha256=sha, content=content))
        return file

    async def get(self, file: str) -> StoredFile | None:
        """What is known of a file."""
        async with self._database.read() as connection:
            row = (await connection.execute(sa.select(files).where(files.c.id == file))).mappings().one_or_none()
        return None if row is None else StoredFile(**row)

    async def content(self, file: str) -> bytes:
        """What is in a file."""
        wanted = sa.select(file_contents.c.content).join(files, files.c.sha256 == file_contents.c.sha256)
        async with self._database.read() as connection:
            found: bytes | None = await connection.scalar(wanted.where(files.c.id == file))
        if found is None:
            raise LookupError(f"There is no file {file!r}.")
        return bytes(found)

    async def attach(self, wanted: Collection[str], conversation: str, run: str) -> None:
        """Gives files without a conversation to one."""
        free = sa.and_(files.c.id.in_(list(wanted)), files.c.conversation.is_(None))
        async with self._database.write() as connection:
            await connection.execute(files.update().where(free).values(conversation=conversation, run=run))

    async def sweep(self) -> None:
        """Forgets what was uploaded days ago and never spoken of."""
        old = sa.and_(files.c.conversation.is_(None), files.c.at < self._clock.now() - UNUSED)
        async with self._database.write() as connection:
            await _forget(connection, old)


async def forget_files(connection: AsyncConnection, conversation: str) -> None:
    """Deletes the files of a conversation, within the connection's transaction."""
    await _forget(connection, files.c.conversation == conversation)


async def _forget(connection: AsyncConnection, which: sa.ColumnElement[bool]) -> None:
    gone = (await connection.execute(files.delete().where(which))).rowcount
    if gone:
        used = sa.select(files.c.sha256)
        await connection.execute(file_contents.delete().where(file_contents.c.sha256.not_in(used)))


def _id(run: str | None, name: str, sha: str) -> str:
    if run is None:
        return f"file_{secrets.token_hex(16)}"
    return f"file_{hashlib.sha256(chr(0).join((run, name, sha)).encode()).hexdigest()[:32]}"
