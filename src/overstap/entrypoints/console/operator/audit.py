"""The audit: whether everything holds that must, whether the record was changed, and what operators did."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import quote

import htpy as h
import orjson
from nicegui import ui

from overstap.app.head import Head
from overstap.entrypoints.api.access import ACCESS
from overstap.entrypoints.console.acting import Act
from overstap.entrypoints.console.frame import frame
from overstap.entrypoints.console.jobs import Tell
from overstap.entrypoints.console.live import Live, spot
from overstap.entrypoints.console.operator.acts_log import acts_log, asked_acts
from overstap.entrypoints.console.operator.fields import put
from overstap.entrypoints.console.operator.reports import CHAINS, CHECK, TRUTHS, outcome
from overstap.entrypoints.console.pages import page
from overstap.entrypoints.console.parts import address, note, show
from overstap.entrypoints.console.visit import Visit, desk
from overstap.language import Message, lazy_gettext

TITLE = lazy_gettext("Audit")
_EXPORT = "/api/v1/audit/export"
_SINCE: tuple[tuple[timedelta | None, Message], ...] = (
    (timedelta(days=1), lazy_gettext("The last day")),
    (timedelta(days=7), lazy_gettext("The last 7 days")),
    (timedelta(days=30), lazy_gettext("The last 30 days")),
    (None, lazy_gettext("Everything")),
)


@page("/console/audit", TITLE, "count_runs")
async def audit(visit: Visit) -> None:
    """Checks, checkpoints, exports, and the log of acts."""
    may_read = visit.may("export_audit")
    acts = await visit.ask(asked_acts, visit) if may_read else None
    with frame(visit, visit.say(TITLE)):
        if not visit.may("verify_audit"):
            show(note(_roles(visit), "plain"))
        else:
            _truths(visit)
            with ui.element("div").classes("grid"):
                _chains(visit)
                _checkpoint(visit)
                _export(visit)
            _follow(visit)
        if acts is not None:
            show(acts_log(visit, acts))


def _roles(visit: Visit) -> str:
    text = lazy_gettext(
        "The checks, the export and the log of acts take the role {roles}. What was done to a single run stands in "
        "that run's journal, which you may read."
    )
    return visit.say(text, roles=", ".join(sorted(ACCESS["export_audit"].roles)))


def _start(visit: Visit, name: str, check: Callable[[Tell], object]) -> Callable[[str], object]:
    return lambda _: desk().jobs.start(CHECK, name, check, by=visit.call.actor)


def _truths(visit: Visit) -> None:
    say = visit.say
    with ui.element("section").classes("card"):
        show(
            h.h2[say(lazy_gettext("What must always hold"))],
            h.p(".hint")[say(lazy_gettext("Over the whole database: billing, licences, locks, journals, counters."))],
        )
        put(
            Act(
                visit=visit,
                command="verify_truths",
                label=lazy_gettext("Check what must hold"),
                perform=_start(visit, TRUTHS, visit.app.verify),
                preview=_preview(visit),
                reason=False,
                then=lambda _: None,
            )
        )
        show(spot(TRUTHS, outcome(visit, TRUTHS), h.div))


def _chains(visit: Visit) -> None:
    say = visit.say
    given: list[ui.textarea] = []

    def start(reason: str) -> object:
        text = (given[0].value or "").strip()
        head = Head.read(text.encode(), say(_HEAD)) if text else None
        return _start(visit, CHAINS, lambda tell: visit.app.auditing.verify(head, progress=tell))(reason)

    def fields() -> None:
        hint = lazy_gettext("Only it tells whether the newest entries are missing; without one, all else is checked.")
        given.append(ui.textarea(say(_HEAD)).props(f'outlined autogrow hint="{say(hint)}"'))

    with ui.element("section").classes("card"):
        show(
            h.h2[say(lazy_gettext("Whether the record was changed"))],
            h.p(".hint")[say(lazy_gettext("The hash chains of all runs, of the acts and of the checkpoints."))],
        )
        put(
            Act(
                visit=visit,
                command="verify_audit",
                label=lazy_gettext("Check the record"),
                perform=start,
                preview=_preview(visit),
                reason=False,
                fields=fields,
                then=lambda _: None,
            )
        )
        show(spot(CHAINS, outcome(visit, CHAINS), h.div))


_HEAD = lazy_gettext("A head that was kept elsewhere")


def _preview(visit: Visit) -> h.Node:
    text = lazy_gettext(
        "It reads everything, beside whatever is under way, and changes nothing. That may take minutes; you can leave "
        "this page meanwhile, and one check is made at a time."
    )
    return h.p[visit.say(text)]


def _checkpoint(visit: Visit) -> None:
    say = visit.say
    told = lazy_gettext(
        "A checkpoint brings all that was done under one digest. Keep its head where whoever changes the database "
        "cannot: it tells later whether anything is missing."
    )
    with ui.element("section").classes("card"):
        show(h.h2[say(lazy_gettext("Checkpoint"))], h.p(".hint")[say(told)])

        def shown(head: Head) -> None:
            place.set_content(str(_head(visit, head)))

        put(
            Act(
                visit=visit,
                command="make_checkpoint",
                label=lazy_gettext("Make a checkpoint"),
                perform=lambda _: visit.app.auditing.checkpoint(),
                preview=h.p[say(lazy_gettext("Where nothing was done since the last one, that one's head is shown."))],
                reason=False,
                then=shown,
            )
        )
        place = show()


def _head(visit: Visit, head: Head) -> h.Element:
    text = orjson.dumps(head.model_dump(), option=orjson.OPT_INDENT_2).decode()
    name = f"overstap-head-{head.checkpoint}.json"
    href = f"data:application/json;charset=utf-8,{quote(text)}"
    return h.div(role="status")[
        h.pre(".kept", tabindex="0")[text],
        h.a(".button", href=href, download=name)[visit.say(lazy_gettext("Save the head as a file"))],
    ]


def _export(visit: Visit) -> None:
    say, now = visit.say, visit.app.clock.now()
    told = lazy_gettext("Every entry and act as JSON lines, each with its hash, and the head last.")
    with ui.element("section").classes("card"):
        show(
            h.h2[say(lazy_gettext("Export"))],
            h.p(".hint")[say(told)],
            h.div(".buttons")[
                (
                    h.a(
                        ".button",
                        href=address(_EXPORT, since=since and (now - since).isoformat(timespec="seconds")),
                        download="overstap-audit.jsonl",
                    )[say(name)]
                    for since, name in _SINCE
                )
            ],
            h.p(".hint")[
                say(lazy_gettext("On the command line:")), " ", h.code["overstap audit export --since 7d --out FILE"]
            ],
        )


def _follow(visit: Visit) -> None:
    def spots(_: object) -> dict[str, h.Node]:
        return {name: outcome(visit, name) for name in (TRUTHS, CHAINS)}

    async def look() -> None:
        """What is shown is in this process's memory."""

    Live(visit, look, spots).knows(spots(None))
