"""`deus demo`: the demo company, and the product over it."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Annotated

import typer

World = Annotated[
    Path | None, typer.Option("--world", help="A world file; the built-in company if left out.", dir_okay=False)
]


def demo(
    world: World = None,
    refs: Annotated[bool, typer.Option("--refs", help="Print where each artefact appears, as JSON, and end.")] = False,
    port: Annotated[int, typer.Option(help="Where the web chat listens.")] = 8000,
    demo_port: Annotated[int, typer.Option(help="Where the demo company's tools listen.")] = 8001,
    data_dir: Annotated[Path | None, typer.Option(help="Where the demo's runs are kept.")] = None,
) -> None:
    """Start Deus on a demo company, with no key and no network."""
    from app.demo.company import open_company
    from app.demo.customer_site import widget_settings
    from app.demo.place import built_in, company_settings, slack_settings
    from app.demo.world import BadWorld, read_world
    from tools.kit.errors import UserMustMend

    try:
        company = open_company(read_world(world or built_in()), f"http://127.0.0.1:{demo_port}")
    except BadWorld as error:
        raise UserMustMend(str(error)) from error
    if refs:
        shown = {
            name: {"service": ref.service, "ref": ref.ref, "url": ref.url, "kind": artefact.kind}
            for name, ref in company.refs.items()
            if (artefact := company.get(name)) is not None
        }
        print(json.dumps(shown, indent=2))
        return
    from app.cli.up import serve
    from app.demo.process import running
    from app.demo.vendors.slack_doorbell import Doorbell

    directory = data_dir or Path(".deus") / f"demo-{company.facts.name.lower()}"
    # A secret of this start alone, which only the demo's Slack and Deus know.
    doorbell = Doorbell(f"http://127.0.0.1:{port}", secrets.token_hex(32))
    with running(world or built_in(), demo_port, kept=directory, doorbell=doorbell) as base:
        print(f"\n  The company's own Slack, with Deus in it: {base}/slack/posted", flush=True)
        print(f"  The company's page for its customers, with the widget: {base}/site", flush=True)
        settings = company_settings(company, base, directory, port)
        widget = widget_settings(base, doorbell.secret)
        serve({**settings, **slack_settings(company, base, doorbell.secret), **widget})
