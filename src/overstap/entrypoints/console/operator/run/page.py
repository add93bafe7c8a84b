"""A run's page, as it is now or as it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import htpy as h
from markupsafe import Markup
from nicegui import ui

from overstap.app.look import Compared, Explained, Look
from overstap.entrypoints.console.charts import chart, drawing
from overstap.entrypoints.console.frame import frame
from overstap.entrypoints.console.live import Live, spot
from overstap.entrypoints.console.operator.run import course, header, journal, outside, past, path
from overstap.entrypoints.console.operator.run.acts import Actions, offered
from overstap.entrypoints.console.pages import page
from overstap.entrypoints.console.parts import address, link_button, problem, show
from overstap.entrypoints.console.visit import Visit, desk
from overstap.errors import BadInput
from overstap.language import Message, lazy_gettext
from overstap.workflow.definition import Definition
from overstap.workflow.run import JournalEntry

_TITLE = lazy_gettext("Run")
_LAST = 100
"""Effects that the page shows, and signals' entries that it looks at."""
_MORE = 1000
_COARSE = 30
"""Seconds after which shares of time are written anew while nothing happens."""


@dataclass(frozen=True, slots=True)
class _Now:
    """A run as it is, as one look finds it."""

    look: Look
    explained: Explained
    possible: list[str]


@page("/console/runs/{run_id}", _TITLE, "list_effects")
async def run(visit: Visit) -> None:
    """Everything about one run."""
    run_id = str(visit.path["run_id"]).strip().upper()
    seq = journal.number(visit, "seq", 1)
    if seq is None:
        await _present(visit, run_id)
    else:
        await _past(visit, run_id, seq)


async def _present(visit: Visit, run_id: str) -> None:
    last = _MORE if visit.query("effects") == "all" else _LAST

    def look() -> _Now:
        looking = visit.app.looking
        return _Now(looking.look(run_id, last), looking.explain(run_id), looking.possible(run_id))

    now = await visit.ask(look)
    told = _Told(visit, now.look.run.seq, sum(now.look.effect_counts.values()))
    parts = await _Parts.read(visit, now.look)
    here = told.spots(now)
    show_title(visit, now.look)
    with frame(visit, header.title(visit, now.look.run), lead=spot("chips", here["chips"])):
        actions = Actions(visit, run_id)
        actions.renew(now.possible)
        may_replay = now.look.run.ended_at is None and visit.may("plan_replay")
        show(
            link_button(visit.say(lazy_gettext("Plan a replay from here")), address("/console/replays/new", run=run_id))
            if may_replay
            else None,
            past.slider(visit, run_id, now.look.run.seq, now.look.run.seq),
        )
        why = {name: one for name, one in here.items() if name.startswith("why-")}
        show(
            _card(visit, lazy_gettext("Where it stands"), header.header(visit, now.look)),
            _card(visit, lazy_gettext("Why"), header.explanation(visit, why)),
        )
        parts.put(now.look, here)
    if now.look.run.ended_at is None:

        def renew(found: _Now) -> None:
            actions.renew(found.possible)
            if found.look.run.ended_at is not None:
                live.timer.deactivate()

        live = Live(visit, lambda: desk().looks.look(("run", run_id, last), look), told.spots, then=renew)
        live.knows(here)


async def _past(visit: Visit, run_id: str, seq: int) -> None:
    look = await visit.ask(lambda: visit.app.looking.back(run_id, seq=seq, last=_LAST))
    newest = (await visit.ask(visit.app.service.run, run_id)).run.seq
    parts = await _Parts.read(visit, look)
    show_title(visit, look)
    with frame(visit, header.title(visit, look.run), lead=h.span[header.chips(visit, look)]):
        show(past.strip(visit, look))
        show(past.slider(visit, run_id, seq, newest))
        show(_card(visit, lazy_gettext("Where it stood"), header.header(visit, look)))
        parts.put(look, {})


def show_title(visit: Visit, look: Look) -> None:
    """Name the page after its run."""
    ui.page_title(f"{header.tenant_name(look.run)} · {visit.say(_TITLE)} · Overstap")


def _card(visit: Visit, title: Message, *content: h.Node, id_: str | None = None) -> h.Element:
    return h.section(".card", id=id_)[h.h2[visit.say(title)], content]


@dataclass(frozen=True, slots=True)
class _Parts:
    """What is read once, and stays as it is while the page is open."""

    visit: Visit
    definition: Definition
    pages: journal.Pages
    entries: list[JournalEntry]
    compared: Compared | None
    refused: str | None
    asked: tuple[int | None, int | None]

    @classmethod
    async def read(cls, visit: Visit, look: Look) -> _Parts:
        run = look.run
        definition = visit.app.library.get(run.workflow, run.version)
        pages = journal.Pages.asked(visit, run.id, run.seq)
        asked, compared, refused = (journal.number(visit, "from"), journal.number(visit, "to")), None, None
        entries = await visit.ask(pages.read)
        if asked != (None, None):
            try:
                compared = await visit.ask(visit.app.looking.compare, run.id, *asked)
            except BadInput as error:
                refused = str(error)
        await visit.ask(drawing, definition, "")
        return cls(visit, definition, pages, entries, compared, refused, asked)

    def put(self, look: Look, here: Mapping[str, h.Node]) -> None:
        """Everything below the head."""
        visit, stays = self.visit, look.timeline.visits
        difference = _card(
            visit,
            lazy_gettext("What changed"),
            past.asked_difference(visit, look.run.id, *self.asked, look.run.seq),
            problem(self.refused) if self.refused else None,
            past.difference(visit, self.compared) if self.compared else None,
            id_="changes",
        )
        asked = self.compared is not None or self.refused is not None
        words = path.in_words(visit, look.run, stays)
        show(
            difference if asked else None,
            chart(self.definition, words, marks=path.marks(stays), name=None if look.past else "chart"),
            _card(
                visit,
                lazy_gettext("How its time went"),
                course.course(visit, here or course.parts(visit, look)),
            ),
            _card(
                visit,
                lazy_gettext("Journal"),
                _news(visit, "new-entries", self.pages.to(order=None, upto=None)),
                self.pages.shown(self.entries),
            ),
            difference if not asked else None,
            _card(
                visit,
                lazy_gettext("Calls to the provider"),
                _news(visit, "new-calls", address(f"/console/runs/{look.run.id}")),
                outside.effects(visit, look),
            ),
            _card(
                visit,
                lazy_gettext("Signals"),
                h.div(data_live=None if look.past else "signals")[outside.signals(visit, look)],
            ),
        )


def _news(visit: Visit, name: str, href: str) -> h.Element:
    """What came since the page was opened: told, and not put before who reads."""
    return h.p(".news")[spot(name), " ", h.a(href=href)[visit.say(lazy_gettext("Show"))]]


@dataclass(slots=True)
class _Told:
    """What the page has told, to tell no more than what is new.

    Attributes:
        entries, calls: how many there were when the page was opened.
    """

    visit: Visit
    entries: int
    calls: int
    _course: tuple[object, Mapping[str, h.Node]] = (None, MappingProxyType({}))

    def spots(self, now: _Now) -> dict[str, h.Node]:
        """What each spot of the page holds."""
        visit, look = self.visit, now.look
        run, stays = look.run, look.timeline.visits
        definition = visit.app.library.get(run.workflow, run.version)
        acts = frozenset(offered(visit, now.possible))
        found: dict[str, h.Node] = {
            "chips": header.chips(visit, look),
            **{name: value for name, (_, value) in header.header_facts(visit, look).items()},
            **header.answers(visit, now.explained, acts),
            "chart": drawing(definition, path.in_words(visit, run, stays), marks=path.marks(stays)),
            **self._kept_course(look),
            "new-entries": journal.news(visit, run.seq - self.entries),
            "new-calls": outside.news(visit, sum(look.effect_counts.values()) - self.calls),
            **outside.effect_spots(visit, look),
            "signals": outside.signals(visit, look),
        }
        return {name: _written(content) for name, content in found.items()}

    def _kept_course(self, look: Look) -> Mapping[str, h.Node]:
        """Where its time went; written anew when it came into another state, or after a while."""
        key = (look.run.visit, look.run.status, look.at.timestamp() // _COARSE)
        if key != self._course[0]:
            self._course = key, {n: _written(one) for n, one in course.parts(self.visit, look).items()}
        return self._course[1]


def _written(node: h.Node) -> Markup:
    """A node that can be put on the page again and again; htpy has escaped all that was given to it."""
    return Markup(h.fragment[node])  # noqa: S704
