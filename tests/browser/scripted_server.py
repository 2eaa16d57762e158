"""The real server over scripted runs, slow enough to be interrupted: `python -m tests.browser.scripted_server`."""

from __future__ import annotations

import sys
from contextlib import AbstractAsyncContextManager
from typing import Any

import uvicorn

from app.main import create_app
from app.settings import load_settings
from tests.channels.fake_conversations import open_scripted


def main(port: str, data: str, password: str) -> None:
    """Serves until it is killed; a run takes about five seconds."""
    settings = load_settings({"DEUS_PORT": port, "DEUS_DATA_DIR": data, "DEUS_PASSWORD": password})

    def opened(chosen: Any) -> AbstractAsyncContextManager[Any]:
        return open_scripted(chosen, pace=0.8)

    uvicorn.run(create_app(settings, opened), host="127.0.0.1", port=int(port), log_level="warning")


if __name__ == "__main__":
    main(*sys.argv[1:])
