"""Which runs a page is about: the query of its address, as the API has it, read into a filter and told in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import htpy as h

from overstap.clock import TooLong, parse_duration
from overstap.domain.run_filter import RunFilter
from overstap.entrypoints.api.routes.runs import chosen
from overstap.entrypoints.console.parts import time, with_node
from overstap.entrypoints.console.visit import Visit
from overstap.errors import BadInput, NotFound
from overstap.language import Language, Message, lazy_gettext

FLAGS = ("stuck", "escalated", "overdue", "held")
SEVERAL = ("state", "status")
"""What may be given more than once; a run must be one of them."""
NAMES = ("filter", *(one.name for one in fields(RunFilter)))
"""Names of the query that say which runs are meant; `filter` is a saved one, which the others win over."""
_LONGEST = 200
_MOST_VERSION = 2**31 - 1

Query = dict[str, str | list[str]]
"""What is given of `NAMES`, as it was given."""


def query_of(visit: Visit) -> Query:
    """What the page's address says of runs, with nothing in it that is empty; for links to other pages."""
    given = visit.request.query_params
    found: Query = {}
    for name in NAMES:
        values = [text for one in given.getlist(name) if (text := one.strip())]
        if values:
            found[name] = values if name in SEVERAL else values[-1]
    return found


def wanted(visit: Visit) -> RunFilter:
    """The filter that the page's address asks for; asks the database, so in a thread.

    Raises:
        BadInput: when something of it cannot be read, or no run can ever be what it asks for.
        NotFound: when there is no such tenant.
    """
    return filter_of(visit, query_of(visit))


def filter_of(visit: Visit, query: Mapping[str, str | list[str]]) -> RunFilter:
    """The filter that a query asks for; see `wanted`."""
    given: dict[str, Any] = {name: _READ[name](name, text) for name, text in query.items()}
    given["name"] = given.pop("filter", None)
    if "tenant" in given:
        given["tenant"] = _tenant(visit, given["tenant"])
    return chosen(visit.call, given)


def in_words(visit: Visit, made: RunFilter) -> dict[str, h.Node]:
    """What each field of a filter asks of a run, by the field's name; asks for the tenant's name, so in a thread."""
    return {
        one.name: _tell(visit, one.name, value)
        for one in fields(made)
        if (value := getattr(made, one.name)) != one.default
    }


def in_one(words: Language, told: Mapping[str, h.Node]) -> h.Node:
    """What `in_words` tells, one after the other."""
    if not told:
        return words.say(_ALL)
    pieces = list(told.values())
    return [pieces[0], ([", ", piece] for piece in pieces[1:])]


def _text(name: str, text: Any) -> str:
    if len(text) > _LONGEST:
        raise BadInput(f"{name}: {len(text)} characters are too many; at most {_LONGEST}.")
    return str(text)


def _texts(name: str, texts: Any) -> tuple[str, ...]:
    return tuple(_text(name, one) for one in texts)


def _flag(name: str, text: Any) -> bool:
    known = {"true": True, "1": True, "on": True, "false": False, "0": False}
    if text.lower() not in known:
        raise BadInput(f"{name}: {text!r} is neither true nor false.")
    return known[text.lower()]


def _number(name: str, text: Any) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:11]) <= _MOST_VERSION):
        raise BadInput(f"{name}: {text!r} is no number from 1 on.")
    return int(text)


def _duration(name: str, text: Any) -> timedelta:
    try:
        return parse_duration(text)
    except (TooLong, ValueError) as error:
        raise BadInput(f"{name}: {error}.") from None


def _moment(name: str, text: Any) -> datetime:
    """A moment; without a zone it is in UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadInput(f"{name}: {text!r} is not a moment; write it like 2026-03-02 or 2026-03-02T12:30:00Z.") from None


_READ: Mapping[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys(NAMES, _text),
    **dict.fromkeys(SEVERAL, _texts),
    **dict.fromkeys(FLAGS, _flag),
    "version": _number,
    "older_than": _duration,
    "since": _moment,
    "until": _moment,
}


def _tenant(visit: Visit, text: str) -> str:
    """The id of the tenant with that id, or with exactly that name."""
    with suppress(NotFound):
        return visit.call.tenant(text).id
    named = [one for one in visit.app.service.tenants((text, ""), 2) if one.name == text]
    if not named:
        raise NotFound(f"There is no tenant with the id or the name {text!r}.")
    if len(named) > 1:
        raise BadInput(f"Several tenants are called {text!r}; give the id of one of them.")
    return visit.call.tenant(named[0].id).id


_ALL = lazy_gettext("all runs")
_MOMENTS: Mapping[str, Message] = {
    "since": lazy_gettext("created at {node} or later"),
    "until": lazy_gettext("created before {node}"),
}
_SAID: Mapping[str, Message] = {
    "state": lazy_gettext("in the state {value}"),
    "status": lazy_gettext("with the status {value}"),
    "tenant": lazy_gettext("of {value}"),
    "plan": lazy_gettext("to {value}"),
    "workflow": lazy_gettext("carried by {value}"),
    "version": lazy_gettext("by version {value} of its workflow"),
    "stuck": lazy_gettext("stuck: nothing takes it on, or its step fails again and again"),
    "escalated": lazy_gettext("escalated: a deadline has passed and the work goes on"),
    "overdue": lazy_gettext("overdue: its deadline has passed and nobody has come to it yet"),
    "held": lazy_gettext("held by an operator"),
    "error": lazy_gettext("with “{value}” in its error"),
    "older_than": lazy_gettext("created more than {value} ago"),
}
_ONE_OF: Mapping[str, Message] = {
    "state": lazy_gettext("in one of the states {value}"),
    "status": lazy_gettext("with one of the statuses {value}"),
}


def _tell(visit: Visit, name: str, value: Any) -> h.Node:
    if name in _MOMENTS:
        return with_node(visit.words, _MOMENTS[name], time(value))
    if name in SEVERAL:
        return visit.say(_SAID[name] if len(value) == 1 else _ONE_OF[name], value=", ".join(value))
    if name == "tenant":
        with suppress(NotFound):
            value = visit.app.service.tenant(value).name
    return visit.say(_SAID[name], **({} if name in FLAGS else {"value": value}))
