"""The parts of the status page that are renewed while it is open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import htpy as h

from overstap.app.following import Followed, Turn
from overstap.domain.case import plan_name
from overstap.domain.locks import CREDIT_CHECK, PORTAL, PortalPage
from overstap.domain.phases import Passage, Phase, Standing
from overstap.domain.quote import Expected
from overstap.entrypoints.console.customer import status_words as words
from overstap.entrypoints.console.customer.surroundings import home
from overstap.entrypoints.console.findings import advice, sentence
from overstap.entrypoints.console.parts import facts, link_button, note, time
from overstap.entrypoints.console.visit import Visit
from overstap.language import Sentence, lazy_gettext
from overstap.workflow.run import Status

_LOCKS = ("portal", "licence", "commerce")
_ENOUGH = 10
"""Earlier changes, from which on it is said how long they took."""


@dataclass(frozen=True, slots=True)
class Told:
    """A change and what there is to say of it.

    Attributes:
        why: why it is where it is, as support reads it.
    """

    followed: Followed
    expected: Expected
    why: tuple[Sentence, ...]


def plan_named(visit: Visit, plan_id: str | None) -> str:
    """A plan's name in the page's language; of one that the catalog does not have, its id."""
    plan = visit.app.catalog.plans.get(plan_id or "")
    if plan is None:
        return plan_id or visit.say(lazy_gettext("the present plan"))
    return visit.words.tell(plan_name(plan))


def spots(visit: Visit, told: Told) -> dict[str, h.Node]:
    """What each spot of the page holds, written out: it is shown and compared later."""
    made = _spots(visit, told)
    return {name: h.fragment[content].__html__() for name, content in made.items()}


def _spots(visit: Visit, told: Told) -> dict[str, h.Node]:
    followed = told.followed
    order = followed.run.input
    named = {name: plan_named(visit, order.get(f"{name}_plan")) for name in ("source", "target")}
    return {
        "headline": _headline(visit, followed, named),
        "progress": _progress(visit, told),
        "notes": h.fragment[tuple(_notes(visit, followed, named))],
        "phases": h.fragment[tuple(_passage(visit, followed, one) for one in followed.passages)],
        "locked": _locked(visit, followed),
        "billed": [
            h.h2[visit.say(words.BILLED)],
            h.p[visit.say(words.BILLS[followed.billed], **named)],
        ],
        "ways": _ways(visit, followed),
        "support": _support(visit, told),
    }


def _headline(visit: Visit, followed: Followed, named: dict[str, str]) -> str:
    run = followed.run
    if run.ended_at is not None:
        return visit.say(words.ENDINGS[run.state], **named)
    return visit.say(words.HEADLINES[followed.phase], **named)


def _progress(visit: Visit, told: Told) -> h.Node:
    followed, say = told.followed, visit.say
    if followed.run.ended_at is not None:
        return None
    if followed.decided_by is not None:
        return [
            h.p[say(words.CREDIT_TAKES)],
            _when(say(words.DECIDED_BY), time(followed.decided_by), time(followed.decided_by, "left")),
        ]
    if followed.phase not in {Phase.USERS, Phase.LICENCES}:
        return None
    done, total = followed.moved or (0, 0)
    label = say(words.MOVED, done=done, count=total)
    return [
        [h.progress(value=done, max=total, aria_label=label), h.p(".strong")[label]] if total else None,
        h.p[say(words.KEEPS)],
        _expected(visit, told, followed.done_at),
    ]


def _expected(visit: Visit, told: Told, done_at: datetime | None) -> h.Node:
    say, expected = visit.say, told.expected
    if done_at is None:
        return None
    if told.followed.phase is Phase.LICENCES:
        usual = say(words.REASSIGNING)
    elif expected.measured >= _ENOUGH:
        usual = say(words.MEASURED, count=expected.measured, time=expected.ninetieth)
    else:
        usual = say(words.USUAL, time=expected.ninetieth)
    if done_at <= told.followed.at:
        return h.p[f"{say(words.LONGER)} {usual}"]
    return [_when(say(words.EXPECTED), time(done_at, "clock"), time(done_at, "left")), h.p(".hint")[usual]]


def _when(what: str, exact: h.Node, counted: h.Node) -> h.Element:
    return h.p[what, h.br, h.span(".strong")[exact, " · ", counted]]


def _notes(visit: Visit, followed: Followed, named: dict[str, str]) -> Iterator[h.Node]:
    say, run = visit.say, followed.run
    if followed.turn is not None:
        yield note(h.fragment[tuple(_turned(visit, followed, followed.turn))], "warn")
    if run.ended_at is not None:
        completed = run.state == "completed"
        means = say(words.MEANS["completed" if completed else "back"], **named)
        yield note(h.p[means], "good" if completed else "plain")
        return
    if followed.task is not None:
        yield note(
            [
                h.p[say(words.YOUR_TURN, task=followed.task.title(visit.words))],
                h.p[h.a(href=f"{home(run.tenant_id)}/tasks")[say(words.TO_TASK)]],
            ],
            "warn",
        )
    if followed.escalated_at is not None:
        yield note(
            [
                h.p[say(words.LIFTED_BY)],
                h.p[say(words.LIFTED_DO, run_id=run.id)],
                _when(say(words.SINCE), time(followed.escalated_at, "clock"), time(followed.escalated_at, "ago")),
            ],
            "warn",
        )
    if run.held is not None:
        yield note(h.p[say(words.HELD)], "warn")
    elif run.status is Status.STUCK:
        yield note(h.p[say(words.STUCK)], "bad")
    elif run.status is Status.RETRYING:
        yield note(h.p[say(words.AGAIN)])


def _turned(visit: Visit, followed: Followed, turn: Turn) -> Iterator[h.Node]:
    say, kind, _, who = visit.say, *turn.actor.partition(":")
    if turn.event == "cancel":
        by = words.CALLED_OFF if kind == "admin" else words.CALLED_OFF_BY_SUPPORT
        yield h.p[say(by, who=who, reason=turn.reason or "")]
        return
    yield h.p[say(words.WHY.get(turn.event, words.WHY_ELSE))]
    if turn.event == "not_eligible":
        yield h.ul[(h.li[sentence(visit.words, one), " ", advice(visit.words, one)] for one in followed.findings)]
    if followed.run.ended_at is not None:
        yield h.p[say(words.DO["credit" if turn.event.startswith("credit_") else "else"])]


def _passage(visit: Visit, followed: Followed, passage: Passage) -> h.Element:
    say, run = visit.say, followed.run
    ended = passage.phase is Phase.ENDED and run.ended_at is not None
    name = say(words.OUTCOMES[run.state]) if ended else say(words.NAMES[passage.phase])
    bad = ended and run.state != "completed"
    current = passage.standing is Standing.NOW
    return h.li(class_=f"phase {passage.standing}{' bad' if bad else ''}", aria_current="step" if current else None)[
        h.span(".name")[name[:1].upper() + name[1:]],
        h.span(".standing")[
            h.span(class_="unseen" if passage.standing is Standing.DONE else None)[
                say(words.STANDINGS[passage.standing])
            ],
            [" · " if current else " ", time(passage.since, "age" if current else "clock")] if passage.since else None,
        ],
    ]


def _locked(visit: Visit, followed: Followed) -> h.Node:
    say, run = visit.say, followed.run

    def why(lock: str) -> Any:
        if run.state == CREDIT_CHECK:
            return words.DURING_CREDIT
        return words.ONE_PAGE if lock == PORTAL and PortalPage.HOME not in followed.closed else words.LOCKS[lock]

    held = [lock for lock in _LOCKS if lock in followed.locks]
    return [
        h.h2[say(words.LOCKED)],
        h.dl(".locks")[(h.div[h.dt[say(words.LOCK_NAMES[lock])], h.dd[say(why(lock))]] for lock in held)]
        if held
        else h.p[say(words.NOTHING_LOCKED)],
    ]


def _ways(visit: Visit, followed: Followed) -> h.Node:
    if PORTAL in followed.locks:
        return None
    return link_button(visit.say(lazy_gettext("To the licences")), f"{home(followed.run.tenant_id)}/licences")


def _support(visit: Visit, told: Told) -> h.Node:
    """What support reads; moments are left out, for these sentences would tell them in the server's zone."""
    timeless = [one for one in told.why if not any(isinstance(value, datetime) for value in one.params.values())]
    run = told.followed.run
    return [
        facts(
            [
                (visit.say(lazy_gettext("Number")), h.span(".mono")[run.id]),
                (visit.say(lazy_gettext("State")), h.span(".mono")[f"{run.workflow} v{run.version}: {run.state}"]),
                (visit.say(lazy_gettext("Changed")), time(run.updated_at)),
            ]
        ),
        h.ul[(h.li[visit.words.tell(one)] for one in timeless)] if timeless else None,
    ]
