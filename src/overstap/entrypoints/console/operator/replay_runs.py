"""The runs of a plan of a replay, a page at a time: what the plan says of each, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import htpy as h

from overstap.app.replay_planning import REPEATED
from overstap.app.replay_receipt import Line
from overstap.app.replay_views import PlanView, Verdict
from overstap.entrypoints.console.live import spot
from overstap.entrypoints.console.operator.replay_words import FATES, VERDICTS, became, moment
from overstap.entrypoints.console.parts import NOTHING, address, empty, link_button, state, table, time, with_node
from overstap.entrypoints.console.visit import Visit
from overstap.errors import BadInput
from overstap.language import lazy_gettext

_SIZE = 50
_CAPTION = lazy_gettext("Runs of the plan")
_COLUMNS = (
    lazy_gettext("Run"),
    lazy_gettext("Verdict"),
    lazy_gettext("State now"),
    lazy_gettext("Goes on at"),
    lazy_gettext("Effects not repeated"),
    lazy_gettext("Effects repeated"),
)
_ALL = lazy_gettext("all")
_SHOWN = lazy_gettext("{first} to {last} of {total}")
_BEFORE = lazy_gettext("Page before")
_AFTER = lazy_gettext("Next page")
_NONE = lazy_gettext("No run of the plan is like that")
_NONE_HINT = lazy_gettext("Choose another verdict above.")
_STUCK_AT = lazy_gettext("sticks at {step}")
_UNTIL = lazy_gettext("deadline: {node}")
_USERS = lazy_gettext("{number} users")
_BY_VERDICT = lazy_gettext("Runs by verdict")
_PAGES = lazy_gettext("Pages of the plan's runs")
_WAS = lazy_gettext("was {state}")
_EFFECT = lazy_gettext("{number} {fate}")
_NO_EFFECT = lazy_gettext("none")
_PLANNED = (Verdict.WILL_RUN, Verdict.SKIPPED)
"""The verdicts before a plan is executed."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Which runs a page shows.

    Attributes:
        verdict: only those; None shows all.
        number: of the page, from 1 on.
        total: how many runs all its pages have.
    """

    verdict: Verdict | None
    number: int
    run_ids: tuple[str, ...]
    total: int


def chosen_runs(visit: Visit, view: PlanView) -> Shown:
    """The runs that the page's address asks for.

    Raises:
        BadInput: when there is no such verdict, or no such page.
    """
    given, number = visit.query("verdict"), page_number(visit, "page")
    if given is not None and given not in set(Verdict):
        raise BadInput(f"There is no verdict {given!r}; verdicts are {', '.join(Verdict)}.")
    verdict = None if given is None else Verdict(given)
    found = [run_id for run_id, one in view.verdicts.items() if verdict in {None, one}]
    return Shown(verdict, number, tuple(found[(number - 1) * _SIZE : number * _SIZE]), len(found))


def page_number(visit: Visit, name: str) -> int:
    """The number of a page in the address, from 1 on.

    Raises:
        BadInput: when it is none.
    """
    text = visit.query(name) or "1"
    if not (text.isascii() and text.isdigit() and len(text) < 9 and int(text)):  # noqa: PLR2004 - digits
        raise BadInput(f"{name}: {text!r} is no number of a page.")
    return int(text)


def here(view: PlanView, shown: Shown, **other: Any) -> str:
    """The address of the page with another page of it."""
    return address(f"/console/replays/{view.plan.id}", **{"verdict": shown.verdict, **other})


def choices(visit: Visit, view: PlanView, shown: Shown) -> h.Node:
    """The links that show the runs with one verdict only."""
    numbers = counted(visit, view)
    executed = view.plan.executed_at is not None
    offered = [one for one in Verdict if one is not Verdict.WILL_RUN] if executed else list(_PLANNED)
    path = f"/console/replays/{view.plan.id}"
    links = [(None, visit.say(_ALL))] + [(one, visit.say(VERDICTS[one][0])) for one in offered]
    return [
        h.h2(id="runs")[visit.say(_CAPTION)],
        h.nav(".choices", aria_label=visit.say(_BY_VERDICT))[
            (
                h.a(href=address(path, verdict=one) + "#runs", aria_current="true" if one is shown.verdict else None)[
                    name, h.b[spot(f"count-{one or 'all'}", numbers[f"count-{one or 'all'}"])]
                ]
                for one, name in links
            )
        ],
    ]


def counted(visit: Visit, view: PlanView) -> dict[str, h.Node]:
    """How many runs have each verdict."""
    tell = visit.words.tell
    found: dict[str, h.Node] = {f"count-{one}": tell(view.counts.get(one, 0)) for one in Verdict}
    return found | {"count-all": tell(len(view.verdicts))}


def planned(visit: Visit, view: PlanView, shown: Shown, lines: Sequence[Line]) -> h.Node:
    """The table of the runs, and the links to its other pages."""
    if not lines:
        return empty(visit.say(_NONE), visit.say(_NONE_HINT))
    changing = live_runs(visit, view, lines)
    rows = [_row(visit, line, changing) for line in lines]
    made = table(visit.say(_CAPTION), [visit.say(name) for name in _COLUMNS], rows)
    return [h.div(".planned")[made], _pager(visit, view, shown)]


def _row(visit: Visit, line: Line, changing: Mapping[str, h.Node]) -> list[h.Node]:
    item, detail = line.item, line.item.detail
    run_id = item.run_id
    name = detail["tenant_name"] or detail["tenant_id"]
    users = visit.say(_USERS, number=detail["touched"]["users"])
    return [
        [h.a(href=f"/console/runs/{run_id}")[name], h.div(".mono.hint")[run_id], h.div(".hint")[users]],
        spot(f"verdict-{run_id}", changing[f"verdict-{run_id}"], h.div),
        spot(f"now-{run_id}", changing[f"now-{run_id}"], h.div),
        _place(visit, detail),
        _effects(visit, detail, repeated=False),
        _effects(visit, detail, repeated=True),
    ]


def live_runs(visit: Visit, view: PlanView, lines: Sequence[Line]) -> dict[str, h.Node]:
    """What changes of the runs while a plan is carried out, by the name of its spot."""
    found: dict[str, h.Node] = {}
    for line in lines:
        run_id, before = line.item.run_id, line.item.detail["state"]
        found[f"verdict-{run_id}"] = became(visit, line, view.verdicts.get(run_id, Verdict.SKIPPED))
        moved = line.state is not None and line.state != before
        now = line.state or before
        found[f"now-{run_id}"] = [state(now), h.div(".hint")[visit.say(_WAS, state=before)] if moved else None]
    return found


def _place(visit: Visit, detail: Mapping[str, Any]) -> h.Node:
    if "place" not in detail:
        return visit.say(NOTHING)
    step, sticks = detail["step"], detail["sticks_at"]
    other = h.div(".hint")[visit.say(_STUCK_AT, step=sticks)] if sticks != step else None
    deadline = moment(detail["deadline_at"])
    until = None if deadline is None else h.div(".hint")[with_node(visit.words, _UNTIL, time(deadline, "left"))]
    return [h.span(".mono")[f"{detail['place']['state']}/{step}"], other, until]


def _effects(visit: Visit, detail: Mapping[str, Any], *, repeated: bool) -> h.Node:
    """Its effects that are asked for again, or those that are not, by what becomes of them."""
    effects = [one for one in detail["effects"] if (one["fate"] in REPEATED) is repeated]
    if not effects:
        return visit.say(_NO_EFFECT)
    fates = Counter(one["fate"] for one in effects)
    told = [visit.say(_EFFECT, number=number, fate=FATES[fate]) for fate, number in fates.items()]
    return h.details[
        h.summary[told[0], (h.div[one] for one in told[1:])],
        h.ul[(h.li[one["operation"], " ", h.span(".mono.hint")[one["key"]]] for one in effects)],
    ]


def _pager(visit: Visit, view: PlanView, shown: Shown) -> h.Node:
    first = (shown.number - 1) * _SIZE + 1
    last = first + len(shown.run_ids) - 1
    before = link_button(visit.say(_BEFORE), here(view, shown, page=shown.number - 1) + "#runs")
    after = link_button(visit.say(_AFTER), here(view, shown, page=shown.number + 1) + "#runs")
    return h.nav(".buttons.pager", aria_label=visit.say(_PAGES))[
        h.span(".hint")[visit.say(_SHOWN, first=first, last=last, total=shown.total)],
        h.span(".buttons")[before if shown.number > 1 else None, after if last < shown.total else None],
    ]
