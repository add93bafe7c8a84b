"""What an overview says first: numbers that stand for themselves, and the runs that somebody should look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import htpy as h

from overstap.app.overview import Concern
from overstap.entrypoints.console.live import spot
from overstap.entrypoints.console.operator.standing import RUNS, Found, told
from overstap.entrypoints.console.parts import Tone, address, chip, note, state, time
from overstap.language import Language, Message, lazy_gettext
from overstap.store.fleet import Standing

_LISTS: Sequence[tuple[str, Message, Message, dict[str, str]]] = (
    (
        "escalated",
        lazy_gettext("Escalated"),
        lazy_gettext("A deadline has passed and the work goes on."),
        {"escalated": "true", "sort": "oldest"},
    ),
    (
        "stuck",
        lazy_gettext("Stuck"),
        lazy_gettext("Nothing takes them on, or their step fails again and again."),
        {"stuck": "true", "sort": "oldest"},
    ),
    (
        "overdue",
        lazy_gettext("Overdue"),
        lazy_gettext("Their deadline has passed and nobody has come to it yet."),
        {"overdue": "true", "sort": "deadline"},
    ),
    (
        "expiring",
        lazy_gettext("Soon to expire"),
        lazy_gettext("Less than a quarter of the time of their state is left."),
        {"sort": "deadline"},
    ),
)


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that stands for itself, and where it leads."""

    name: str
    label: Message
    number: int
    tone: Tone = "plain"
    href: str | None = None
    more: h.Node = None

    def shown(self, words: Language) -> h.Element:
        """The figure with its spot."""
        inside = [spot(f"figure-{self.name}", self.content(words), h.b), h.span[words.say(self.label)]]
        return h.a(".figure", href=self.href)[inside] if self.href else h.div(".figure")[inside]

    def content(self, words: Language) -> str:
        """What its spot holds."""
        return told(h.strong(class_=self.tone if self.number else None)[words.tell(self.number)])


def figures(found: Found) -> list[Figure]:
    """The numbers of an overview."""
    gauges = found.gauges
    active = sum(one.runs for one in found.places.values() if one.oldest is not None)
    due = sum(one.count for one in gauges.due.values())
    return [
        Figure("active", lazy_gettext("active runs"), active, href=address(RUNS, sort="oldest")),
        Figure("stuck", lazy_gettext("stuck"), gauges.stuck, "bad", address(RUNS, stuck="true")),
        Figure("overdue", lazy_gettext("overdue"), gauges.overdue.count, "bad", address(RUNS, overdue="true")),
        Figure("retrying", lazy_gettext("tried again"), gauges.retrying, "warn", address(RUNS, status="retrying")),
        Figure("held", lazy_gettext("held by operators"), gauges.held, "warn", address(RUNS, held="true")),
        Figure("due", lazy_gettext("wait for a worker"), due),
        Figure("unknown", lazy_gettext("effects unknown"), gauges.effects_unknown, "bad",
               address(RUNS, status=["retrying", "stuck"])),
        Figure("dead", lazy_gettext("webhook deliveries given up"), gauges.dead_deliveries, "bad"),
        Figure("alive", lazy_gettext("workers alive"), gauges.workers[Standing.ALIVE], href="/console/workers"),
        Figure("late", lazy_gettext("workers late"), gauges.workers[Standing.LATE], "bad", "/console/workers"),
    ]  # fmt: skip


def first_spots(found: Found, words: Language) -> dict[str, str]:
    """What stands above the charts; written once for a look and a language."""
    written = found.written.setdefault(words.locale, {})
    if "concerns" not in written:
        written |= {f"figure-{one.name}": one.content(words) for one in figures(found)}
        written["concerns"] = told(_concerns(found, words))
        written["ready"] = told(_readiness(found, words))
    return {name: text for name, text in written.items() if name in {"concerns", "ready"} or name.startswith("figure-")}


def _readiness(found: Found, words: Language) -> h.Node:
    ready = found.ready
    if not ready.database.ok:
        return chip(words.say(lazy_gettext("The database does not answer")), "bad")
    if not ready.ready:
        return chip(words.say(lazy_gettext("Not ready: the schema is not the one that this version needs")), "bad")
    if not found.gauges.workers[Standing.ALIVE]:
        return chip(words.say(lazy_gettext("Nobody carries runs on: start overstap worker")), "bad")
    return chip(words.say(lazy_gettext("Ready")), "good")


def _concerns(found: Found, words: Language) -> h.Node:
    dead = found.gauges.dead_deliveries
    lists = [card for one in _LISTS if (card := _list(words, getattr(found.concerns, one[0]), *one)) is not None]
    return [
        h.div(".grid")[lists] if lists else note(words.say(lazy_gettext("No run needs anybody now.")), "good"),
        note(
            words.say(
                lazy_gettext(
                    "Some webhook deliveries were given up. overstap webhooks deliveries --status dead shows them, and "
                    "overstap webhooks replay delivers them again."
                )
            ),
            "warn",
        )
        if dead
        else None,
    ]


def _list(
    words: Language, runs: Sequence[Concern], name: str, title: Message, hint: Message, query: dict[str, str]
) -> h.Node:
    if not runs:
        return None
    return h.section(".card.concern", aria_labelledby=f"concern-{name}")[
        h.h3(id=f"concern-{name}")[words.say(title)],
        h.p(".hint")[words.say(hint)],
        h.ul[(h.li[_line(one)] for one in runs)],
        h.p[h.a(href=address(RUNS, **query))[words.say(lazy_gettext("All of them"))]],
    ]


def _line(one: Concern) -> Iterator[h.Node]:
    run = one.run
    yield h.a(href=f"{RUNS}/{run.id}")[one.tenant]
    yield state(run.state)
    if run.deadline_at is not None:
        yield time(run.deadline_at, "left")
    else:
        yield time(run.created_at, "ago")
    if run.error is not None:
        yield h.span(".error", title=run.error)[run.error]
