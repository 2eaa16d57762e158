"""`deus connect teams`: the app's manifest, and what has to be made at Microsoft, step by step."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from tools.kit.errors import DeusError, UserMustMend

if TYPE_CHECKING:
    from app.settings import Settings

STEPS = """Deus becomes somebody in Teams in three steps (docs/teams.md says more):

  1. portal.azure.com → Azure Bot, Single Tenant. Its messaging endpoint is {address}/teams/messages, and
     its channel is Microsoft Teams.
  2. Set DEUS_TEAMS_APP_ID, DEUS_TEAMS_APP_SECRET (a client secret's value) and DEUS_TEAMS_TENANT_ID.
  3. Run `deus connect teams --manifest > manifest.json`, zip it with color.png (192 × 192) and outline.png (32 × 32),
     and upload the zip in Teams: Apps → Manage your apps → Upload an app."""


def connect_teams(address: str | None, *, check: bool, manifest_alone: bool, forget: bool) -> None:
    """Prints the manifest alone, or says what is still to be done, and tries what is set.

    Raises UserMustMend, naming what to mend.
    """
    from app.channels.teams import checked
    from app.channels.teams_manifest import manifest
    from app.settings import load_settings

    if forget:
        raise UserMustMend("The vault keeps nothing for Teams.", remedy="Remove the settings DEUS_TEAMS_….")
    settings = load_settings()
    public = (address or settings.public_url or "").rstrip("/")
    if manifest_alone:
        if settings.teams_app_id is None or not public.startswith("https://"):
            raise UserMustMend(
                "The manifest names the app and where Deus is reached.",
                remedy="Set DEUS_TEAMS_APP_ID, and DEUS_PUBLIC_URL or --http to Deus's https address.",
            )
        print(json.dumps(manifest(settings.teams_app_id, public), indent=2, ensure_ascii=False))
        return
    if settings.teams_app_id is None:
        if check:
            raise UserMustMend("Teams is not set up.", remedy="`deus connect teams` says what is to be done.")
        print(STEPS.format(address=public or "https://your-deus"))
        return
    checked(settings)
    asyncio.run(_tried(settings))
    print("Microsoft gives Deus its token: app id, secret and tenant fit together.")
    if not public.startswith("https://"):
        print("Teams reaches Deus by DEUS_PUBLIC_URL, which is not set to an https address yet.")


async def _tried(settings: Settings) -> None:
    """Fetches a token, as answering in Teams will."""
    from app.channels.teams_tokens import BotToken
    from tools.kit.wire import open_client

    app_id, secret, tenant = settings.teams_app_id, settings.teams_app_secret, settings.teams_tenant_id
    assert app_id is not None
    assert secret is not None
    assert tenant is not None
    async with open_client() as client:
        try:
            await BotToken(client, settings.teams_login_url, tenant, app_id, secret.get_secret_value()).current()
        except DeusError as error:
            raise UserMustMend(
                f"Microsoft gives Deus no token: {error.message}",
                remedy="Look at DEUS_TEAMS_APP_ID and DEUS_TEAMS_TENANT_ID; the secret is its value, not its id.",
            ) from error
