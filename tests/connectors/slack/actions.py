"""Messages that the demo's Slack can take, for the contract suite of actions."""

from __future__ import annotations

from app.demo.refs import channel_id
from tests.actions import Sample
from tools.kit.action import Change, Landed
from tools.slack import Slack
from tools.writes import MessagesSend

NOBODY = MessagesSend(to="Zebediah", text="A")


async def deleted(slack: Slack, change: Change, landed: Landed) -> None:
    await slack.send("chat.delete", {"channel": landed.undo["channel"], "ts": landed.undo["ts"]})


SAMPLES = {
    "messages.send": Sample(
        MessagesSend(
            to="#growth",
            text="**Sign-ups fell** on Safari: [PORTAL-2041](https://errors.test/1) <!channel> & co.",
            links=("https://errors.test/2", "$create[0].url"),
        ),
        deleted,
        (
            NOBODY,
            MessagesSend(to="#no-such-channel", text="A"),
            MessagesSend(to="#growth", text="A", thread="nonsense"),
            MessagesSend(to="#growth", text="A", thread=f"{channel_id('growth')}/1.000001"),
        ),
    ),
    "messages.send/plain": Sample(MessagesSend(to="auth", text="Rolled back."), deleted, (NOBODY,)),
}
