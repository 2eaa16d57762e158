"""What can be changed at PostHog: who gets a feature flag."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from tools.kit.action import Action, Change, Landed, Repeat, Target
from tools.kit.errors import BadArgument, NotFound
from tools.kit.wire import Params
from tools.nouns import Where
from tools.posthog.flags import excluding, groups, including, readmitting, sentence, shared
from tools.writes import FlagsSet

if TYPE_CHECKING:
    from tools.posthog import PostHog

Json = Any
# What PostHog itself knows of a person's country: "DE", and "Germany".
COUNTRY, COUNTRY_NAME = "$geoip_country_code", "$geoip_country_name"


class SetFlag(Action[Any, FlagsSet]):
    """A flag's conditions are replaced as a whole; PostHog refuses it where somebody has changed them meanwhile."""

    connector: PostHog
    verb = FlagsSet
    repeat: ClassVar[Repeat] = "idempotent"

    async def preview(self, request: FlagsSet) -> Change:
        flag = await self._flag(request.ref)
        where = await self._where(request.where, flag["filters"])
        wanted = self._wanted(request, where, flag)
        former = {"active": flag["active"], "filters": flag["filters"]}
        before, after = _words(former), _words(wanted)
        return Change(
            target=Target(
                service="posthog",
                kind="flag",
                ref=flag["key"],
                title=flag.get("name") or flag["key"],
                url=self.connector.url(f"feature_flags/{flag['id']}"),
                environment="production",
            ),
            before=before,
            after=after,
            bound={"id": flag["id"], "version": flag.get("version"), "wanted": wanted, "former": former},
            undo="put the former conditions back",
            warnings=tuple(_warnings(request, flag, wanted)),
        )

    async def do(self, request: FlagsSet, change: Change, key: str) -> Landed:
        bound = change.bound
        # With the version that was read comes what it held, by which PostHog tells a conflict from the same once more.
        known = {} if bound["version"] is None else {"version": bound["version"], "original_flag": bound["former"]}
        flag = await self._patch(bound["id"], {**bound["wanted"], **known})
        return Landed(
            ref=change.target.ref,
            url=change.target.url,
            title=change.target.title,
            state=_words(flag),
            said=f"PostHog has {flag['key']} {_words(flag)['state']} now: {sentence(flag['filters'])}.",
            undo=bound["former"],
        )

    async def state(self, change: Change, landed: Landed) -> Mapping[str, Any] | None:
        try:
            flag = await self.connector.get(f"feature_flags/{change.bound['id']}/")
        except NotFound:
            return None
        return None if flag.get("deleted") else _words(flag)

    async def undo(self, change: Change, landed: Landed, key: str) -> None:
        await self._patch(change.bound["id"], landed.undo)

    async def _patch(self, ident: int, fields: Mapping[str, Json]) -> Json:
        path = f"/api/projects/{self.connector.settings.project_id}/feature_flags/{ident}/"
        return (await self.connector.wire.request("PATCH", path, body=dict(fields))).data

    async def _flag(self, key: str) -> Json:
        listed = [one async for one in self.connector.pages("feature_flags/", {"limit": 100}) if not one.get("deleted")]
        found = next((one for one in listed if one["key"].casefold() == key.strip().casefold()), None)
        if found is None:
            near = difflib.get_close_matches(key, [one["key"] for one in listed], n=5, cutoff=0.4)
            hint = f"Near it: {', '.join(near)}." if near else "flags.list names all."
            raise self._unclear(f"PostHog has no flag {key!r}. {hint}")
        return await self.connector.get(f"feature_flags/{found['id']}/")

    async def _where(self, asked: Where, filters: Json) -> Where:
        """The same conditions by the names that PostHog has for these properties of a person."""
        if not asked:
            return {}
        used = {key for where, _ in groups(filters) for key in where}
        params: Params = {"type": "person", "limit": 100}
        known = used | {one["name"] async for one in self.connector.pages("property_definitions/", params)}
        return dict([await self._condition(key, value, known) for key, value in asked.items()])

    async def _condition(self, key: str, value: str, known: set[str]) -> tuple[str, str]:
        """A property and a value as PostHog has them. A value that nobody has would change nothing, unnoticed."""
        place = COUNTRY if len(value) == 2 else COUNTRY_NAME
        name = key if key in known else place if key == "country" and place in known else None
        if name is None:
            near = difflib.get_close_matches(key, sorted(known), n=5, cutoff=0.4)
            hint = f" Near it: {', '.join(near)}." if near else ""
            raise self._unclear(f"PostHog knows no property {key!r} of a person.{hint}")
        seen = await self.connector.values(name, value)
        same = next((one for one in seen if one.casefold() == value.casefold()), None)
        if same is None and (there := await self.connector.values(name)):
            raise self._unclear(f"PostHog has seen no {name} {value!r}; it has {', '.join(there[:10])}.")
        return name, same or value

    def _wanted(self, request: FlagsSet, where: Where, flag: Json) -> dict[str, Json]:
        """`active` and `filters` as they shall be."""
        filters, active, share = flag["filters"], bool(flag["active"]), request.share
        if request.on is None and share is None:
            raise self._unclear("Say whether the flag shall be on or off, or for which share.")
        if request.on is False and share is not None:
            raise self._unclear("A flag that is off has no share: say either.")
        if (
            any(group.get("aggregation_group_type_index") is not None for group in filters.get("groups") or ())
            and where
        ):
            raise self._unclear(f"{flag['key']} is released to groups, not to persons: no property of a person counts.")
        if not where:
            return {
                "active": active if request.on is None else request.on,
                "filters": filters if share is None else shared(filters, share),
            }
        if request.on is False:
            return {"active": active, "filters": excluding(filters, where)}
        if not active:
            # Its other conditions would come to life with it, though nobody has asked for them.
            return {"active": True, "filters": including({**filters, "groups": []}, where, _or_all(share))}
        if share is None:
            back = readmitting(filters, where)
            return {"active": True, "filters": back or including(filters, where, 100)}
        return {"active": True, "filters": including(excluding(filters, where), where, share)}

    def _unclear(self, why: str) -> BadArgument:
        return BadArgument(why, service=self.connector.name)


def _or_all(share: float | None) -> float:
    return 100 if share is None else share


def _words(flag: Json) -> dict[str, str]:
    return {"state": "on" if flag["active"] else "off", "who gets it": sentence(flag["filters"])}


def _warnings(request: FlagsSet, flag: Json, wanted: Json) -> list[str]:
    found = []
    if _words(flag) == _words(wanted):
        found.append("It is so already.")
    elif not flag["active"] and not wanted["active"]:
        found.append("The flag stays off: nobody gets it, whatever its conditions say.")
    if request.where and wanted["active"] and not flag["active"]:
        found.append(f"Its former conditions go: {sentence(flag['filters'])}. Undoing brings them back.")
    if flag.get("experiment_set"):
        found.append("An experiment measures by this flag; its result will be off.")
    return found


ACTIONS = (SetFlag,)
