"""A notebook's cell in a sandbox at E2B: what it prints, and what it shows as text, as a table, as a picture.

The template's code interpreter runs it, which keeps its variables from one cell to the next. It stands beside our
supervisor: time and output are limited from here, but its processes are bounded by the machine alone.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agents.sandbox import Ended, Limits, Output, SandboxUnavailable, Stream
from app.sandboxes.e2b_errors import SERVICE, TEMPLATE_SETTING, in_words

if TYPE_CHECKING:
    from e2b_code_interpreter import AsyncSandbox

NOT_OPEN = "port is not open"
Scalar = str | int | float | bool | None


@dataclass(frozen=True)
class ShownTable:
    """A data frame that a cell showed."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Scalar, ...], ...]


@dataclass(frozen=True)
class Shown:
    """A thing that a cell showed, in the forms that it has; `main` is the value of its last expression."""

    text: str = ""
    html: str = ""
    png: bytes = b""
    table: ShownTable | None = None
    main: bool = False


@dataclass(frozen=True)
class CellError:
    """What a cell raised."""

    name: str
    value: str
    traceback: str


@dataclass(frozen=True)
class Cell:
    """What came of a cell. Ended.EXITED means that it came to its end, by an error or not."""

    ended: Ended
    out: str
    err: str
    shown: tuple[Shown, ...]
    error: CellError | None = None

    @property
    def succeeded(self) -> bool:
        """It came to its end and raised nothing."""
        return self.ended is Ended.EXITED and self.error is None


class _Enough(Exception):
    """A cell has written or shown as much as it may."""


@dataclass
class _Taking:
    """What has come of a cell so far, up to `room` characters in all."""

    room: int
    on_output: Callable[[Output], None] | None
    written: dict[Stream, list[str]] = field(default_factory=lambda: {stream: [] for stream in Stream})
    shown: list[Shown] = field(default_factory=list)
    error: CellError | None = None

    def took(self, size: int) -> None:
        self.room -= size
        if self.room < 0:
            raise _Enough

    def wrote(self, stream: Stream, text: str) -> None:
        kept = text[: max(0, self.room)]
        self.written[stream].append(kept)
        if self.on_output is not None and kept:
            self.on_output(Output(stream, kept.encode("utf-8", "replace")))
        self.took(len(text))

    def showed(self, result: Any) -> None:
        one = shown(result)
        cells = sum(len(str(cell)) for row in one.table.rows for cell in row) if one.table else 0
        self.took(len(one.text) + len(one.html) + len(one.png) + cells)
        self.shown.append(one)

    def failed(self, error: Any) -> None:
        self.error = CellError(str(error.name), str(error.value), str(error.traceback)[: max(0, self.room)])

    def cell(self, ended: Ended) -> Cell:
        out, err = ("".join(self.written[stream]) for stream in Stream)
        return Cell(ended, out, err, tuple(self.shown), self.error)


async def run_cell(
    sandbox: AsyncSandbox,
    code: str,
    limits: Limits,
    *,
    seconds: float | None = None,
    on_output: Callable[[Output], None] | None = None,
) -> Cell:
    """Runs one cell to its end. Over its time or its output it is left, which E2B takes for its interruption."""
    taking = _Taking(limits.output, on_output)
    most = min(seconds or limits.command_seconds, limits.command_seconds)
    with in_words("running a cell in a sandbox"):
        try:
            async with asyncio.timeout(most):
                # The SDK's own limit is a request of the other side; ours ends the request itself.
                await sandbox.run_code(
                    code,
                    on_stdout=lambda message: taking.wrote(Stream.OUT, message.line),
                    on_stderr=lambda message: taking.wrote(Stream.ERR, message.line),
                    on_result=taking.showed,
                    on_error=taking.failed,
                    timeout=0,
                )
        except TimeoutError:
            return taking.cell(Ended.TIME)
        except _Enough:
            return taking.cell(Ended.OUTPUT)
        except Exception as error:
            if NOT_OPEN in str(error):
                raise _no_interpreter() from error
            raise
    return taking.cell(Ended.EXITED)


def shown(result: Any) -> Shown:
    """One result in the forms that are used here; what is not in the form counts as not there."""
    return Shown(
        text=_text(result.text),
        html=_text(result.html),
        png=_picture(result.png),
        table=_table(result.data),
        main=result.is_main_result is True,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _picture(value: Any) -> bytes:
    try:
        data = base64.b64decode(value, validate=False) if isinstance(value, str) else b""
    except (ValueError, binascii.Error):
        return b""
    return data if data.startswith(b"\x89PNG\r\n\x1a\n") else b""


def _table(value: Any) -> ShownTable | None:
    """E2B gives a data frame as its columns, each a list."""
    if not isinstance(value, dict) or not value or not all(isinstance(column, list) for column in value.values()):
        return None
    if len({len(column) for column in value.values()}) != 1:
        return None
    rows = tuple(tuple(_scalar(cell) for cell in row) for row in zip(*value.values(), strict=True))
    return ShownTable(tuple(str(name) for name in value), rows)


def _scalar(value: Any) -> Scalar:
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _no_interpreter() -> SandboxUnavailable:
    return SandboxUnavailable(
        "This sandbox has no code interpreter.",
        service=SERVICE,
        remedy=f"Set {TEMPLATE_SETTING} to code-interpreter-v1 or a template made from it, or leave it out.",
    )
