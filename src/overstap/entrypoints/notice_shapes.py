"""How messages to operators, and what waits for one, look as plain JSON values; as in `shapes`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from overstap.app.channels import Channel
from overstap.app.telling import Told
from overstap.entrypoints.shapes import Json, moment
from overstap.store.notices import Message, Waiting
from overstap.workflow.notable import Topic


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
    if message.sent_at is not None:
        return "sent"
    if message.first_sent_at is not None:
        return "partly sent"
    return "failing" if message.attempts else "to be sent"


def message(given: Message) -> Json:
    """A message with all its words."""
    return {
        "id": given.id,
        "topic": given.topic.value,
        "state": message_state(given).replace(" ", "_"),
        "title": given.title,
        "body": given.body,
        "runs": given.runs,
        "created_at": moment(given.created_at),
        "sent_at": moment(given.sent_at),
        "attempts": given.attempts,
        "next_try_at": moment(None if given.sent_at else given.next_try_at),
        "error": given.error,
    }


def overview(given: Overview) -> Json:
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


def told(given: Told) -> Json:
    """What one round of sending did."""
    return {
        "sent": [message(one) for one in given.sent],
        "failed": [{"id": one.id, "error": error} for one, error in given.failed],
        "closed": given.closed,
    }


def tests(given: Sequence[tuple[Channel, str | None]]) -> list[Json]:
    """What became of a test by each channel."""
    return [{"channel": channel.label, "ok": error is None, "error": error} for channel, error in given]
