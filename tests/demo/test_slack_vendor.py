"""What the demo's Slack serves has the form that Slack's description and its recorded answers give it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft4Validator  # type: ignore[import-untyped]

from app.demo.refs import channel_id, user_id
from tests.companies import demo_of
from tests.connectors.writing import Fresh
from tests.demo.exchanges import noted
from tools.kit.connector import Connector
from tools.verbs import MessagesSearch, MessagesThread, PeopleFind

SLACK = "http://127.0.0.1:8001/slack/api"
AUTH = {"Authorization": "Bearer demo-slack"}
Client = Callable[[str, Path], httpx.AsyncClient]
Connect = Callable[..., Awaitable[Connector]]

# The description is of 2021 and archived: it wants counters in a history that Slack no longer sends, and knows no
# cursor there. What else it says holds.
OUTDATED = ("'channel_actions_ts' is a required", "'channel_actions_count' is a required", "Additional properties")


def load(path: Path) -> Any:
    return json.loads(gzip.decompress(path.read_bytes()))


async def test_every_exchange_with_the_connector_is_as_described(
    connect: Connect, shared: Path, each_world: Path
) -> None:
    spec = load(shared / "vendor" / "specs" / "slack" / "web_openapi_v2.json.gz")
    connector = await connect("slack", each_world)
    exchanges = noted(connector)
    await connector.check()
    messages = await connector.call(MessagesSearch())
    await connector.call(MessagesThread(ref=messages[0].ref))
    await connector.call(PeopleFind())
    methods = set()
    for answer in exchanges:
        method = answer.request.url.path.rsplit("/", 1)[-1]
        methods.add(method)
        described = spec["paths"][f"/{method}"]["get"]
        assert set(answer.request.url.params) <= {p["name"] for p in described["parameters"] if p["in"] == "query"}
        schema = {**described["responses"]["200"]["schema"], "definitions": spec["definitions"]}
        found = [f"{list(e.absolute_path)} {e.message}" for e in Draft4Validator(schema).iter_errors(answer.json())]
        assert [problem for problem in found if not any(known in problem for known in OUTDATED)] == [], method
    assert methods == {
        "auth.test", "conversations.list", "conversations.history", "conversations.replies", "conversations.info",
        "users.list",
    }  # fmt: skip


@pytest.mark.parametrize(("method", "key"), [("conversations.list", "channels"), ("users.list", "members")])
async def test_every_key_is_one_that_slack_sends(
    method: str, key: str, vendor_client: Client, shared: Path, acme: Path
) -> None:
    recorded = load(shared / "vendor" / "shapes" / "api-responses.shapes.json.gz")[method][key][0]
    answer = await vendor_client("slack", acme).get(method, headers=AUTH)
    for record in answer.json()[key]:
        assert set(record) <= set(recorded)
        assert set(record.get("profile", {})) <= set(recorded.get("profile", {}))


async def test_pages_follow_their_cursor(vendor_client: Client, acme: Path) -> None:
    client, cursor, seen = vendor_client("slack", acme), "", []
    while True:
        answer = (await client.get("users.list", params={"limit": 2, "cursor": cursor}, headers=AUTH)).json()
        assert len(answer["members"]) <= 2
        seen += [member["profile"]["email"] for member in answer["members"]]
        cursor = answer["response_metadata"]["next_cursor"]
        if not cursor:
            break
    assert seen == [member.email for member in demo_of(acme).company.people]


@pytest.mark.parametrize(
    ("method", "params", "headers", "error"),
    [
        ("auth.test", {}, {}, "not_authed"),
        ("auth.test", {}, {"Authorization": "Bearer other"}, "invalid_auth"),
        ("conversations.history", {"channel": "C0NOWHERE"}, AUTH, "channel_not_found"),
        ("conversations.info", {"channel": "C0NOWHERE"}, AUTH, "channel_not_found"),
        ("conversations.replies", {"channel": channel_id("auth"), "ts": "1.2"}, AUTH, "thread_not_found"),
        ("chat.getPermalink", {"channel": channel_id("auth"), "message_ts": "1.2"}, AUTH, "message_not_found"),
        ("users.list", {"cursor": "x"}, AUTH, "invalid_cursor"),
        ("search.messages", {"query": "x"}, AUTH, "not_allowed_token_type"),
        ("no.method", {}, AUTH, "unknown_method"),
    ],
)
async def test_failures_are_told_under_200(
    method: str, params: dict[str, str], headers: dict[str, str], error: str, vendor_client: Client, acme: Path
) -> None:
    answer = await vendor_client("slack", acme).get(method, params=params, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"ok": False, "error": error})


async def test_a_history_holds_no_answers_and_is_bounded_by_time(vendor_client: Client, acme: Path) -> None:
    client, company = vendor_client("slack", acme), demo_of(acme).company
    told = (await client.get("conversations.history", params={"channel": channel_id("auth")}, headers=AUTH)).json()
    assert [message["ts"] for message in told["messages"]] == [company.ref("msg-70").number]
    assert told["messages"][0]["reply_count"] == 2
    assert told["messages"][0]["latest_reply"] == company.ref("msg-72").number
    late = {"channel": channel_id("auth"), "oldest": company.ref("msg-70").number}
    assert (await client.get("conversations.history", params=late, headers=AUTH)).json()["messages"] == []


async def test_what_is_written_is_answered_as_described(shared: Path, acme: Path) -> None:
    spec = load(shared / "vendor" / "specs" / "slack" / "web_openapi_v2.json.gz")
    slack, growth, tom = Fresh("slack", acme).client, channel_id("growth"), user_id("tom")

    async def send(method: str, body: dict[str, Any]) -> Any:
        answer = await slack.post(f"{SLACK}/{method}", json=body, headers=AUTH)
        told = answer.json()
        described = spec["paths"][f"/{method}"]["post"]["responses"]["200"]["schema"]
        schema = {**described, "definitions": spec["definitions"]}
        found = [e.message for e in Draft4Validator(schema).iter_errors(told)] if told["ok"] else []
        assert [problem for problem in found if not any(known in problem for known in OUTDATED)] == [], method
        return told

    posted = await send("chat.postMessage", {"channel": growth, "text": "up again"})
    assert posted["message"]["bot_id"] == "B0DEUS000"
    direct = await send("conversations.open", {"users": tom})
    assert (await send("conversations.open", {"users": tom}))["channel"] == direct["channel"]
    assert (await send("chat.postMessage", {"channel": direct["channel"]["id"], "text": "for you"}))["ok"]
    gone = {"channel": growth, "ts": posted["ts"]}
    assert await send("chat.delete", gone) == {"ok": True, **gone}
    for method, body, error in [
        ("chat.delete", gone, "message_not_found"),
        ("chat.delete", {"channel": channel_id("auth"), "ts": demo_of(acme).company.ref("msg-70").number},
         "cant_delete_message"),
        ("chat.delete", {"channel": "C0NOWHERE", "ts": "1.2"}, "channel_not_found"),
        ("chat.postMessage", {"channel": "C0NOWHERE", "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": growth, "text": " "}, "no_text"),
        ("chat.postMessage", {"channel": growth, "text": "x" * 40_001}, "msg_too_long"),
        ("chat.postMessage", {"channel": growth, "text": "x", "metadata": "{"}, "invalid_metadata_format"),
        ("chat.postMessage", {"channel": growth, "text": "x", "metadata": {"a": 1}}, "invalid_metadata_schema"),
        ("conversations.open", {}, "users_list_not_supplied"),
        ("conversations.open", {"users": "U0NOBODY"}, "user_not_found"),
    ]:  # fmt: skip
        assert await send(method, body) == {"ok": False, "error": error}


async def test_a_form_is_taken_as_well_and_metadata_shown_to_who_asks(acme: Path) -> None:
    slack, growth = Fresh("slack", acme).client, channel_id("growth")
    metadata = {"event_type": "noted", "event_payload": {"key": "k1"}}
    form = {"channel": growth, "text": "by form", "metadata": json.dumps(metadata)}
    assert (await slack.post(f"{SLACK}/chat.postMessage", data=form, headers=AUTH)).json()["ok"]
    for asked, shown in ({}, None), ({"include_all_metadata": "true"}, metadata):
        told = await slack.get(f"{SLACK}/conversations.history", params={"channel": growth, **asked}, headers=AUTH)
        assert told.json()["messages"][0]["text"] == "by form"
        assert told.json()["messages"][0].get("metadata") == shown
