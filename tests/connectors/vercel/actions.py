"""Writes that the demo's Vercel can take, for the contract suite of actions."""

from __future__ import annotations

from tests.actions import Sample
from tools.kit.action import Change, Landed
from tools.vercel import Vercel
from tools.vercel.production import point
from tools.writes import DeploysPromote, DeploysRedeploy, DeploysRollback

# Deployments of acme: two of the sign-up form's part, one that failed, two of the api, newest last.
FORM, COOKIES, FAILED = "dpl_5fe2338bc3f882cd0eb65838", "dpl_1ecdb856b8967ffa860fc202", "dpl_b9642256cffd7f2102d2d285"
API_BEFORE, API = "dpl_347e55303f6538005c38a5aa", "dpl_5e438a1aef216623f896d197"


async def promoted(vercel: Vercel, change: Change, landed: Landed) -> None:
    await point(vercel, change.bound["project"], change.bound["from"], "v10/promote")


async def cancelled(vercel: Vercel, change: Change, landed: Landed) -> None:
    await vercel.wire.request("PATCH", f"v12/deployments/{landed.ref}/cancel")


SAMPLES = {
    "deploys.rollback": Sample(
        DeploysRollback(component="api"),
        promoted,
        (
            DeploysRollback(component="website"),
            DeploysRollback(component="web", to=FAILED),
            DeploysRollback(component="web", to=COOKIES),
            DeploysRollback(component="web", bad=API),
        ),
    ),
    "deploys.rollback/bad": Sample(
        DeploysRollback(component="web", bad=FORM), promoted, (DeploysRollback(component="web", to="dpl_nothing"),)
    ),
    "deploys.promote": Sample(
        DeploysPromote(ref=API_BEFORE),
        promoted,
        (DeploysPromote(ref="dpl_nothing"), DeploysPromote(ref=FAILED), DeploysPromote(ref=API)),
    ),
    "deploys.redeploy": Sample(DeploysRedeploy(ref=COOKIES), cancelled, (DeploysRedeploy(ref="dpl_nothing"),)),
}
