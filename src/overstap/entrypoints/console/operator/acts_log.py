"""The log of acts: who did what, when and why, that belongs to no single run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import htpy as h
import orjson

from overstap.entrypoints.console.parts import address, choice, empty, link_button, table, time
from overstap.entrypoints.console.visit import Visit
from overstap.errors import BadInput
from overstap.language import Message, lazy_gettext
from overstap.workflow.breaches import Link

_PATH = "/console/audit"
_AT_ONCE = 50
_MOST_DIGITS = 9
_KINDS: Mapping[str, Message] = {
    "paused": lazy_gettext("paused"),
    "resumed": lazy_gettext("resumed"),
    "replay_planned": lazy_gettext("replay planned"),
    "replay_approved": lazy_gettext("replay approved"),
    "replay_run": lazy_gettext("replay run"),
    "workflow_migrated": lazy_gettext("runs carried to another version"),
    "token_created": lazy_gettext("token created"),
    "token_revoked": lazy_gettext("token revoked"),
    "webhook_created": lazy_gettext("webhook created"),
    "webhook_ended": lazy_gettext("webhook ended"),
    "webhook_replayed": lazy_gettext("deliveries repeated"),
}
_COLUMNS = (
    lazy_gettext("number"),
    lazy_gettext("when"),
    lazy_gettext("who"),
    lazy_gettext("what"),
    lazy_gettext("to what"),
    lazy_gettext("why"),
    lazy_gettext("more"),
)


@dataclass(frozen=True, slots=True)
class Acts:
    """A page of the log.

    Attributes:
        kinds: of acts that there are.
        more: whether there are older ones that match.
    """

    found: Sequence[Link]
    kinds: Sequence[str]
    kind: str | None
    text: str | None
    before: int | None
    more: bool

    def query(self, before: int | None) -> str:
        """The address of a page of the same."""
        return address(_PATH, kind=self.kind, q=self.text, before=before) + "#acts"


def asked_acts(visit: Visit) -> Acts:
    """The page of the log that the address asks for.

    Raises:
        BadInput: when it asks for one that cannot be.
    """
    kind, text, before = visit.query("kind"), visit.query("q"), visit.query("before")
    if before is not None and not (before.isascii() and before.isdigit() and len(before) <= _MOST_DIGITS):
        raise BadInput(f"before: expected the number of an act, found {before[:40]!r}.")
    number = None if before is None else int(before)
    found = visit.app.auditing.acts(number, _AT_ONCE + 1, kind=kind, text=text)
    kinds = visit.app.auditing.kinds_of_acts()
    return Acts(found[:_AT_ONCE], kinds, kind, text, number, len(found) > _AT_ONCE)


def acts_log(visit: Visit, acts: Acts) -> h.Element:
    """The log, with its filters and the ways to its other pages."""
    say = visit.say
    heading = say(lazy_gettext("What operators did"))
    hint = lazy_gettext("What was done to a single run stands in that run's journal.")
    return h.section("#acts.log")[
        h.h2[heading],
        h.p(".hint")[say(hint)],
        _filters(visit, acts),
        table(heading, [say(one) for one in _COLUMNS], [_row(visit, one) for one in acts.found], [0])
        if acts.found
        else _nothing(visit, acts),
        h.nav(".buttons", aria_label=say(lazy_gettext("Pages of the list")))[
            link_button(say(lazy_gettext("The newest")), acts.query(None)) if acts.before else None,
            link_button(say(lazy_gettext("Older")), acts.query(acts.found[-1].seq)) if acts.more else None,
        ]
        if acts.before or acts.more
        else None,
    ]


def _filters(visit: Visit, acts: Acts) -> h.Element:
    say = visit.say
    kinds = [(one, say(_KINDS[one]) if one in _KINDS else one) for one in acts.kinds]
    return h.form(".asking", method="get", action=f"{_PATH}#acts", role="search")[
        h.label(".field")[
            h.span[say(lazy_gettext("Who, to what or why"))],
            h.input(type="search", name="q", value=acts.text, maxlength="200"),
        ],
        choice(visit.words, "kind", say(lazy_gettext("What")), kinds, acts.kind),
        h.button(".button", type="submit")[say(lazy_gettext("Search"))],
        link_button(say(lazy_gettext("All acts")), f"{_PATH}#acts") if acts.kind or acts.text else None,
    ]


def _row(visit: Visit, one: Link) -> list[h.Node]:
    number = visit.words.tell(one.seq)
    if one.record is None:
        broken = lazy_gettext(
            "This act cannot be read any more: somebody changed it in the database. Check the record."
        )
        return [number, "", "", h.span(".chip.bad")[visit.say(broken)], "", "", ""]
    record: dict[str, Any] = dict(one.record)
    kind = record["kind"]
    return [
        number,
        time(record["at"]),
        record["actor"],
        visit.say(_KINDS[kind]) if kind in _KINDS else kind,
        h.div(".cut")[_subject(record)],
        h.div(".prose")[record["reason"]],
        _more(visit, record["data"]),
    ]


def _subject(record: Mapping[str, Any]) -> h.Node:
    subject = str(record["subject"])
    if str(record["kind"]).startswith("replay_"):
        return h.a(href=f"/console/replays/{subject}")[h.code[subject]]
    return subject


def _more(visit: Visit, data: object) -> h.Node:
    if not data:
        return None
    text = orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS, default=str).decode()
    return h.details[h.summary[visit.say(lazy_gettext("show"))], h.pre(".kept")[text]]


def _nothing(visit: Visit, acts: Acts) -> h.Node:
    say = visit.say
    if acts.kind or acts.text:
        hint = lazy_gettext("Look for another text, or at all of them.")
        return empty(say(lazy_gettext("No act is like that.")), say(hint))
    hint = lazy_gettext("Pauses, replays, tokens, webhooks and migrations of workflows are written down here.")
    return empty(say(lazy_gettext("Nobody has done anything yet.")), say(hint))
