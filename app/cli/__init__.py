"""`deus …`: thin commands over the product. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import sys

import typer

from app.cli import (
    approvals,
    ask,
    audit,
    budget,
    connect,
    demo,
    inbox,
    ingest,
    people,
    policy,
    preferences,
    runs,
    sandbox,
    up,
    worker,
)

cli = typer.Typer(
    name="deus",
    help="The teammate a startup asks, and tells what to do.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
cli.command("up")(up.up)
cli.command("worker")(worker.worker)
cli.command("demo")(demo.demo)
cli.command("ask")(ask.ask)
cli.command("ingest")(ingest.ingest)
cli.command("connect")(connect.connect)
cli.add_typer(runs.cli, name="runs")
cli.add_typer(approvals.cli, name="approvals")
cli.add_typer(inbox.cli, name="inbox")
cli.add_typer(audit.cli, name="audit")
cli.add_typer(policy.cli, name="policy")
cli.add_typer(preferences.cli, name="preferences")
cli.add_typer(people.cli, name="people")
cli.add_typer(sandbox.cli, name="sandbox")
cli.command("budget")(budget.budget)


def main() -> None:
    """Runs a command; an expected error is one sentence with its remedy, and exit code 1."""
    from tools.kit.errors import DeusError

    try:
        cli()
    except DeusError as error:
        print(f"deus: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
