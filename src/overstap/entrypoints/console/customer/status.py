"""*Veranderen van abonnement: status*: how a change goes on, what is locked and billed meanwhile (R28, R38)."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus

import htpy as h
from fastapi.responses import RedirectResponse, Response
from nicegui import ui

from overstap.app.finding import Search
from overstap.app.following import Followed
from overstap.domain.wizard import STATUS
from overstap.entrypoints.console.acting import Act
from overstap.entrypoints.console.customer.status_parts import Told, plan_named, spots
from overstap.entrypoints.console.customer.status_words import CLOSE_IT, OUTCOMES, UNDER_WAY
from overstap.entrypoints.console.customer.surroundings import enter, home, status_path, surroundings
from overstap.entrypoints.console.live import Live, spot
from overstap.entrypoints.console.pages import page
from overstap.entrypoints.console.parts import address, chip, empty, facts, link_button, show, table, time
from overstap.entrypoints.console.visit import Visit, desk
from overstap.errors import Conflict, NotFound, Refused
from overstap.language import lazy_gettext
from overstap.workflow.run import Run

_PAGE = 25
_TOO_LATE = lazy_gettext("The change has gone on meanwhile, and can be called off no more.")
_EARLIER = lazy_gettext("All changes")


@page("/tenants/{tenant_id}/status", STATUS, "show_plan_change")
async def changes(visit: Visit) -> Response | None:
    """Lead to the change under way, or list all there were."""
    entered = await enter(visit, None)
    tenant = entered.tenant
    if entered.active is not None and not visit.query("all"):
        return RedirectResponse(status_path(tenant.id, entered.active.run_id), HTTPStatus.SEE_OTHER)
    search: Search = visit.app.search
    found = await visit.ask(search.page, search.filter(tenant=tenant.id), cursor=visit.query("cursor"), limit=_PAGE + 1)
    say = visit.say
    with surroundings(visit, entered, say(_EARLIER)):
        if not found:
            show(
                empty(
                    say(lazy_gettext("There has been no change yet.")),
                    say(lazy_gettext("Under Licences you see which subscriptions can be changed.")),
                    h.p[link_button(say(lazy_gettext("To the licences")), f"{home(tenant.id)}/licences")],
                )
            )
            return None
        columns = [lazy_gettext("Ordered"), lazy_gettext("From"), lazy_gettext("To"), lazy_gettext("Outcome")]
        show(
            table(
                say(_EARLIER),
                [say(one) for one in columns],
                [_row(visit, one.stored.run) for one in found[:_PAGE]],
            )
        )
        if len(found) > _PAGE:
            older = address(status_path(tenant.id), all="true", cursor=found[_PAGE - 1].cursor)
            show(h.p[h.a(href=older)[say(lazy_gettext("Older ones"))]])
    return None


def _row(visit: Visit, run: Run) -> list[h.Node]:
    return [
        h.a(href=status_path(run.tenant_id, run.id))[time(run.created_at)],
        plan_named(visit, run.input.get("source_plan")),
        plan_named(visit, run.input["target_plan"]),
        _outcome(visit, run),
    ]


def _outcome(visit: Visit, run: Run) -> h.Element:
    tone = "good" if run.state == "completed" else "info" if run.ended_at is None else "plain"
    return chip(visit.say(OUTCOMES.get(run.state, UNDER_WAY)), tone)  # type: ignore[arg-type]


@page("/tenants/{tenant_id}/status/{run_id}", STATUS, "show_plan_change")
async def status(visit: Visit) -> None:
    """One change, as long as it goes on and afterwards."""
    app, say = visit.app, visit.say
    entered = await enter(visit, None)
    run_id = str(visit.path["run_id"]).strip().upper()
    run = (await visit.ask(app.service.run, run_id)).run
    if run.tenant_id != entered.tenant.id:
        raise NotFound(f"{entered.tenant.name} has no plan change {run_id}.")
    expected = await visit.ask(app.following.expected, run)

    def follow() -> Told:
        return Told(app.following.follow(run_id, expected), expected, app.looking.explain(run_id).explanation.why)

    first = await visit.ask(follow)
    shown = spots(visit, first)
    with surroundings(visit, entered, say(STATUS)):
        show(
            h.section(".card.change", aria_label=say(lazy_gettext("How the change goes on")))[
                h.div(role="status")[h.h2(data_live="headline")[shown["headline"]]],
                spot("progress", shown["progress"], h.div),
                h.div(".notes", data_live="notes")[shown["notes"]],
                h.ol(".phases", data_live="phases")[shown["phases"]],
            ]
        )
        show(
            h.div(".grid")[
                h.section(".card", data_live="locked")[shown["locked"]],
                h.section(".card", data_live="billed")[shown["billed"]],
            ]
        )
        show(_order(visit, run))
        with ui.element("div").classes("buttons"):
            show(
                h.button(".button", type="button", data_act="print")[say(lazy_gettext("Print"))],
                spot("ways", shown["ways"]),
                h.a(href=address(status_path(entered.tenant.id), all="true"))[say(_EARLIER)],
                classes="buttons",
            )
            button = _call_off(visit, first.followed)
        show(
            h.details(".support")[
                h.summary[say(lazy_gettext("What support needs to know"))], spot("support", shown["support"], h.div)
            ]
        )
    hidden = button is None

    def after(told: Told) -> None:
        nonlocal hidden
        if button is not None and hidden is told.followed.cancellable:
            hidden = not hidden
            button.set_visibility(not hidden)

    live = Live(
        visit, lambda: desk().looks.look(("follow", run_id), follow), lambda told: spots(visit, told), then=after
    )
    live.knows(shown)


def _order(visit: Visit, run: Run) -> h.Element:
    say, order = visit.say, run.input
    who = order.get("acting_upn") or say(lazy_gettext("support"))
    return h.section(".card")[
        h.h2[say(lazy_gettext("Your order"))],
        facts(
            [
                (say(lazy_gettext("From")), plan_named(visit, order.get("source_plan"))),
                (say(lazy_gettext("To")), plan_named(visit, order["target_plan"])),
                (say(lazy_gettext("Licences")), visit.words.tell(int(order["seats"]))),
                (say(lazy_gettext("Ordered")), time(run.created_at)),
                (say(lazy_gettext("Ordered by")), who),
                (say(lazy_gettext("Number")), h.span(".mono")[run.id]),
            ]
        ),
        h.p(".hint")[say(CLOSE_IT)] if run.ended_at is None else None,
    ]


def _call_off(visit: Visit, followed: Followed) -> ui.button | None:
    """The act by which a change is called off, where it still can be (rules.md R39)."""
    if not followed.cancellable:
        return None
    say, run = visit.say, followed.run
    source = plan_named(visit, run.input.get("source_plan"))

    def perform(reason: str) -> datetime:
        try:
            return visit.app.service.signal(run.id, "cancel", reason=reason, actor=visit.call.actor).run.updated_at
        except Conflict:
            raise Refused(say(_TOO_LATE)) from None

    will = (
        lazy_gettext("The order is withdrawn, and what was done of it is taken back."),
        lazy_gettext("{source} stays as it is and is billed again; nobody loses a licence or data."),
        lazy_gettext("What is locked for this change is open again afterwards."),
        lazy_gettext("To change plans after all you have to order again."),
    )
    return Act(
        visit=visit,
        command="cancel_plan_change",
        label=lazy_gettext("Call off the change"),
        perform=perform,
        preview=h.ul[(h.li[say(one, source=source)] for one in will)],
        danger=True,
        then=lambda _: None,
    ).put()
