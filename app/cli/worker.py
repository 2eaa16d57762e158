"""`deus worker`: a process that drives runs beside the others on the same database, and listens to nobody."""

from __future__ import annotations

import asyncio
import os
import signal


def worker() -> None:
    """Drive runs in this process, beside all others on the same database. SIGTERM hands its runs over at once."""
    asyncio.run(_work())


async def _work() -> None:
    from app.bootstrap import open_product
    from app.settings import load_settings

    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    async with open_product(load_settings(os.environ)) as product:
        await product.ready()
        work = product.health()["work"]
        print(f"{work['worker']} drives runs, one of {work['workers']}. SIGTERM or Ctrl-C ends it.", flush=True)
        looking = asyncio.create_task(product.workshop.bench.look(), name="look at the sandboxes")
        await over.wait()
        looking.cancel()
