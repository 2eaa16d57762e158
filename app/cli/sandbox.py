"""`deus sandbox`: whether code can run here, what is missing, and which sandboxes there are."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from app.code_bench import CodeBench
    from app.sandboxes.catalog import Provider
    from app.settings import Settings

cli = typer.Typer(help="Look whether code can run here, make what it works with, see its sandboxes, clear them away.")


@cli.command("check")
def check() -> None:
    """Try whether a sandbox can be had, and whether what code works with is there; say what is missing."""
    _with_bench(_check)


@cli.command("prepare")
def prepare() -> None:
    """Make what code works with (Python's libraries, Node), once; Deus does it by itself at its first start."""
    _with_bench(_prepare)


@cli.command("list")
def seen() -> None:
    """List the sandboxes that there are, of a Deus that runs and of one that is gone."""
    _with_bench(_list, owned=True)


@cli.command("clear")
def clear(
    all_of_them: Annotated[
        bool, typer.Option("--all", help="At E2B: all of this workspace, those of a running Deus among them.")
    ] = False,
) -> None:
    """Clear away what a Deus that has ended left: sandboxes, starts of them, folders."""
    _with_bench(partial(_clear, all_of_them), owned=True)


async def _check(provider: Provider) -> None:
    await provider.look()
    room, most = provider.room(), provider.most
    within = f", which together claim at most {room / 2**30:.1f} GiB of memory" if room is not None else ""
    print(f"Sandboxes can be had: {provider.title}; {most} at once{within}.")
    if missing := provider.missing():
        print(f"{missing} Deus makes it at its start; `deus sandbox prepare` makes it now.")


async def _prepare(provider: Provider) -> None:
    await provider.prepare()
    print("What code works with is there.")


async def _list(provider: Provider) -> None:
    found = await provider.seen()
    if not found:
        print("There is no sandbox.")
    for info in found:
        told = ", ".join(f"{name} {value}" for name, value in sorted(info.metadata.items()))
        print(f"{info.id}  {info.state.value}  {told}")


async def _clear(all_of_them: bool, provider: Provider) -> None:
    from app.code_bench import is_left

    cleared = await provider.clear((lambda _: True) if all_of_them else is_left)
    print(f"Cleared away: {cleared}." if cleared else "There was nothing to clear away.")


def _with_bench(work: Callable[[Provider], Coroutine[Any, Any, None]], *, owned: bool = False) -> None:
    asyncio.run(_opened(work, owned))


async def _opened(work: Callable[[Provider], Coroutine[Any, Any, None]], owned: bool) -> None:
    async with _bench(owned) as bench:
        if bench.provider is None:
            print("Sandboxes are off (DEUS_SANDBOX).")
        else:
            await work(bench.provider)


@contextlib.asynccontextmanager
async def _bench(owned: bool) -> AsyncIterator[CodeBench]:
    """The settings' sandboxes, `owned` by this workspace where it matters whose they are."""
    from app.code_bench import open_bench
    from app.settings import load_settings

    settings = load_settings()
    owner = await _workspace(settings) if owned else settings.worker
    async with open_bench(settings, owner, tell=print) as bench:
        yield bench


async def _workspace(settings: Settings) -> str:
    from app.stores.context_text import ContextText
    from app.stores.migrations import migrate
    from app.workspace import open_database

    database = open_database(settings)
    try:
        await migrate(database)
        return await ContextText(database).workspace()
    finally:
        await database.close()
