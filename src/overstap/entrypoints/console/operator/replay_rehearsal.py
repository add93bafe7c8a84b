"""The rehearsal of a plan of a replay: how far it is, and what would come of each run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import htpy as h

from overstap.app.rehearsing import Rehearsed
from overstap.entrypoints.console.jobs import Job, Kind, Tell, Turn
from overstap.entrypoints.console.operator.long_work import failure, whose
from overstap.entrypoints.console.operator.replay_runs import page_number
from overstap.entrypoints.console.operator.replay_words import RESULTS
from overstap.entrypoints.console.parts import address, chip, link_button, state, table
from overstap.entrypoints.console.visit import Visit, desk
from overstap.language import lazy_gettext
from overstap.workflow.replay import Result

_KIND = Kind("rehearsal", Turn.NEXT)
_SIZE = 50
_TITLE = lazy_gettext("Rehearsal")
_COPYING = lazy_gettext("The runs are being copied.")
_PLAYING = lazy_gettext("On the copy it is known of {done} of {total} runs what would come of them.")
_WOULD_PASS = lazy_gettext("{passed} of {total} runs would get beyond the step that they stick on.")
_ON_A_COPY = lazy_gettext("It was played on a copy; the real provider may answer otherwise.")
_COLUMNS = (
    lazy_gettext("Run"),
    lazy_gettext("State now"),
    lazy_gettext("State then"),
    lazy_gettext("What would come of it"),
    lazy_gettext("New effects"),
)
_SKIPPED = lazy_gettext("skipped")
_PASSES = lazy_gettext("would pass")
_PASSES_NOT = lazy_gettext("would not pass")
_NONE = lazy_gettext("none")
_EFFECTS = lazy_gettext("{number} {operation}")
_BEFORE = lazy_gettext("Page before")
_AFTER = lazy_gettext("Next page")


@dataclass(frozen=True, slots=True)
class Played:
    """What would become of one run, beside whose it is and where it sticks."""

    name: str
    state: str
    step: str | None
    rehearsed: Rehearsed


def start_rehearsal(visit: Visit, plan_id: str) -> Job:
    """Play a plan, unless it is being played already."""
    app = visit.app

    def play(tell: Tell) -> list[Played]:
        played = app.rehearsals.play(plan_id, tell)
        details = {item.run_id: item.detail for item in app.replays.get(plan_id)[1]}
        found = []
        for one in played:
            detail = details[one.run_id]
            name = detail["tenant_name"] or detail["tenant_id"]
            found.append(Played(str(name), detail["state"], detail.get("sticks_at"), one))
        return found

    return desk().jobs.start(_KIND, plan_id, play, by=visit.call.actor)


def rehearsal(visit: Visit, plan_id: str) -> h.Node:
    """The last rehearsal of a plan; nothing where there was none."""
    job = desk().jobs.get(_KIND, plan_id)
    if job is None:
        return None
    title = h.h2(id="rehearsal")[visit.say(_TITLE)]
    if job.began is None:
        return h.div(".card", role="status")[title, whose(visit.words, job)]
    if job.ended is None:
        told = visit.say(_PLAYING, done=job.done, total=job.total) if job.total else visit.say(_COPYING)
        bar = h.progress(value=str(job.done), max=str(job.total), aria_label=told) if job.total else None
        return h.div(".card", role="status")[title, whose(visit.words, job), h.p[told], bar]
    failed = failure(visit.words, job)
    return h.div(".card")[title, whose(visit.words, job), failed or _result(visit, plan_id, job.result)]


def _result(visit: Visit, plan_id: str, played: Sequence[Played]) -> h.Node:
    replayed = [one for one in played if one.rehearsed.outcome is not None]
    passed = sum(_passes(one) for one in replayed)
    number = page_number(visit, "rehearsed")
    shown = played[(number - 1) * _SIZE : number * _SIZE]
    rows = [_row(visit, one) for one in shown]
    return [
        h.p[visit.say(_WOULD_PASS, passed=passed, total=len(replayed)), " ", visit.say(_ON_A_COPY)],
        table(visit.say(_TITLE), [visit.say(name) for name in _COLUMNS], rows),
        _pager(visit, plan_id, number, len(played)),
    ]


def _passes(one: Played) -> bool:
    return one.rehearsed.outcome is not None and one.rehearsed.outcome.result is Result.PASSED


def _row(visit: Visit, one: Played) -> list[h.Node]:
    given = one.rehearsed
    run = [h.a(href=f"/console/runs/{given.run_id}")[one.name], h.div(".mono.hint")[given.run_id]]
    before = [state(one.state), h.div(".mono.hint")[one.step] if one.step else None]
    after = state(given.state) if given.state else None
    if given.outcome is None:
        return [run, before, after, [chip(visit.say(_SKIPPED)), h.div(".hint", lang="en")[given.skipped]], None]
    passes = _passes(one)
    came = [
        chip(visit.say(_PASSES if passes else _PASSES_NOT), "good" if passes else "bad"),
        None if passes else h.div(".hint")[visit.say(RESULTS[given.outcome.result], why=given.outcome.why or "")],
    ]
    new = Counter(operation for _, operation in given.done_anew)
    effects = [h.div[visit.say(_EFFECTS, number=number, operation=name)] for name, number in new.items()]
    return [run, before, after, came, effects or visit.say(_NONE)]


def _pager(visit: Visit, plan_id: str, number: int, total: int) -> h.Node:
    def to(page: int) -> str:
        query = {"verdict": visit.query("verdict"), "page": visit.query("page"), "rehearsed": page}
        return address(f"/console/replays/{plan_id}", **query) + "#rehearsal"

    before = link_button(visit.say(_BEFORE), to(number - 1)) if number > 1 else None
    after = link_button(visit.say(_AFTER), to(number + 1)) if number * _SIZE < total else None
    return h.nav(".buttons", aria_label=visit.say(_TITLE))[before, after] if before or after else None
