"""Intercom: what customers ask support."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Sequence

from pydantic import Field, SecretStr

from tools.kit.auth import Token
from tools.kit.connector import Connector, LinkedSettings, Sight, serves, together
from tools.kit.paging import by_cursor, first
from tools.kit.wire import Json, WireOptions
from tools.nouns import Ticket, utc
from tools.verbs import TicketsSearch

_VERSION = "2.15"
_INBOXES = {
    "https://api.intercom.io": "https://app.intercom.com",
    "https://api.eu.intercom.io": "https://app.eu.intercom.com",
    "https://api.au.intercom.io": "https://app.au.intercom.com",
}
_STATES = {"submitted": "open", "in_progress": "open", "waiting_on_customer": "pending", "resolved": "solved"}
_PER_PAGE = 150
_MOST_FILTERS = 15  # in one group of a search
_MOST_TICKETS = 5000


class Intercom(Connector):
    """Support tickets with the company, the e-mail address and the plan of who asked."""

    name = "intercom"
    title = "Intercom"

    class Settings(LinkedSettings):
        base_url: str = Field(
            "https://api.intercom.io", description="api.intercom.io, or api.eu. or api.au. for those regions"
        )
        token: SecretStr = Field(description="an access token: Developer Hub → your app → Authentication")

    @classmethod
    def wire_options(cls, settings: Settings) -> WireOptions:
        return WireOptions(
            base_url=settings.base_url, auth=Token(settings.token), headers={"Intercom-Version": _VERSION}
        )

    _app: str | None = None

    async def check(self) -> Sight:
        me = (await self.wire.get("/me")).data
        return Sight(f"{me['app']['name']} as {me['email']}", ("tickets", "contacts", "companies"))

    @serves(TicketsSearch)
    async def tickets(self, request: TicketsSearch) -> Sequence[Ticket]:
        """Tickets made in the period whose title or description holds any of the words, newest first."""
        filters: list[Json] = [
            {
                "field": "created_at",
                "operator": ">",
                "value": int(request.since.timestamp()) - 1 if request.since else 0,
            }
        ]
        if request.until:
            filters.append({"field": "created_at", "operator": "<", "value": int(request.until.timestamp()) + 1})
        if request.state != "all":
            filters.append({"field": "open", "operator": "=", "value": request.state != "solved"})
        # Intercom looks for parts of words, so that "it" would be in every other ticket.
        words = (re.findall(r"\w{3,}", request.text) or re.findall(r"\w+", request.text))[: _MOST_FILTERS // 2]
        if words:
            said = [{"field": f, "operator": "~", "value": word} for word in words for f in ("title", "description")]
            filters.append({"operator": "OR", "value": said})
        app = await self._app_code()
        records = await first(self._search("tickets", {"operator": "AND", "value": filters}), _MOST_TICKETS)
        chosen = [record for record in records if self._wanted(record, request)]
        chosen.sort(key=lambda record: record["created_at"], reverse=True)
        chosen = chosen[: request.limit]
        contacts = await self._contacts(record for ticket in chosen for record in _contacts_of(ticket))
        companies = await self._companies(contacts.values())
        return [self._ticket(record, app, contacts, companies) for record in chosen]

    @staticmethod
    def _wanted(record: Json, request: TicketsSearch) -> bool:
        at = utc(record["created_at"])
        in_time = (request.since is None or at >= request.since) and (request.until is None or at < request.until)
        return in_time and request.state in ("all", _state(record))

    async def _search(self, kind: str, query: Json) -> AsyncIterator[Json]:
        async def fetch(cursor: str | None) -> Json:
            pagination = {"per_page": _PER_PAGE, **({"starting_after": cursor} if cursor else {})}
            return (await self.wire.post(f"/{kind}/search", {"query": query, "pagination": pagination})).data

        def following(page: Json) -> str | None:
            after = ((page.get("pages") or {}).get("next") or {}).get("starting_after")
            return None if after is None else str(after)

        async for page in by_cursor(fetch, following):
            for record in page["data"] if "data" in page else page[kind]:
                yield record

    async def _app_code(self) -> str:
        """The workspace's code, which the addresses of its inbox carry."""
        if self._app is None:
            self._app = str((await self.wire.get("/me")).data["app"]["id_code"])
        return self._app

    async def _contacts(self, ids: Iterable[str]) -> dict[str, Json]:
        wanted = list(dict.fromkeys(ids))
        if not wanted:
            return {}
        groups = [wanted[i : i + 100] for i in range(0, len(wanted), 100)]
        found = await together(
            first(self._search("contacts", {"field": "id", "operator": "IN", "value": group}), len(group))
            for group in groups
        )
        return {contact["id"]: contact for contacts in found for contact in contacts}

    async def _companies(self, contacts: Iterable[Json]) -> dict[str, Json]:
        ids = list(dict.fromkeys(held["id"] for contact in contacts for held in _companies_of(contact)))
        found = await together(self.wire.get(f"/companies/{company}") for company in ids)
        return {company: answer.data for company, answer in zip(ids, found, strict=True)}

    def _ticket(self, record: Json, app: str, contacts: dict[str, Json], companies: dict[str, Json]) -> Ticket:
        attributes = record.get("ticket_attributes") or {}
        contact: Json = next((contacts[c] for c in _contacts_of(record) if c in contacts), {})
        company: Json = next((companies[held["id"]] for held in _companies_of(contact) if held["id"] in companies), {})
        return Ticket(
            service=self.name,
            ref=record["ticket_id"],
            url=f"{self._inbox()}/a/inbox/{app}/ticket/{record['ticket_id']}",
            at=utc(record["created_at"]),
            title=attributes.get("_default_title_") or "",
            body=attributes.get("_default_description_") or "",
            state=_state(record),
            customer=company.get("name") or contact.get("name"),
            email=contact.get("email"),
            plan=_attribute(attributes, "plan")
            or (company.get("plan") or {}).get("name")
            or _attribute(contact.get("custom_attributes") or {}, "plan"),
            issue=_attribute(attributes, "issue"),
            updated_at=utc(record["updated_at"]) if record.get("updated_at") else None,
        )

    def _inbox(self) -> str:
        return str(self.settings.site(_INBOXES))


def _state(record: Json) -> str:
    return _STATES[record["ticket_state"]["category"]]


def _contacts_of(ticket: Json) -> list[str]:
    return [contact["id"] for contact in (ticket.get("contacts") or {}).get("contacts") or ()]


def _companies_of(contact: Json) -> list[Json]:
    return (contact.get("companies") or {}).get("data") or []


def _attribute(attributes: Json, word: str) -> str | None:
    """The value of the first custom attribute whose name has a word: "Plan", "Linear issue"."""
    for name, value in attributes.items():
        if word in name.lower().split() and isinstance(value, str) and value:
            return value
    return None
