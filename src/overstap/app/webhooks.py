"""Webhooks: made, listed, ended, tried out, and what became of their deliveries."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Collection, Sequence

import orjson
from ulid import ULID

from overstap.app.posting import Answer, Poster
from overstap.app.targets import Resolve, ensure_allowed, port_of, read_target, resolve
from overstap.clock import Clock
from overstap.domain.ports import Provider
from overstap.domain.reading import one_line
from overstap.errors import BadInput, Conflict
from overstap.settings import WebhookSettings
from overstap.store.webhooks import DeliveryStatus, StoredDelivery, StoredWebhook, WebhookBook
from overstap.workflow.run import Kind

_SECRET_BYTES = 32
MOST_REPLAYED = 1000
"""How many deliveries one replay can name."""


class Webhooks:
    """Who is told of journal entries over HTTP.

    Wherever a `tenant_id` is taken, only that tenant's webhooks exist; with None all do.

    Args:
        clock: webhooks live by the machine's time, whatever the speed of a rehearsal.
        find: finds the addresses of a host.
    """

    def __init__(
        self, book: WebhookBook, provider: Provider, settings: WebhookSettings, clock: Clock, find: Resolve = resolve
    ) -> None:
        self._book = book
        self._provider = provider
        self._settings = settings
        self._clock = clock
        self._find = find

    def create(
        self, url: str, *, kinds: Collection[str] = (), tenant_id: str | None = None, actor: str, reason: str
    ) -> tuple[StoredWebhook, str]:
        """Make a webhook, which is told of what is committed from now on.

        Args:
            url: `https://…` or `http://…`.
            kinds: the kinds of journal entries that it is told of; none for all of them.
            tenant_id: of whose runs alone it is told; None for all.

        Returns:
            The webhook, and the secret that its messages are signed with, which nobody can find out again.

        Raises:
            BadInput: when the URL is none, its host has no address, or there is no such kind.
            TargetRefused: when nothing may be delivered there.
            NotFound: when there is no such tenant.
            Conflict: when the tenant has too many.
        """
        reason = one_line(reason, "The reason")
        target = read_target(one_line(url, "The URL"))
        if unknown := sorted(set(kinds) - set(Kind)):
            raise BadInput(f"There is no kind {unknown[0]!r} of journal entries; there is {', '.join(Kind)}.")
        if tenant_id is not None:
            tenant_id = self._provider.tenant(tenant_id).id
        try:
            found = self._find(target.raw_host.decode("ascii"), port_of(target))
        except (OSError, UnicodeError):
            raise BadInput(f"The host {target.host!r} has no address: see whether it is written well.") from None
        ensure_allowed(found, private=self._settings.private)
        now = self._clock.now()
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
        webhook = StoredWebhook(
            id=str(ULID.from_datetime(now)),
            tenant_id=tenant_id,
            url=str(target),
            secret=secret,
            kinds=sorted(set(kinds)),
            created_at=now,
            created_by=actor,
        )
        self._book.add(webhook, reason, target.host)
        return webhook, secret

    def all(self, tenant_id: str | None = None, *, ended: bool = False) -> Sequence[StoredWebhook]:
        """The webhooks, the newest first.

        Args:
            ended: also those that have ended, as long as they are kept.
        """
        return self._book.all(tenant_id, ended=ended)

    def get(self, webhook_id: str, tenant_id: str | None = None) -> StoredWebhook:
        """One webhook, also one that has ended.

        Raises:
            NotFound: when there is none.
        """
        return self._book.get(_known(webhook_id), tenant_id)

    def counts(self, webhook: StoredWebhook) -> dict[str, int]:
        """How many deliveries of a webhook there are of each status."""
        return self._book.counts(webhook.id)

    def end(self, webhook_id: str, *, actor: str, reason: str, tenant_id: str | None = None) -> StoredWebhook:
        """Tell a webhook nothing any more; what waits for it is dead. One that has ended before stays as it is.

        Raises:
            NotFound: when there is none.
        """
        why = one_line(reason, "The reason")
        return self._book.end(_known(webhook_id), actor=actor, reason=why, now=self._clock.now(), tenant_id=tenant_id)

    def deliveries(
        self,
        webhook_id: str,
        *,
        status: DeliveryStatus | None = None,
        before: str | None = None,
        limit: int = 50,
        tenant_id: str | None = None,
    ) -> list[StoredDelivery]:
        """Deliveries of a webhook, the newest first.

        Args:
            before: only those behind this one, by its id.

        Raises:
            NotFound: when there is no such webhook.
        """
        webhook = self.get(webhook_id, tenant_id)
        return self._book.deliveries(webhook.id, status=status, before=before and _known(before), limit=limit)

    def replay(
        self,
        webhook_id: str,
        deliveries: Collection[str] | None = None,
        *,
        actor: str,
        reason: str,
        tenant_id: str | None = None,
    ) -> int:
        """Deliver again from the first attempt on, each under the id that it has.

        Args:
            deliveries: which ones, whatever became of them; None for all that are dead.

        Returns:
            How many those are.

        Raises:
            NotFound: when there is no such webhook, or it has no such delivery.
            Conflict: when it has ended.
            BadInput: when those are none or too many.
        """
        why = one_line(reason, "The reason")
        webhook = self.get(webhook_id, tenant_id)
        if deliveries is not None and not 0 < len(deliveries) <= MOST_REPLAYED:
            raise BadInput(f"Name 1 to {MOST_REPLAYED} deliveries, or none for all that are dead.")
        named = None if deliveries is None else {_known(one) for one in deliveries}
        return self._book.replay(webhook.id, named, actor=actor, reason=why, now=self._clock.now())

    def test(self, webhook_id: str, tenant_id: str | None = None) -> Answer:
        """Send a message of the type `ping`, signed as all others are, once.

        Raises:
            NotFound: when there is no such webhook.
            Conflict: when it has ended.
        """
        return asyncio.run(self.ping(self.get(webhook_id, tenant_id)))

    async def ping(self, webhook: StoredWebhook) -> Answer:
        """The same, for whoever has an event loop.

        Raises:
            Conflict: when the webhook has ended.
        """
        if webhook.ended_at is not None:
            raise Conflict(f"Webhook {webhook.id} has ended: nothing is sent to it. Make a new one.")
        now = self._clock.now()
        told = {"type": "ping", "timestamp": now.isoformat(), "data": {"webhook_id": webhook.id}}
        message_id = f"ping-{ULID.from_datetime(now)}"
        async with Poster(self._settings.timeout, private=self._settings.private) as poster:
            return await poster.post(webhook.url, webhook.secret, message_id, orjson.dumps(told), now)


def _known(text: str) -> str:
    return text.strip().upper()
