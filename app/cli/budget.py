"""`deus budget`: what was spent this month, by whom, and what is left."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.budget import Limits
    from app.stores.spend import Spent


def budget(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    month: Annotated[str, typer.Option(help="Another month, like 2026-10.")] = "",
) -> None:
    """Show what runs may use, and what a month's have used: dollars, calls, tokens, seconds."""
    limits, found = asyncio.run(_totals(month))
    if as_json:
        print(json.dumps({"run": asdict(limits), "month": [asdict(one) for one in found]}, indent=2))
        return
    print(
        f"One run may use ${limits.usd:.2f}, {limits.model_calls} model calls, {limits.tool_calls} tool calls, "
        f"{limits.tokens:,} tokens and {limits.seconds:g} seconds.\n"
    )
    print(f"{found[0].month:<28}{'dollars':>18}{'model calls':>16}{'tool calls':>16}{'tokens':>22}{'seconds':>16}")
    for one in found:
        widths = {"usd": 18, "model_calls": 16, "tool_calls": 16, "tokens": 22, "seconds": 16}
        cells = "".join(f"{_cell(one, name):>{width}}" for name, width in widths.items())
        print(f"{(one.name or 'this workspace')[:27]:<28}{cells}")


def _cell(spent: Spent, name: str) -> str:
    """What is used, with what is set aside, of what there may be: "1.20 of 20.00"."""
    value = getattr(spent.used, name) + getattr(spent.reserved, name)
    most = getattr(spent.ceiling, name)
    digits = 2 if name == "usd" else 0
    return f"{value:,.{digits}f}" + ("" if most is None else f" of {most:,.{digits}f}")


async def _totals(month: str) -> tuple[Limits, Sequence[Spent]]:
    import re

    from app.budgeting import limits_of, open_books
    from app.policy_file import policy_of
    from app.settings import load_settings
    from tools.kit.errors import UserMustMend

    if month and not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", month):
        raise UserMustMend(f"--month {month} is no month.", remedy="Write it like 2026-10.")
    settings = load_settings(os.environ)
    async with open_books(settings) as books:
        return limits_of(settings, policy_of(settings).spend), await books.totals(month or None)
