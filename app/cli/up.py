"""`deus up`: the server with the web chat and the API."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from app.settings import Settings


def up(
    help_settings: Annotated[
        bool, typer.Option("--help-settings", help="List every setting with its default and meaning, and end.")
    ] = False,
) -> None:
    """Start Deus with the services that are connected: web chat, API, runs."""
    if help_settings:
        from app.settings import Settings

        for name, default, meaning in Settings.help():
            print(f"{name}\n    {meaning}" + (f"  [default: {default}]" if default else ""))
        return
    serve({})


def serve(more: Mapping[str, str]) -> None:
    """Runs the server until it is stopped; `more` are settings that go before those of the environment."""
    import uvicorn

    from app.channels.sign_in import sign_in
    from app.main import create_app
    from app.settings import load_settings

    settings = load_settings({**os.environ, **more})
    _print_welcome(settings, sign_in(settings.data_dir, settings.user, settings.password))
    # Uvicorn ends by raising the signal that stopped it. SIGTERM must unwind like Ctrl-C, or the demo's tools live on.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        create_app(settings, tell=lambda line: print(f"  {line}", flush=True)),
        host=settings.host,
        port=settings.port,
        log_level="warning",
        timeout_graceful_shutdown=5,
    )


def _print_welcome(settings: Settings, account: object) -> None:
    user, password = getattr(account, "user", ""), getattr(account, "password", "")
    print(f"\n  Deus is starting on http://{settings.host}:{settings.port}")
    print(f"  Sign in as {user} with the password {password}")
    print("  Stop it with Ctrl-C.\n", flush=True)
