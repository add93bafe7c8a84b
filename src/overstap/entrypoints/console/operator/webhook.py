"""One webhook: how its deliveries stand, and what can be done about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import htpy as h
from nicegui import ui

from overstap.app.posting import Answer
from overstap.entrypoints.console.acting import Act
from overstap.entrypoints.console.frame import frame
from overstap.entrypoints.console.operator.webhooks import PATH, of_kinds, standing, whose
from overstap.entrypoints.console.pages import page
from overstap.entrypoints.console.parts import (
    Tone,
    address,
    chip,
    choice,
    empty,
    facts,
    link_button,
    note,
    show,
    table,
    time,
)
from overstap.entrypoints.console.visit import Visit
from overstap.errors import BadInput
from overstap.language import Message, lazy_gettext
from overstap.store.webhooks import DeliveryStatus, StoredDelivery, StoredWebhook

TITLE = lazy_gettext("Webhook")
_AT_ONCE = 50
_STATUS: Mapping[str, tuple[Message, Tone]] = {
    DeliveryStatus.WAITING: (lazy_gettext("waiting"), "warn"),
    DeliveryStatus.DELIVERED: (lazy_gettext("delivered"), "good"),
    DeliveryStatus.DEAD: (lazy_gettext("given up"), "bad"),
}
_COLUMNS = (
    lazy_gettext("run"),
    lazy_gettext("entry"),
    lazy_gettext("happened"),
    lazy_gettext("status"),
    lazy_gettext("tries"),
    lazy_gettext("next try"),
    lazy_gettext("answer"),
)


@page(PATH + "/{webhook_id}", TITLE, "show_webhook")
async def webhook(visit: Visit) -> None:
    """A webhook and its deliveries, the newest first."""
    own, webhook_id, status = visit.principal.tenant_id, visit.path["webhook_id"], _status(visit.query("status"))
    found = await visit.ask(visit.app.webhooks.get, webhook_id, own)
    counts = await visit.ask(visit.app.webhooks.counts, found)
    deliveries = await visit.ask(
        visit.app.webhooks.deliveries,
        found.id,
        status=status,
        before=visit.query("before"),
        limit=_AT_ONCE,
        tenant_id=own,
    )
    with frame(visit, found.url, lead=link_button(visit.say(lazy_gettext("All webhooks")), PATH)):
        show(h.section(".card")[_head(visit, found, counts)])
        if found.ended_at is None:
            _acts(visit, found)
        show(_filter(visit, found, status), _deliveries(visit, found, deliveries, status))


def _status(text: str | None) -> DeliveryStatus | None:
    if text is None:
        return None
    if text not in set(DeliveryStatus):
        raise BadInput(f"status: expected one of {', '.join(DeliveryStatus)}, found {text[:40]!r}.")
    return DeliveryStatus(text)


def _head(visit: Visit, found: StoredWebhook, counts: Mapping[str, int]) -> h.Node:
    say = visit.say
    return facts(
        [
            (say(lazy_gettext("Id")), h.code[found.id]),
            (say(lazy_gettext("Of whose runs")), whose(visit, found)),
            (say(lazy_gettext("Of which entries")), of_kinds(visit, found)),
            (say(lazy_gettext("Created")), [time(found.created_at), ", ", found.created_by]),
            (say(lazy_gettext("Now")), standing(visit, found)),
            *((say(message), visit.words.tell(counts.get(name, 0))) for name, (message, _) in _STATUS.items()),
        ]
    )


def _acts(visit: Visit, found: StoredWebhook) -> None:
    say, own, actor, app = visit.say, visit.principal.tenant_id, visit.call.actor, visit.app.webhooks

    def tried(answer: Answer) -> None:
        told = lazy_gettext("Taken: {answer}") if answer.taken else lazy_gettext("Not taken: {answer}")
        place.set_content(
            str(h.div(role="status")[note(say(told, answer=answer.told), "good" if answer.taken else "bad")])
        )

    with ui.element("div").classes("buttons"):
        Act(
            visit=visit,
            command="test_webhook",
            label=lazy_gettext("Try it out"),
            perform=lambda _: app.test(found.id, own),
            preview=h.p[say(lazy_gettext("A message of the type ping is sent to it, once, signed as all others are."))],
            reason=False,
            then=tried,
        ).put()
        Act(
            visit=visit,
            command="replay_deliveries",
            label=lazy_gettext("Deliver again what was given up"),
            perform=lambda reason: app.replay(found.id, actor=actor, reason=reason, tenant_id=own),
            preview=h.p[say(lazy_gettext("Each is tried again from the first attempt on, under the id that it has."))],
        ).put()
        Act(
            visit=visit,
            command="end_webhook",
            label=lazy_gettext("End it"),
            perform=lambda reason: app.end(found.id, actor=actor, reason=reason, tenant_id=own),
            preview=h.p[say(lazy_gettext("It is told nothing any more, and what waits for it is given up."))],
            danger=True,
        ).put()
    place = show()


def _filter(visit: Visit, found: StoredWebhook, status: DeliveryStatus | None) -> h.Node:
    options = [(str(name), visit.say(message)) for name, (message, _) in _STATUS.items()]
    return h.form(".asking", method="get", action=f"{PATH}/{found.id}")[
        choice(visit.words, "status", visit.say(lazy_gettext("Deliveries")), options, status),
        h.button(".button", type="submit")[visit.say(lazy_gettext("Show"))],
    ]


def _deliveries(
    visit: Visit, found: StoredWebhook, deliveries: Sequence[StoredDelivery], status: DeliveryStatus | None
) -> h.Node:
    say = visit.say
    if not deliveries:
        hint = lazy_gettext("One is made for each entry that it is told of, from the moment on in which it was made.")
        return empty(say(lazy_gettext("There is no such delivery.")), say(hint))
    rows = [
        [
            h.a(href=f"/console/runs/{one.run_id}")[h.code[one.run_id]],
            visit.words.tell(one.seq),
            time(one.at),
            chip(say(_STATUS[one.status][0]), _STATUS[one.status][1]),
            visit.words.tell(one.attempts),
            time(one.next_at if one.settled_at is None else None),
            one.answer or "",
        ]
        for one in deliveries
    ]
    more = address(f"{PATH}/{found.id}", status=status, before=deliveries[-1].id)
    return [
        table(say(lazy_gettext("Deliveries")), [say(one) for one in _COLUMNS], rows, [1, 4]),
        h.p(".after")[link_button(say(lazy_gettext("Older")), more)] if len(deliveries) == _AT_ONCE else None,
    ]
