"""What the demo company's Slack shows beside messages: modals, each person's home of the app, a thread's status."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from app.demo.vendors.slack_messages import Messages, Unposted

LONGEST = {"title": 24, "submit": 24, "close": 24}
MOST_BLOCKS = 100
LONGEST_METADATA = 3000


class Views:
    """Views by where they stand: `modals` by the trigger that opened them, `homes` by user. Their ids are counted.

    `statuses` are by thread: (words, how many messages there were).
    """

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self.modals: dict[str, Mapping[str, Any]] = {}
        self.homes: dict[str, Mapping[str, Any]] = {}
        self.statuses: dict[str, tuple[str, int]] = {}
        self.prompts: dict[str, Mapping[str, Any]] = {}
        self._made = 0

    def methods(self) -> Mapping[str, Any]:
        """By name, as the Web API has them. They raise Unposted with Slack's error."""
        return {
            "views.open": self.open,
            "views.update": self.update,
            "views.publish": self.publish,
            "assistant.threads.setStatus": self.set_status,
            "assistant.threads.setSuggestedPrompts": self.set_prompts,
            "assistant.threads.setTitle": self.set_title,
        }

    def open(self, sent: Mapping[str, Any]) -> Mapping[str, Any]:
        trigger = str(sent.get("trigger_id") or "")
        if not trigger or trigger in self.modals:
            raise Unposted("exchanged_trigger_id" if trigger else "invalid_trigger_id")
        self.modals[trigger] = self._kept(sent, "modal")
        return {"view": self.modals[trigger]}

    def update(self, sent: Mapping[str, Any]) -> Mapping[str, Any]:
        for trigger, known in self.modals.items():
            if known["id"] == sent.get("view_id"):
                self.modals[trigger] = {**self._kept(sent, "modal"), "id": known["id"]}
                return {"view": self.modals[trigger]}
        raise Unposted("not_found")

    def publish(self, sent: Mapping[str, Any]) -> Mapping[str, Any]:
        user = str(sent.get("user_id") or "")
        if not user:
            raise Unposted("invalid_arguments")
        self.homes[user] = self._kept(sent, "home")
        return {"view": self.homes[user]}

    def set_status(self, sent: Mapping[str, Any]) -> Mapping[str, Any]:
        said = str(sent.get("status") or "")
        self.statuses[str(sent.get("thread_ts") or "")] = said, self._messages.count
        return {}

    def status(self, thread: str) -> str:
        """What the app says that it does in a thread; nothing once it has answered there."""
        said, since = self.statuses.get(thread, ("", 0))
        replies = [one for told in self._messages.by_channel.values() for one in told if one.thread == thread]
        answered = any(one.posted and int(one.ts.partition(".")[2]) > since for one in replies)
        return "" if answered else said

    def set_prompts(self, sent: Mapping[str, Any]) -> Mapping[str, Any]:
        given = sent.get("prompts") or ()
        prompts = json.loads(given) if isinstance(given, str) else list(given)
        if not 0 < len(prompts) <= 4:
            raise Unposted("invalid_arguments")
        self.prompts[str(sent.get("channel_id") or "")] = {"title": sent.get("title") or "", "prompts": prompts}
        return {}

    def set_title(self, sent: Mapping[str, Any]) -> Mapping[str, Any]:
        if not sent.get("title"):
            raise Unposted("invalid_arguments")
        return {}

    def _kept(self, sent: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
        """A view as Slack takes it. Raises Unposted."""
        given = sent.get("view") or {}
        try:
            view = json.loads(given) if isinstance(given, str) else dict(given)
        except ValueError:
            raise Unposted("invalid_arguments") from None
        if view.get("type") != kind or not isinstance(view.get("blocks"), list) or len(view["blocks"]) > MOST_BLOCKS:
            raise Unposted("invalid_arguments")
        long = [name for name, most in LONGEST.items() if len(str((view.get(name) or {}).get("text") or "")) > most]
        if long or len(str(view.get("private_metadata") or "")) > LONGEST_METADATA:
            raise Unposted("invalid_arguments")
        self._made += 1
        return {**view, "id": f"V0DEMO{self._made:04d}", "team_id": "T0DEMO000"}
