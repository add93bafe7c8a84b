"""Who works: every worker process, whether it lives, and what it has in hands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import htpy as h

from overstap import __version__
from overstap.bootstrap import App
from overstap.entrypoints.console.frame import frame
from overstap.entrypoints.console.live import Live, spot
from overstap.entrypoints.console.operator.standing import told
from overstap.entrypoints.console.pages import page
from overstap.entrypoints.console.parts import Tone, chip, empty, note, show, table, time
from overstap.entrypoints.console.visit import Visit, desk
from overstap.language import Language, Message, lazy_gettext, lazy_ngettext
from overstap.store.fleet import Standing, WorkerRecord

_TITLE = lazy_gettext("Workers")
_STOPPED = 20
"""Workers that have stopped, of which the page shows the newest."""
_STANDING: dict[Standing, tuple[Message, Tone]] = {
    Standing.ALIVE: (lazy_gettext("alive"), "good"),
    Standing.LATE: (lazy_gettext("late"), "bad"),
    Standing.STOPPED: (lazy_gettext("stopped"), "plain"),
}


@dataclass(frozen=True, slots=True)
class _Found:
    now: datetime
    alive: list[WorkerRecord]
    late: list[WorkerRecord]
    stopped: list[WorkerRecord]


def _look(app: App) -> _Found:
    now, late_after = app.service.now(), app.late_after
    workers = app.fleet.workers()

    def those(standing: Standing) -> list[WorkerRecord]:
        return [one for one in workers if one.standing(now, late_after) is standing]

    return _Found(now, those(Standing.ALIVE), those(Standing.LATE), those(Standing.STOPPED))


@page("/console/workers", _TITLE, "list_workers")
async def workers(visit: Visit) -> None:
    """Who works on this database."""

    async def look() -> _Found:
        return await desk().looks.look("workers", lambda: _look(visit.app))

    def spots(found: _Found) -> dict[str, str]:
        return {"workers": told(_shown(visit.words, found))}

    found = await look()
    with frame(visit, visit.say(_TITLE)):
        show(
            h.p(".hint")[
                visit.say(
                    lazy_gettext(
                        "Workers carry runs on; there may be any number of them, on any number of hosts, over one "
                        "database. What a worker holds when it dies is taken over by others when its claims run out."
                    )
                )
            ],
            spot("workers", spots(found)["workers"], h.div),
            classes="stack",
        )
    Live(visit, look, spots).knows(spots(found))


def _shown(words: Language, found: _Found) -> Iterator[h.Node]:
    say = words.say
    if found.late:
        yield note(
            [
                h.p(".strong")[
                    say(
                        lazy_ngettext(
                            "{count} worker has said nothing for three heartbeats.",
                            "{count} workers have said nothing for three heartbeats.",
                        ),
                        count=len(found.late),
                    )
                ],
                h.p[
                    say(
                        lazy_gettext(
                            "It is frozen, dead or cut off from the database. Nothing is lost: others go on with its "
                            "runs. Look at its host, and start overstap worker there again."
                        )
                    )
                ],
            ],
            "bad",
        )
    shown = [*found.late, *found.alive, *found.stopped[:_STOPPED]]
    if not found.alive:
        yield empty(
            say(lazy_gettext("No worker is alive")),
            say(lazy_gettext("Orders are taken, but nobody carries them on until one starts:")),
            h.p[h.code["overstap worker"], " ", h.code["overstap up"]],
        )
    if not shown:
        return
    columns = (
        lazy_gettext("Worker"),
        lazy_gettext("Is"),
        lazy_gettext("Since"),
        lazy_gettext("Last heartbeat"),
        lazy_gettext("Claims held"),
        lazy_gettext("Steps done"),
        lazy_gettext("Steps per second"),
        lazy_gettext("Version"),
    )
    yield table(say(_TITLE), [say(one) for one in columns], (_row(words, found, one) for one in shown), [4, 5, 6])
    if len(found.stopped) > _STOPPED:
        yield h.p(".hint")[
            say(
                lazy_gettext("{shown} of {all} workers that have stopped are shown, the newest first."),
                shown=_STOPPED,
                all=len(found.stopped),
            )
        ]


def _row(words: Language, found: _Found, one: WorkerRecord) -> list[h.Node]:
    standing = next(
        standing
        for standing, those in (
            (Standing.ALIVE, found.alive),
            (Standing.LATE, found.late),
            (Standing.STOPPED, found.stopped),
        )
        if one in those
    )
    name, tone = _STANDING[standing]
    process = words.say(lazy_gettext("{host}, process {pid}"), host=one.host, pid=str(one.pid))
    return [
        h.span(".worker", title=one.id)[process],
        chip(words.say(name), tone),
        time(one.started_at),
        time(one.stopped_at, "ago") if one.stopped_at else time(one.heartbeat_at, "ago"),
        words.tell(one.held),
        words.tell(one.steps),
        "—" if one.stopped_at else words.tell(round(one.rate)),
        one.version if one.version == __version__ else chip(one.version, "warn"),
    ]
