"""Writes that the demo's PostHog can take, for the contract suite of actions."""

from __future__ import annotations

from tests.actions import Sample
from tools.kit.action import Change, Landed
from tools.posthog import PostHog
from tools.writes import FlagsSet

SETUP = "guided-setup"  # acme's flag, at 25 % of everybody


async def changed(posthog: PostHog, change: Change, landed: Landed) -> None:
    filters = {"groups": [{"properties": [], "rollout_percentage": 3}]}
    path = f"/api/projects/1/feature_flags/{change.bound['id']}/"
    await posthog.wire.request("PATCH", path, body={"active": True, "filters": filters})


SAMPLES = {
    "flags.set": Sample(
        FlagsSet(ref=SETUP, on=False, where={"country": "DE"}),
        changed,
        (
            FlagsSet(ref="no-such-flag", on=False),
            FlagsSet(ref=SETUP),
            FlagsSet(ref=SETUP, on=False, share=10),
            FlagsSet(ref=SETUP, on=False, where={"countrie": "DE"}),
            FlagsSet(ref=SETUP, on=False, where={"country": "Atlantis"}),
        ),
    ),
    "flags.set/off": Sample(FlagsSet(ref=SETUP, on=False), changed, (FlagsSet(ref="guided", on=False),)),
    "flags.set/share": Sample(FlagsSet(ref=SETUP, share=50), changed, (FlagsSet(ref="?", share=5),)),
    "flags.set/some": Sample(
        FlagsSet(ref=SETUP, on=True, share=80, where={"country": "DE", "device": "mobile"}),
        changed,
        (FlagsSet(ref=SETUP, on=True, where={"planet": "Mars"}),),
    ),
}
