"""One tenant: its facts, what is under way, and the ways to its own pages."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import htpy as h
from nicegui import ui

from overstap.app.finding import Listed
from overstap.domain.locks import ActiveRun
from overstap.domain.run_filter import RunFilter
from overstap.domain.tenant import Licences, Subscription, Tenant
from overstap.entrypoints.console.frame import frame
from overstap.entrypoints.console.live import Live, spot
from overstap.entrypoints.console.operator.rules_form import HEALTH_WORDS, PAID_WORDS, ROLE_WORDS, STATUS_WORDS
from overstap.entrypoints.console.operator.tenant_parts import conflict, locks, plan_of, under_way
from overstap.entrypoints.console.pages import page
from overstap.entrypoints.console.parts import address, chip, empty, facts, link_button, note, show, state, table, time
from overstap.entrypoints.console.visit import Visit, desk
from overstap.language import Language, Message, Money, lazy_gettext, lazy_ngettext

TITLE = lazy_gettext("Tenant")
_RUNS = 20
_USERS = 200
"""Holders of a licence that are shown by name; how many there are is told."""


@dataclass(frozen=True, slots=True)
class _Now:
    """What changes while the page is open."""

    active: ActiveRun | None
    locks: frozenset[str]
    runs: Sequence[Listed]


@page("/console/tenants/{tenant_id}", TITLE, "count_runs")
async def tenant(visit: Visit) -> None:
    """What a tenant has, and how it stands."""
    found = await visit.ask(visit.call.tenant, visit.path["tenant_id"])
    held = await visit.ask(visit.app.portal.licences, found.id)
    ui.page_title(f"{found.name} · Overstap")

    def look() -> _Now:
        active, locked = visit.app.portal.locks(found.id)
        return _Now(active, locked, visit.app.search.page(RunFilter(tenant=found.id), limit=_RUNS))

    def spots(now: _Now) -> dict[str, h.Node]:
        return {
            "active": under_way(visit.words, now.active),
            "locks": locks(visit.words, now.locks),
            "newer": _newer(visit, now.runs, shown),
            **_moving(now.runs),
        }

    now = await visit.ask(look)
    shown = {one.stored.run.id for one in now.runs}
    first = spots(now)
    with frame(visit, found.name, lead=_ways(visit, found)):
        show(h.section(".card")[_head(visit, found, first)])
        show(h.h2[visit.say(lazy_gettext("Subscriptions"))], _subscriptions(visit, found))
        show(h.h2[visit.say(lazy_gettext("Runs"))], spot("newer", first["newer"], h.div), _runs(visit, found, now.runs))
        show(
            h.div(".grid")[
                h.section(".card")[_services(visit.words, found)],
                h.section(".card")[_admins(visit.words, found)],
                h.section(".card")[_domains(visit.words, found)],
            ]
        )
        show(h.h2[visit.say(lazy_gettext("Licences"))], [_licences(visit, one) for one in held])
    Live(visit, lambda: desk().looks.look(("tenant", visit.words.locale, found.id), look), spots).knows(first)


def _ways(visit: Visit, found: Tenant) -> h.Node:
    say, own = visit.say, f"/tenants/{found.id}"
    return h.div(".buttons")[
        link_button(say(lazy_gettext("Licences as its admins see them")), f"{own}/licences"),
        link_button(say(lazy_gettext("Status as its admins see it")), f"{own}/status"),
        link_button(say(lazy_gettext("Ask the rules")), address("/console/rules", tenant=found.id)),
    ]


def _head(visit: Visit, found: Tenant, first: dict[str, h.Node]) -> h.Node:
    say, words = visit.say, visit.words
    languages = {"nl": "Nederlands", "en": "English"}
    credit = Money(found.credit_limit, visit.app.catalog.currency)
    return facts(
        [
            (say(lazy_gettext("Id")), h.code[found.id]),
            (say(lazy_gettext("Users")), words.tell(found.users)),
            (say(lazy_gettext("Language")), languages.get(found.locale, found.locale)),
            (say(lazy_gettext("Credit per month")), words.tell(credit)),
            (say(lazy_gettext("Under way")), spot("active", first["active"])),
            (say(lazy_gettext("Locked")), spot("locks", first["locks"])),
        ]
    )


def _subscriptions(visit: Visit, found: Tenant) -> h.Node:
    say, words, catalog = visit.say, visit.words, visit.app.catalog
    columns = (
        lazy_gettext("plan"),
        lazy_gettext("bought"),
        lazy_gettext("assigned"),
        lazy_gettext("status"),
        lazy_gettext("paid by"),
        lazy_gettext("remarks"),
        lazy_gettext("what if"),
    )
    if not found.subscriptions:
        hint = lazy_gettext("Its admins can buy one, and the next import may bring some.")
        return empty(say(lazy_gettext("{name} has no subscription"), name=found.name), say(hint))
    return table(
        say(lazy_gettext("Subscriptions")),
        [say(one) for one in columns],
        [
            [
                [plan_of(words, one, catalog), h.br, h.code(".faint")[one.id]],
                words.tell(one.seats),
                words.tell(one.assigned),
                say(STATUS_WORDS[one.status]) if one.status in STATUS_WORDS else one.status,
                say(PAID_WORDS[one.payment_method]),
                h.span(".chips")[_remarks(words, one)],
                h.a(href=address("/console/rules", tenant=found.id, subscription=one.id))[
                    say(lazy_gettext("ask the rules"))
                ],
            ]
            for one in found.subscriptions
        ],
        [1, 2],
    )


def _remarks(words: Language, held: Subscription) -> list[h.Node]:
    told: list[tuple[Message, bool]] = [
        (lazy_gettext("trial"), held.is_trial),
        (lazy_gettext("not fully provisioned"), not held.provisioned),
        (lazy_gettext("before the service upgrade"), held.legacy),
    ]
    return [*(chip(words.say(message), "warn") for message, so in told if so), conflict(words, held)]


def _runs(visit: Visit, found: Tenant, runs: Sequence[Listed]) -> h.Node:
    say = visit.say
    if not runs:
        hint = lazy_gettext("An order of its admins, or of yours, makes one.")
        return empty(say(lazy_gettext("{name} has had no change yet"), name=found.name), say(hint))
    columns = (
        lazy_gettext("run"),
        lazy_gettext("state"),
        lazy_gettext("change"),
        lazy_gettext("begun"),
        lazy_gettext("ended"),
    )
    rows = [
        [
            h.a(href=f"/console/runs/{run.id}")[h.code[run.id]],
            spot(f"state-{run.id}", state(run.state)),
            f"{run.input.get('source_plan') or '?'} → {run.input.get('target_plan')}",
            time(run.created_at),
            spot(f"ended-{run.id}", time(run.ended_at)),
        ]
        for run in (one.stored.run for one in runs)
    ]
    every = h.a(href=address("/console/runs", tenant=found.id))[say(lazy_gettext("All its runs, with filters"))]
    return [table(say(lazy_gettext("Runs")), [say(one) for one in columns], rows), h.p(".after")[every]]


def _moving(runs: Sequence[Listed]) -> dict[str, h.Node]:
    """What changes in the rows of runs."""
    cells: dict[str, h.Node] = {}
    for run in (one.stored.run for one in runs):
        cells[f"state-{run.id}"], cells[f"ended-{run.id}"] = state(run.state), time(run.ended_at)
    return cells


def _newer(visit: Visit, runs: Sequence[Listed], shown: Collection[str]) -> h.Node:
    """That there are runs which the page does not show yet."""
    count = sum(one.stored.run.id not in shown for one in runs)
    if not count:
        return None
    told = lazy_ngettext("{count} new run since this page was opened.", "{count} new runs since this page was opened.")
    return note([visit.say(told, count=count), " ", h.a(href=visit.request.url.path)[visit.say(lazy_gettext("Show"))]])


def _services(words: Language, found: Tenant) -> h.Node:
    return [
        h.h2[words.say(lazy_gettext("Service health"))],
        h.ul(".bare")[
            (
                h.li[
                    chip(
                        words.say(HEALTH_WORDS[one.status]) if one.status in HEALTH_WORDS else one.status,
                        "good" if one.healthy else "bad",
                    ),
                    " ",
                    one.service,
                ]
                for one in found.services
            )
        ],
    ]


def _admins(words: Language, found: Tenant) -> h.Node:
    return [
        h.h2[words.say(lazy_gettext("Administrators"))],
        h.ul(".bare")[(h.li[one.upn, " ", chip(words.say(ROLE_WORDS[one.role]))] for one in found.admins)],
    ]


def _domains(words: Language, found: Tenant) -> h.Node:
    def remarks(*told: tuple[Message, bool]) -> list[h.Node]:
        return [[" ", chip(words.say(message))] for message, so in told if so]

    return [
        h.h2[words.say(lazy_gettext("Domains"))],
        h.ul(".bare")[
            (
                h.li[
                    one.name,
                    remarks((lazy_gettext("custom"), one.custom), (lazy_gettext("default"), one.default)),
                ]
                for one in found.domains
            )
        ],
    ]


def _licences(visit: Visit, one: Licences) -> h.Node:
    say, words = visit.say, visit.words
    told = lazy_gettext("{assigned} of {seats} licences assigned")
    left = len(one.users) - _USERS
    return h.details(".card")[
        h.summary[
            h.span(".strong")[plan_of(words, one.subscription, visit.app.catalog)],
            " ",
            say(told, assigned=one.subscription.assigned, seats=one.subscription.seats),
            " ",
            conflict(words, one.subscription),
        ],
        table(
            say(lazy_gettext("Users who hold a licence")),
            [say(lazy_gettext("user")), say(lazy_gettext("name"))],
            [[user.upn, user.display_name] for user in one.users[:_USERS]],
        )
        if one.users
        else h.p[say(lazy_gettext("Nobody holds a licence of it."))],
        h.p(".hint")[say(lazy_gettext("… and {count} more."), count=left)] if left > 0 else None,
    ]
