"""Telling operators: makes messages of what waits, sends them, and tries again until each channel has them.

Beside the worker and never in its loop: a mail server that hangs must not hold up a run.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

import structlog

from overstap.app.channels import CALL_SECONDS, Channel, open_channels
from overstap.app.notice_words import Words
from overstap.clock import Clock
from overstap.errors import DatabaseUnavailable
from overstap.language import language
from overstap.settings import NotificationSettings
from overstap.store.notices import Message, Notices

log = structlog.get_logger(__name__)

LINES = 20
"""How many runs a message tells of one by one."""
_FIRST_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(minutes=15)
_CLAIM_MARGIN = timedelta(minutes=1)
_LAST_LOOK_SECONDS = 5.0
"""How long the end of a process may wait for the last look; a server that hangs must not keep it from leaving."""


@dataclass(slots=True)
class Told:
    """What one round did.

    Attributes:
        sent: messages that every channel has now.
        failed: messages that some channel does not have yet, each with why.
        closed: notices that nobody will be told of, since they are old and nobody was there.
    """

    sent: list[Message] = field(default_factory=list)
    failed: list[tuple[Message, str]] = field(default_factory=list)
    closed: int = 0


class Teller:
    """Sends what is to be told.

    Args:
        channels: all of them get every message.
    """

    def __init__(
        self,
        notices: Notices,
        channels: Sequence[Channel],
        clock: Clock,
        settings: NotificationSettings,
    ) -> None:
        self.channels = channels
        self._notices = notices
        self._words = _words(settings)
        self._clock = clock
        self._interval = settings.interval
        self._max_age = settings.max_age
        self._claim = _CLAIM_MARGIN + timedelta(seconds=CALL_SECONDS) * len(channels)
        self._listened_at: datetime | None = None

    def tell(self, *, at_once: bool = False) -> Told:
        """Make messages of what waits, and send what is due; does nothing where there is nobody to tell.

        Args:
            at_once: also what failed before and whose next try is not due yet.
        """
        told = Told()
        if not self.channels:
            return told
        told.closed = self._listen()
        now = self._clock.now()
        for message in self._notices.group(now, self._clock.stretch(self._interval), LINES, self._words.message):
            log.info("message_made", message=message.id, topic=message.topic.value, runs=message.runs)
        tried: set[str] = set()
        broken: dict[str, str] = {}
        while (taken := self._take(tried, at_once=at_once)) is not None:
            tried.add(taken.id)
            self._send(taken, broken, told)
        return told

    def _listen(self) -> int:
        now, max_age = self._clock.now(), self._clock.stretch(self._max_age)
        if self._listened_at is not None and now < self._listened_at + max_age / 8:
            return 0
        closed = self._notices.listen(now, max_age)
        self._listened_at = now
        if closed:
            log.warning("notices_closed_untold", notices=closed)
        return closed

    def _take(self, tried: set[str], *, at_once: bool) -> Message | None:
        now = self._clock.now()
        return self._notices.claim(now, now + self._clock.stretch(self._claim), skip=tried, at_once=at_once)

    def _send(self, message: Message, broken: dict[str, str], told: Told) -> None:
        reached = list(message.reached)
        errors = []
        for channel in self.channels:
            if channel.key in reached:
                continue
            # Once a round: what waits for a channel that is away must not make the others wait, message after message.
            error = broken.get(channel.key) or channel.send(message.title, message.body, message.topic)
            if error is None:
                reached.append(channel.key)
            else:
                broken[channel.key] = error
                errors.append(f"{channel.label}: {error}")
        error = "; ".join(errors) or None
        now = self._clock.now()
        held = self._notices.settle(message, reached, error, now + self._pause(message.attempts), now)
        if error is None:
            told.sent.append(message)
            log.info("message_sent", message=message.id, topic=message.topic.value, runs=message.runs, held=held)
        else:
            told.failed.append((message, error))
            log.warning("message_failed", message=message.id, topic=message.topic.value, error=error, held=held)

    def _pause(self, failures: int) -> timedelta:
        longer = _FIRST_PAUSE * 2.0 ** min(failures, 10)
        return self._clock.stretch(min(longer, _LONGEST_PAUSE))


def send_tests(settings: NotificationSettings) -> list[tuple[Channel, str | None]]:
    """Send a test to each URL of the settings; answers what went wrong with each, None for nothing.

    Raises:
        BadInput: when one of the URLs cannot be used.
    """
    title, body = _words(settings).test()
    return [(channel, channel.send(title, body, None)) for channel in open_channels(settings.urls)]


def _words(settings: NotificationSettings) -> Words:
    return Words(language(settings.locale), settings.zone)


class TellingThread:
    """Has a teller look at every beat, in a thread of its own, for as long as its block lasts; once more at the end.

    Not a beat of the ticker: that one warns at each beat that finds the last call still under way, and a mail server
    may hang for long.
    """

    def __init__(self, teller: Teller, beat: timedelta) -> None:
        self._teller = teller
        self._beat = beat.total_seconds()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        if self._teller.channels:
            self._thread = threading.Thread(target=self._run, name="overstap-teller", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._closing.set()
        if self._thread is not None:
            # What is not sent by then is claimed or waits, and the next one that looks sends it.
            self._thread.join(timeout=_LAST_LOOK_SECONDS)

    def _run(self) -> None:
        closing = False
        while not closing:
            closing = self._closing.wait(self._beat)
            try:
                self._teller.tell()
            except DatabaseUnavailable as error:
                log.warning("database_away", error=str(error))
            except Exception:
                log.exception("telling_failed")  # whatever it was, the next beat tries again
