"""Delivering to webhooks: beside the server or the worker, in one event loop of a thread of its own.

A target that hangs costs a connection and no thread, and no more than `EACH` of them: deliveries to others go on.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any, Self, TypeVar

import orjson
import structlog

from overstap.app.posting import Answer, Poster
from overstap.clock import Clock
from overstap.errors import DatabaseUnavailable
from overstap.settings import WebhookSettings
from overstap.store.deliveries import Claimed, DeliveryBook, Outcome
from overstap.store.webhooks import DeliveryStatus
from overstap.workflow.retry import backoff
from overstap.workflow.run import JournalEntry
from overstap.workflow.spec import RetryPolicy

log = structlog.get_logger(__name__)
T = TypeVar("T")

EACH = 8
"""Deliveries to one webhook that one process makes at a time."""
AT_ONCE = 256
"""Deliveries that one process makes at a time."""
_READ_AT_ONCE = 500
"""Entries of the feed that are read in one go."""
_CLAIM_MARGIN = timedelta(seconds=10)
"""How much longer than a delivery its claim lasts; what a server had under way that died waits for so long."""
_LAST_SECONDS = 5.0
"""How long the end of a process may wait for what is under way."""
_LOOK_UPS = 64
"""Names of hosts that are looked up at a time. One whose name server hangs keeps a thread for longer than a delivery
may take; those that ask the database are others."""

Shape = Callable[[JournalEntry], Mapping[str, Any]]
"""How a journal entry looks as JSON values."""


class Deliveries:
    """Decides what is delivered when, and writes down what became of it.

    Args:
        shape: how a journal entry looks in a message.
        clock: deliveries live by the machine's time.
    """

    def __init__(
        self,
        book: DeliveryBook,
        settings: WebhookSettings,
        shape: Shape,
        clock: Clock,
    ) -> None:
        self.settings = settings
        self._book = book
        self._shape = shape
        self._clock = clock
        self._policy = RetryPolicy(settings.first, 2.0, settings.most, 0.2)

    def enqueue(self) -> bool:
        """Write down what webhooks are to be told; answers whether there may be more."""
        return self._book.enqueue(self._clock.now(), _READ_AT_ONCE)

    def claim(self, busy: Mapping[str, int]) -> list[Claimed]:
        """Take what is due.

        Args:
            busy: how many deliveries are under way for which webhook.
        """
        now = self._clock.now()
        until = now + self.settings.timeout + _CLAIM_MARGIN
        return self._book.claim(now, until, busy=busy, each=EACH, most=AT_ONCE - sum(busy.values()))

    async def deliver(self, claimed: Claimed, poster: Poster) -> Outcome:
        """Try once."""
        now = self._clock.now()
        if now + self.settings.timeout >= claimed.until:
            return self.broken_off(claimed)  # by its end somebody else may have made it, and those behind it
        answer = await poster.post(claimed.url, claimed.secret, claimed.id, self.message(claimed), now)
        return self.judge(claimed, answer)

    def message(self, claimed: Claimed) -> bytes:
        """The body of a message."""
        entry = claimed.entry
        told = {
            "type": f"run.{entry.kind}",
            "timestamp": entry.at.isoformat(),
            "data": {"run_id": entry.run_id, "tenant_id": claimed.tenant_id, **self._shape(entry)},
        }
        return orjson.dumps(told)

    def judge(self, claimed: Claimed, answer: Answer) -> Outcome:
        """What an answer makes of a delivery."""
        now, failures = self._clock.now(), claimed.attempts + 1
        if answer.taken:
            return Outcome(claimed, DeliveryStatus.DELIVERED, answer.told, now)
        if answer.gone:
            return Outcome(claimed, DeliveryStatus.DEAD, answer.told, now, gone=True)
        if failures >= self.settings.attempts:
            return Outcome(claimed, DeliveryStatus.DEAD, answer.told, now)
        pause = backoff(self._policy, failures, claimed.id)
        if answer.retry_after is not None:
            pause = max(pause, min(answer.retry_after, self.settings.most))
        return Outcome(claimed, DeliveryStatus.WAITING, answer.told, now + pause)

    def broken_off(self, claimed: Claimed) -> Outcome:
        """What becomes of a delivery that was not tried to its end: it may be made at once, by anybody."""
        return Outcome(claimed, DeliveryStatus.WAITING, "it was broken off", self._clock.now(), counts=False)

    def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Write down what tries came to."""
        lost = {one.id for one in self._book.settle(outcomes, self._clock.now())}
        for one in outcomes:
            told = {"webhook": one.claimed.webhook_id, "delivery": one.claimed.id, "answer": one.answer}
            if one.claimed.id in lost:
                log.info("delivery_lost", **told)
            elif one.status is DeliveryStatus.DELIVERED:
                log.debug("delivered", **told)
            elif one.gone:
                log.warning("webhook_gone", **told)
            elif one.status is DeliveryStatus.DEAD:
                log.warning("delivery_dead", **told, attempts=one.claimed.attempts + 1)
            else:
                log.info("delivery_failed", **told, attempts=one.claimed.attempts + one.counts)


class DeliveringThread:
    """Delivers for as long as its block lasts.

    Args:
        beat: how often it looks for something to do when nothing is under way.

    Raises:
        BadInput: when the certificates that the environment names cannot be read.
    """

    def __init__(self, deliveries: Deliveries, beat: timedelta) -> None:
        self._deliveries = deliveries
        self._beat = beat.total_seconds()
        settings = deliveries.settings
        self._poster = Poster(settings.timeout, private=settings.private, at_once=AT_ONCE)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing: asyncio.Event | None = None
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="overstap-webhooks", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *error: object) -> None:
        if self._loop is not None and self._closing is not None:
            with suppress(RuntimeError):  # it has ended
                self._loop.call_soon_threadsafe(self._closing.set)
        # What is not delivered by then is claimed, and the next one that looks delivers it when the claim has ended.
        self._thread.join(timeout=_LAST_SECONDS)

    async def _run(self) -> None:
        self._loop, self._closing = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_default_executor(ThreadPoolExecutor(_LOOK_UPS, "overstap-webhooks-names"))
        self._started.set()
        async with self._poster as poster:
            await _Round(self._deliveries, poster, self._closing, self._beat).go_on()


class _Round:
    """What is under way: deliveries, and outcomes that are not written down yet."""

    def __init__(self, deliveries: Deliveries, poster: Poster, closing: asyncio.Event, beat: float) -> None:
        self._deliveries = deliveries
        self._poster = poster
        self._closing = closing
        self._beat = beat
        self._flying: dict[asyncio.Task[Outcome], Claimed] = {}
        self._landed: list[Outcome] = []
        self._store = ThreadPoolExecutor(1, "overstap-webhooks-store")

    async def go_on(self) -> None:
        """Deliver until it is closed."""
        closed = asyncio.create_task(self._closing.wait())
        while not self._closing.is_set():
            again = await self._look()
            if not again:
                await asyncio.wait({closed, *self._flying}, timeout=self._beat, return_when=asyncio.FIRST_COMPLETED)
            self._collect()
        await self._leave()
        self._store.shutdown(wait=False)

    async def _ask(self, question: Callable[..., T], *given: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._store, question, *given)

    async def _look(self) -> bool:
        """One look at the database; answers whether to look again at once."""
        try:
            await self._settle()
            again = await self._ask(self._deliveries.enqueue)
            busy = Counter(claimed.webhook_id for claimed in self._flying.values())
            for claimed in await self._ask(self._deliveries.claim, busy):
                task = asyncio.create_task(self._deliveries.deliver(claimed, self._poster))
                self._flying[task] = claimed
        except DatabaseUnavailable as error:
            log.warning("database_away", error=str(error))
            await asyncio.sleep(self._beat)
        except Exception:
            log.exception("delivering_failed")  # whatever it was, the next beat tries again
            await asyncio.sleep(self._beat)
        else:
            return again
        return False

    async def _settle(self) -> None:
        if self._landed:
            await self._ask(self._deliveries.settle, self._landed)
            self._landed = []

    def _collect(self) -> None:
        for task in [one for one in self._flying if one.done()]:
            claimed = self._flying.pop(task)
            if task.cancelled():
                self._landed.append(self._deliveries.broken_off(claimed))
            elif (error := task.exception()) is not None:
                log.error("delivery_broken", delivery=claimed.id, exc_info=error)
                answer = Answer(None, f"it could not be sent ({type(error).__name__})")
                self._landed.append(self._deliveries.judge(claimed, answer))
            else:
                self._landed.append(task.result())

    async def _leave(self) -> None:
        """Let what is under way end, for a moment; the rest is anybody's."""
        if self._flying:
            await asyncio.wait(self._flying, timeout=_LAST_SECONDS / 2)
            for task in self._flying:
                task.cancel()
            await asyncio.wait(self._flying)
        self._collect()
        with suppress(DatabaseUnavailable):
            await self._settle()
