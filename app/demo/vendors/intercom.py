"""Intercom 2.15 as its API documents it: tickets, contacts and companies, by search and by id."""

from __future__ import annotations

import hashlib
import json
import operator
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from app.demo.vendors.page import page
from app.demo.vendors.vendor import Demo
from app.demo.world import Artefact

CREDENTIALS = {"token": "demo-intercom"}
Json = Any
_CATEGORIES = {"open": "submitted", "pending": "waiting_on_customer", "solved": "resolved"}
_LABELS = {"submitted": "Submitted", "waiting_on_customer": "Waiting on you", "resolved": "Resolved"}
_COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, ">": operator.gt,
    "~": lambda there, word: str(word).lower() in str(there or "").lower(),
    "!~": lambda there, word: str(word).lower() not in str(there or "").lower(),
    "IN": lambda there, values: there in values, "NIN": lambda there, values: there not in values,
}  # fmt: skip
_DATES = frozenset({"created_at", "updated_at"})


class Refusal(Exception):
    """A request that Intercom would not answer."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def routes(demo: Demo) -> Sequence[BaseRoute]:
    """Intercom's routes: the API, and the inbox's pages for people."""
    served = Intercom(demo)
    return [
        Route("/me", _guarded(served.me)),
        Route("/tickets/search", _guarded(served.search_tickets), methods=["POST"]),
        Route("/tickets/{id}", _guarded(served.ticket)),
        Route("/contacts/search", _guarded(served.search_contacts), methods=["POST"]),
        Route("/contacts/{id}", _guarded(served.contact)),
        Route("/companies/{id}", _guarded(served.company_record)),
        Route("/a/inbox/{app}/ticket/{ticket}", served.ticket_page),
    ]


class Intercom:
    """One workspace, whose records are made once."""

    def __init__(self, demo: Demo) -> None:
        self.company = demo.company
        self.code = re.sub(r"[^a-z0-9]+", "-", demo.company.facts.name.lower()).strip("-")
        self.contacts: dict[str, Json] = {}
        self.companies: dict[str, Json] = {}
        tickets = [self._ticket(artefact) for artefact in demo.company.of_kind("ticket")]
        self.tickets = sorted(tickets, key=lambda ticket: ticket["created_at"], reverse=True)

    async def me(self, request: Request) -> Json:
        """The admin to whom the token belongs."""
        [member, *_] = sorted(self.company.people, key=lambda person: "support" not in person.role)
        zone = str(self.company.facts.timezone)
        return {
            "type": "admin", "id": "1", "name": member.name, "email": member.email, "email_verified": True,
            "has_inbox_seat": True,
            "app": {"type": "app", "id_code": self.code, "name": self.company.facts.name, "region": "US",
                    "created_at": int(self.company.now.timestamp()) - 90_000_000, "secure": False,
                    "identity_verification": False, "timezone": zone},
        }  # fmt: skip

    async def search_tickets(self, request: Request) -> Json:
        """Tickets that match a query, page by page."""
        fields = {
            "id": lambda t: t["id"],
            "created_at": lambda t: t["created_at"],
            "updated_at": lambda t: t["updated_at"],
            "title": lambda t: t["ticket_attributes"]["_default_title_"],
            "description": lambda t: t["ticket_attributes"]["_default_description_"],
            "open": lambda t: t["open"],
            "category": lambda t: t["category"],
        }
        found, pages = await _searched(request, self.tickets, fields)
        return {"type": "ticket.list", "tickets": found, **pages}

    async def search_contacts(self, request: Request) -> Json:
        """Contacts that match a query, page by page."""
        names = ("id", "name", "email", "role", "external_id", "created_at", "updated_at")
        fields = {name: operator.methodcaller("get", name) for name in names}
        found, pages = await _searched(request, list(self.contacts.values()), fields)
        return {"type": "list", "data": found, **pages}

    async def ticket(self, request: Request) -> Json:
        """One ticket by its id."""
        found = [ticket for ticket in self.tickets if ticket["id"] == request.path_params["id"]]
        return found[0] if found else _absent("ticket_not_found", "Ticket not found")

    async def contact(self, request: Request) -> Json:
        """One contact by its id."""
        return self.contacts.get(request.path_params["id"]) or _absent("not_found", "User Not Found")

    async def company_record(self, request: Request) -> Json:
        """One company by its id."""
        return self.companies.get(request.path_params["id"]) or _absent("company_not_found", "Company Not Found")

    def ticket_page(self, request: Request) -> Response:
        """A ticket as a person sees it."""
        number = request.path_params["ticket"]
        found = next((ticket for ticket in self.tickets if ticket["ticket_id"] == number), None)
        if found is None:
            return page("Ticket not found", "Intercom", [], "")
        attributes = found["ticket_attributes"]
        contact = self.contacts[found["contacts"]["contacts"][0]["id"]]
        made = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(found["created_at"]))
        facts = [
            ("State", found["ticket_state"]["internal_label"]),
            ("Made", made),
            ("From", contact.get("email") or ""),
        ]
        facts += [(name, str(value)) for name, value in attributes.items() if not name.startswith("_") and value]
        return page(attributes["_default_title_"], "Intercom", facts, attributes["_default_description_"])

    def _ticket(self, artefact: Artefact) -> Json:
        number = self.company.ref(artefact.id).number
        made = int(artefact.at.timestamp()) if artefact.at else int(self.company.now.timestamp())
        category = _CATEGORIES[str(artefact["state"] or "open")]
        contact = self._contact(artefact, made)
        linked = self.company.refs.get(str(artefact["issue"]))
        return {
            "type": "ticket", "id": _digits(artefact.id), "ticket_id": number, "category": "Customer",
            "ticket_attributes": {
                "_default_title_": self.company.words(artefact["title"]),
                "_default_description_": self.company.words(artefact["body"]),
                "Plan": artefact["plan"], "Linear issue": linked.ref if linked else None,
            },
            "ticket_state": {"type": "ticket_state", "id": str(list(_LABELS).index(category) + 1), "category": category,
                             "internal_label": _LABELS[category], "external_label": _LABELS[category]},
            "ticket_type": {"type": "ticket_type", "id": "1", "category": "Customer", "name": "Support",
                            "description": "A question to support", "icon": "🎫", "workspace_id": self.code,
                            "archived": False, "created_at": made, "updated_at": made},
            "contacts": {"type": "contact.list",
                         "contacts": [{"type": "contact", "id": contact["id"], "external_id": contact["external_id"]}]},
            "admin_assignee_id": "0", "team_assignee_id": "0", "created_at": made, "updated_at": made,
            "open": category != "resolved", "linked_objects": {"type": "list", "data": [], "total_count": 0,
                                                                "has_more": False},
            "ticket_parts": {"type": "ticket_part.list", "ticket_parts": [], "total_count": 0}, "is_shared": True,
        }  # fmt: skip

    def _contact(self, artefact: Artefact, made: int) -> Json:
        """Who asked: the customer's address, or a visitor who left none."""
        customer = self.company.get(str(artefact["customer"])) if artefact["customer"] else None
        ident = _hex(str(artefact["customer"] or artefact.id))
        if ident not in self.contacts:
            held = [self._company(artefact, customer, made)] if artefact["customer"] else []
            links = [{"id": c["id"], "type": "company", "url": f"/companies/{c['id']}"} for c in held]
            email = str(customer["email"]) if customer and customer["email"] else None
            self.contacts[ident] = {
                "type": "contact", "id": ident, "external_id": self._external(customer),
                "workspace_id": self.code, "role": "user" if held else "lead", "name": None,
                **({"email": email, "email_domain": email.split("@")[-1]} if email else {}),
                "created_at": made, "updated_at": made, "custom_attributes": {},
                "companies": {"type": "list", "data": links, "url": f"/contacts/{ident}/companies",
                              "total_count": len(links), "has_more": False},
            }  # fmt: skip
        return self.contacts[ident]

    def _external(self, customer: Artefact | None) -> str | None:
        return self.company.ref(customer.id).ref if customer else None

    def _company(self, ticket: Artefact, customer: Artefact | None, made: int) -> Json:
        name = str(customer["name"] if customer else ticket["customer"])
        plan = str((customer["plan"] if customer else ticket["plan"]) or "")
        ident = _hex(f"company/{name}")
        self.companies[ident] = {
            "type": "company", "id": ident, "name": name, "app_id": self.code,
            "company_id": self._external(customer) or ident, "created_at": made, "updated_at": made,
            "user_count": 1, "session_count": 1, "custom_attributes": {},
            **({"plan": {"type": "plan", "id": _digits(plan), "name": plan}} if plan else {}),
            **({"monthly_spend": int(customer["mrr"])} if customer and customer["mrr"] else {}),
        }  # fmt: skip
        return self.companies[ident]


def _guarded(handler: Callable[[Request], Awaitable[Json]]) -> Callable[[Request], Awaitable[Response]]:
    """Asks for the access token, states the rate limit, and says refusals in Intercom's words."""

    async def answer(request: Request) -> Response:
        headers = {
            "x-ratelimit-limit": "10000", "x-ratelimit-remaining": "9999",
            "x-ratelimit-reset": str(int(time.time()) + 10), "intercom-version": "2.15",
        }  # fmt: skip
        try:
            if request.headers.get("authorization") != f"Bearer {CREDENTIALS['token']}":
                raise Refusal(401, "unauthorized", "Access Token Invalid")
            return JSONResponse(await handler(request), headers=headers)
        except Refusal as refusal:
            error = {"code": refusal.code, "message": refusal.message}
            listed = {"type": "error.list", "request_id": None, "errors": [error]}
            return JSONResponse(listed, refusal.status, headers)

    return answer


async def _searched(
    request: Request, records: Sequence[Json], fields: Mapping[str, Callable[[Json], Any]]
) -> tuple[list[Json], Json]:
    """One page of the records that match the request's query, and what it says about the other pages."""
    try:
        body = json.loads(await request.body())
        query, pagination = body["query"], body.get("pagination") or {}
        size = int(pagination.get("per_page") or 20)
        start = int(pagination.get("starting_after") or 0)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Refusal(400, "parameter_invalid", "The request body is not a search") from None
    if not 1 <= size <= 150:
        raise Refusal(400, "parameter_invalid", "per_page must be between 1 and 150")
    found = [record for record in records if _holds(query, record, fields)]
    more = start + size < len(found)
    pages: Json = {"type": "pages", "page": start // size + 1, "per_page": size, "total_pages": -(-len(found) // size)}
    if more:
        pages["next"] = {"per_page": size, "starting_after": str(start + size)}
    return found[start : start + size], {"total_count": len(found), "pages": pages}


def _holds(query: Json, record: Json, fields: Mapping[str, Callable[[Json], Any]]) -> bool:
    word = query.get("operator")
    if word in ("AND", "OR"):
        results = [_holds(part, record, fields) for part in query["value"]]
        if len(results) > 15:
            raise Refusal(400, "invalid_query", "A group holds at most 15 filters")
        return all(results) if word == "AND" else any(results)
    field = query.get("field")
    if field not in fields:
        raise Refusal(400, "invalid_field", f"{field} is not a searchable field")
    if word not in _COMPARED or (field in _DATES and word not in ("=", "<", ">")):
        raise Refusal(400, "invalid_operator", f"{word} is not an operator of {field}")
    value = int(query["value"]) if field in _DATES else query["value"]
    return _COMPARED[word](fields[field](record), value)


def _absent(code: str, message: str) -> Json:
    raise Refusal(404, code, message)


def _hex(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:24]


def _digits(text: str) -> str:
    return str(int(_hex(text)[:12], 16) % 10**9)
