"""How messages to operators, and what waits for one, look as plain JSON values; as in `shapes`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from typing_extensions import TypedDict

from overstap.app.channels import Channel
from overstap.app.telling import Told
from overstap.entrypoints.shapes import moment
from overstap.store.notices import Message, Waiting
from overstap.workflow.notable import Topic

MessageState = Literal["sent", "partly_sent", "failing", "to_be_sent"]
"""How far a message is; `partly_sent` means that some channels have it."""


class OperatorMessage(TypedDict):
    """A message with all its words, and how many runs it tells of; moments in ISO 8601, UTC."""

    id: str
    topic: str
    state: MessageState
    title: str
    body: str
    runs: int
    created_at: str
    sent_at: str | None
    attempts: int
    next_try_at: str | None
    error: str | None


class WaitingNotice(TypedDict):
    """A journal entry that no message tells of yet, of a moment in ISO 8601, UTC; `state` is where its run is now."""

    run_id: str
    seq: int
    topic: str
    at: str
    tenant_id: str | None
    state: str | None


class WaitingNotices(TypedDict):
    """How many notices of each topic wait, and the oldest of them."""

    counts: dict[str, int]
    oldest: list[WaitingNotice]


class NoticeOverview(TypedDict):
    """Messages, what waits for one, and how many channels there are."""

    channels: int
    messages: list[OperatorMessage]
    waiting: WaitingNotices


class FailedMessage(TypedDict):
    """A message that some channel does not have yet, and why."""

    id: str
    error: str


class SendingRound(TypedDict):
    """What one round of sending did; `closed` counts old notices that nobody will be told of."""

    sent: list[OperatorMessage]
    failed: list[FailedMessage]
    closed: int


class ChannelTest(TypedDict):
    """What became of a test by one channel."""

    channel: str
    ok: bool
    error: str | None


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything that `notifications list` shows.

    Attributes:
        channels: how many URLs there are; 0: nobody is told.
        counts: how many notices of each topic wait, of which `waiting` are the oldest.
    """

    channels: int
    messages: Sequence[Message]
    waiting: Sequence[Waiting]
    counts: Mapping[Topic, int]


def message_state(message: Message) -> str:
    """`sent`, `partly sent` (some channels have it), `failing` or `to be sent`."""
    return _state(message).replace("_", " ")


def _state(message: Message) -> MessageState:
    if message.sent_at is not None:
        return "sent"
    if message.first_sent_at is not None:
        return "partly_sent"
    return "failing" if message.attempts else "to_be_sent"


def message(given: Message) -> OperatorMessage:
    """A message with all its words."""
    return {
        "id": given.id,
        "topic": given.topic.value,
        "state": _state(given),
        "title": given.title,
        "body": given.body,
        "runs": given.runs,
        "created_at": moment(given.created_at),
        "sent_at": moment(given.sent_at),
        "attempts": given.attempts,
        "next_try_at": moment(None if given.sent_at else given.next_try_at),
        "error": given.error,
    }


def overview(given: Overview) -> NoticeOverview:
    """Messages, and what waits for one."""
    return {
        "channels": given.channels,
        "messages": [message(one) for one in given.messages],
        "waiting": {
            "counts": {topic.value: count for topic, count in given.counts.items()},
            "oldest": [
                {
                    "run_id": one.notice.run_id,
                    "seq": one.notice.seq,
                    "topic": one.notice.topic.value,
                    "at": moment(one.notice.at),
                    "tenant_id": one.tenant_id,
                    "state": one.state,
                }
                for one in given.waiting
            ],
        },
    }


def told(given: Told) -> SendingRound:
    """What one round of sending did."""
    return {
        "sent": [message(one) for one in given.sent],
        "failed": [{"id": one.id, "error": error} for one, error in given.failed],
        "closed": given.closed,
    }


def tests(given: Sequence[tuple[Channel, str | None]]) -> list[ChannelTest]:
    """What became of a test by each channel."""
    return [{"channel": channel.label, "ok": error is None, "error": error} for channel, error in given]
