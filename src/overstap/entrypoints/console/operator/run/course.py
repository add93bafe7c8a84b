"""How a run's time went: its stays in states, what it waited for, and how often each step was tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

import htpy as h

from overstap.app.look import Look
from overstap.entrypoints.console.live import spot
from overstap.entrypoints.console.operator.run.told import WHY
from overstap.entrypoints.console.parts import chip, duration, note, phrase, state, table, time
from overstap.entrypoints.console.visit import Visit
from overstap.language import lazy_gettext
from overstap.workflow.spells import Visit as Stay
from overstap.workflow.timeline import Timeline

_SHORT = timedelta(seconds=1)
"""What is shorter is no gap."""
_LEAST_SHARE = 0.01


def parts(visit: Visit, look: Look) -> dict[str, h.Node]:
    """What is told of a run's time, by the names of the spots."""
    given = look.timeline
    return {
        "course": [_earlier(visit, given), _bar(visit, given), _stays(visit, look)],
        "gaps": _gaps(visit, given),
        "attempts": _attempts(visit, given),
    }


def course(visit: Visit, told: Mapping[str, h.Node]) -> h.Node:
    """The stays as one bar and as a table, and what the time went by with."""
    return [
        spot("course", told["course"], h.div),
        h.details[h.summary[visit.say(lazy_gettext("What it waited for"))], spot("gaps", told["gaps"], h.div)],
        h.details[
            h.summary[visit.say(lazy_gettext("How often each step was tried"))],
            spot("attempts", told["attempts"], h.div),
        ],
    ]


def _earlier(visit: Visit, given: Timeline) -> h.Node:
    if given.first_seq <= 1:
        return None
    told = lazy_gettext("Entries before #{first} are not counted here.")
    return note(visit.say(told, first=given.first_seq), "plain")


def _bar(visit: Visit, given: Timeline) -> h.Node:
    parts = [(one, share) for one in given.visits if (share := given.share(one.took)) >= _LEAST_SHARE]
    return (
        h.div(".course", aria_hidden="true")[
            (
                h.div(style=f"flex-grow:{1000 * share:.0f}", title=f"{one.state}: {visit.words.tell(one.took)}")[
                    one.state
                ]
                for one, share in parts
            )
        ]
        if parts
        else None
    )


def _stays(visit: Visit, look: Look) -> h.Node:
    say, given = visit.say, look.timeline
    columns = [
        say(lazy_gettext("State")),
        say(lazy_gettext("Entered")),
        say(lazy_gettext("Stayed")),
        say(lazy_gettext("Share")),
        say(lazy_gettext("Failures")),
        say(lazy_gettext("Led there by")),
    ]
    rows = [
        [
            state(one.state),
            time(one.entered),
            _stayed(visit, look, one),
            "" if one.left == one.entered else f"{given.share(one.took):.0%}",
            chip(str(one.failures), "warn") if one.failures else "",
            _led(visit, one),
        ]
        for one in given.visits
    ]
    return table(say(lazy_gettext("The states it was in")), columns, rows, [2, 3, 4])


def _stayed(visit: Visit, look: Look, one: Stay) -> h.Node:
    if one.left is None and not look.past:
        return phrase(visit.words, lazy_gettext("{time} so far"), time=time(one.entered, "age"))
    return "" if one.left == one.entered else duration(visit.words, one.took)


def _led(visit: Visit, one: Stay) -> h.Node:
    if one.event is None:
        return phrase(visit.words, lazy_gettext("the order, by {actor}"), actor=one.actor)
    if one.actor == "worker":
        return one.event
    return phrase(visit.words, lazy_gettext("{event}, by {actor}"), event=one.event, actor=one.actor)


def _gaps(visit: Visit, given: Timeline) -> h.Node:
    say = visit.say
    columns = [
        say(lazy_gettext("State")),
        say(lazy_gettext("Step")),
        say(lazy_gettext("Why")),
        say(lazy_gettext("Together")),
        say(lazy_gettext("Share")),
        say(lazy_gettext("Times")),
        say(lazy_gettext("Longest")),
        say(lazy_gettext("since")),
    ]
    gaps = [one for one in given.waited() if one.took >= _SHORT]
    if not gaps:
        return h.p(".hint")[say(lazy_gettext("Nothing lasted a second."))]
    rows = [
        [
            state(one.longest.state),
            one.longest.step or "",
            say(WHY[one.longest.why]),
            duration(visit.words, one.took),
            f"{given.share(one.took):.0%}",
            str(one.times),
            duration(visit.words, one.longest.took),
            time(one.longest.since),
        ]
        for one in gaps
    ]
    return table(say(lazy_gettext("What it waited for")), columns, rows, [3, 4, 5, 6])


def _attempts(visit: Visit, given: Timeline) -> h.Node:
    say = visit.say
    if not given.attempts:
        return h.p(".hint")[say(lazy_gettext("No step has answered yet."))]
    columns = [
        say(lazy_gettext("State")),
        say(lazy_gettext("Step")),
        say(lazy_gettext("Answers")),
        say(lazy_gettext("Failures")),
        say(lazy_gettext("First")),
        say(lazy_gettext("Last")),
        say(lazy_gettext("Last error")),
    ]

    def rows() -> Iterator[list[h.Node]]:
        for one in given.attempts:
            failures = chip(str(one.failures), "bad" if one.failed else "warn") if one.failures else ""
            moments = [time(one.first), time(one.last)]
            yield [state(one.state), one.step, str(one.tries), failures, *moments, one.error or ""]

    return table(say(lazy_gettext("How often each step was tried")), columns, rows(), [2, 3])
