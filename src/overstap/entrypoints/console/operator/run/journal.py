"""A run's journal, a page at a time, each entry with what followed how long after what."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

import htpy as h

from overstap.entrypoints.console.operator.run import told
from overstap.entrypoints.console.parts import address, duration, time
from overstap.entrypoints.console.visit import Visit
from overstap.errors import BadInput
from overstap.language import lazy_gettext, lazy_ngettext
from overstap.workflow.run import JournalEntry, Kind

PAGE = 50
_NUMBER = re.compile("[0-9]{1,9}")
_LOUD = frozenset({Kind.RETRY, Kind.STUCK, Kind.SIGNAL_DISCARDED})
_BY_HAND = frozenset({Kind.HELD, Kind.RELEASED, Kind.RETRIED, Kind.EXTENDED, Kind.TAKEN_OVER, Kind.REPLAYED})


def number(visit: Visit, name: str, least: int = 0) -> int | None:
    """A number that the address says, None where it says none.

    Raises:
        BadInput: when it says something else.
    """
    given = visit.query(name)
    if given is None:
        return None
    if not _NUMBER.fullmatch(given) or int(given) < least:
        raise BadInput(f"{name}={given!r} is no number of a journal entry; they are counted from {least}.")
    return int(given)


@dataclass(frozen=True, slots=True)
class Pages:
    """Which part of a journal the page shows.

    Attributes:
        upto: the last entry of the part.
        last: the last entry of the journal, as far as the page looks.
        newest_first: their order.
    """

    visit: Visit
    run_id: str
    upto: int
    last: int
    newest_first: bool

    @classmethod
    def asked(cls, visit: Visit, run_id: str, last: int) -> Pages:
        """The part that the address asks for.

        Args:
            last: the last entry there is to show.

        Raises:
            BadInput: when it asks for no part of a journal.
        """
        newest_first = visit.query("order") != "oldest"
        upto = number(visit, "upto", 1) or (last if newest_first else PAGE)
        return cls(visit, run_id, min(upto, last), last, newest_first)

    def read(self) -> list[JournalEntry]:
        """The entries, with the one before the first; the oldest first."""
        before = max(0, self.upto - PAGE - 1)
        return list(islice(self.visit.app.looking.entries(self.run_id, before), self.upto - before))

    def to(self, **changes: object) -> str:
        """This page with something else in its address."""
        order = None if self.newest_first else "oldest"
        seq = self.visit.query("seq")
        return address(f"/console/runs/{self.run_id}", **{"seq": seq, "order": order, "upto": self.upto, **changes})

    def shown(self, entries: Sequence[JournalEntry]) -> h.Node:
        """The part on the page.

        Args:
            entries: as `read` gives them.
        """
        pairs: list[tuple[JournalEntry | None, JournalEntry]] = list(itertools.pairwise([None, *entries]))  # type: ignore[list-item]
        pairs = [(before, one) for before, one in pairs if one.seq > self.upto - PAGE]
        if self.newest_first:
            pairs.reverse()
        return [
            self._ways(),
            h.ol(".journal", reversed=self.newest_first)[(self._entry(before, one) for before, one in pairs)],
            self._ways() if len(pairs) >= PAGE else None,
        ]

    def _ways(self) -> h.Element:
        say = self.visit.say
        first = max(1, self.upto - PAGE + 1)
        return h.p(".ways")[
            say(
                lazy_gettext("Entries #{first} to #{upto} of {last}"),
                first=str(first),
                upto=str(self.upto),
                last=self.last,
            ),
            h.a(href=self.to(upto=max(PAGE, first - 1)))[say(lazy_gettext("earlier"))] if first > 1 else None,
            h.a(href=self.to(upto=min(self.last, self.upto + PAGE)))[say(lazy_gettext("later"))]
            if self.upto < self.last
            else None,
            h.a(href=self.to(order=None, upto=None))[say(lazy_gettext("newest first"))]
            if not self.newest_first
            else h.a(href=self.to(order="oldest", upto=None))[say(lazy_gettext("oldest first"))],
        ]

    def _entry(self, before: JournalEntry | None, one: JournalEntry) -> h.Element:
        say = self.visit.say
        since = None if before is None else max(one.at - before.at, timedelta())
        tone = ".bad" if one.kind in _LOUD else ".hand" if one.kind in _BY_HAND else ".move" if one.to_state else ""
        return h.li(value=str(one.seq))[
            h.details[
                h.summary(tone)[
                    h.span(".what")[told.entry(self.visit, one)],
                    h.span(".when")[
                        time(one.at, "second"),
                        " ",
                        h.span(".faint")["+", duration(self.visit.words, since)] if since is not None else None,
                    ],
                ],
                h.pre(tabindex="0")[_data(one)],
                h.p(".ways")[
                    h.a(href=address(f"/console/runs/{self.run_id}", seq=one.seq))[
                        say(lazy_gettext("How the run was then"))
                    ],
                    h.a(href=address(f"/console/runs/{self.run_id}", from_=one.seq - 1, to=one.seq))[
                        say(lazy_gettext("What it changed"))
                    ],
                    h.span(".faint.mono")[one.hash[:12]],
                ],
            ]
        ]


def news(visit: Visit, many: int) -> str:
    """That there are new entries; empty where there are none."""
    return visit.say(lazy_ngettext("{count} new entry", "{count} new entries"), count=many) if many > 0 else ""


def _data(one: JournalEntry) -> str:
    return json.dumps({"kind": one.kind, "actor": one.actor, **one.data}, indent=1, ensure_ascii=False, default=str)
