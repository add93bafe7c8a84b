"""How the runs that are shown are chosen: chips for what is asked most, a form for the rest, and what is chosen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import htpy as h

from overstap.app.finding import Sort
from overstap.entrypoints.console.operator.filters import FLAGS
from overstap.entrypoints.console.operator.run_cells import COLUMNS, STATUSES, plan_name
from overstap.entrypoints.console.operator.runs_view import PATH, SIZES, View
from overstap.entrypoints.console.parts import ANY, choice
from overstap.entrypoints.console.visit import Visit
from overstap.language import Message, lazy_gettext

CHIPS: Mapping[str, Message] = {
    "stuck": lazy_gettext("Stuck"),
    "escalated": lazy_gettext("Escalated"),
    "overdue": lazy_gettext("Overdue"),
    "held": lazy_gettext("Held"),
}
SORTS: Mapping[Sort, Message] = {
    Sort.NEWEST: lazy_gettext("The newest first"),
    Sort.OLDEST: lazy_gettext("The oldest first"),
    Sort.DEADLINE: lazy_gettext("The soonest deadline first"),
    Sort.ATTEMPTS: lazy_gettext("The most failed tries first"),
}
_LEFT_OUT: Mapping[Sort, Message] = {
    Sort.DEADLINE: lazy_gettext("In this order only active runs that have a deadline are listed."),
    Sort.ATTEMPTS: lazy_gettext("In this order only runs whose last try failed are listed."),
}
_IN_MORE = ("status", "workflow", "version", "since", "until", "older_than")
"""What stands in the part of the form that is closed at first."""
_FILTERS = lazy_gettext("Filters that are asked for most")
_MORE = lazy_gettext("More filters")
_SHOW = lazy_gettext("Show")
_COLUMNS = lazy_gettext("Columns")
_SHOW_COLUMNS = lazy_gettext("Show these columns")
_SHOWN_ARE = lazy_gettext("Shown are runs that are:")
_ASKED = lazy_gettext("Asked for is:")
_SHOWN_ALL = lazy_gettext("All runs are shown.")
_WITHOUT = lazy_gettext("Without this: {condition}")
_WITHOUT_IT = lazy_gettext("Without this")
_CLEAR = lazy_gettext("Show all runs")
_FROM_SAVED = lazy_gettext("by the saved filter “{name}”")


def chips(visit: Visit, view: View) -> h.Node:
    """Filters that are one click away, those of the settings among them."""
    saved = visit.app.search.saved
    return h.nav(".quick", aria_label=visit.say(_FILTERS))[
        (
            _chip(visit.say(text), view.flipped(name), on=view.flipped(name) == view.without(name))
            for name, text in CHIPS.items()
        ),
        (
            _chip(
                name,
                view.without("filter") if view.query.get("filter") == name else view.with_query({"filter": name}),
                on=view.query.get("filter") == name,
            )
            for name in saved
        ),
    ]


def _chip(text: str, href: str, *, on: bool) -> h.Element:
    return h.a(".chip.on" if on else ".chip", href=href, aria_current="true" if on else None)[text]


def chosen(visit: Visit, view: View, told: Mapping[str, h.Node] | None) -> h.Node:
    """In words, which runs are shown; each condition with a link that takes it back.

    Args:
        told: of `in_words`; None where the address asks for what cannot be.
    """
    say = visit.say
    if told is None:
        return _pieces(visit, view, say(_ASKED), _given(view))
    if not told and not view.query:
        return h.p(".hint.chosen")[say(_SHOWN_ALL), _note(visit, view)]
    saved = view.query.get("filter")
    by = {} if saved is None else {"filter": say(_FROM_SAVED, name=saved)}
    return _pieces(visit, view, say(_SHOWN_ARE), {**told, **by})


def _pieces(visit: Visit, view: View, before: str, told: Mapping[str, h.Node]) -> h.Node:
    say = visit.say
    return h.div(".chosen")[
        h.span[before],
        h.ul[
            (
                _condition(visit, content, view.without(name) if name in view.query else None)
                for name, content in told.items()
            )
        ],
        h.a(href=view.with_query({}))[say(_CLEAR)],
        _note(visit, view),
    ]


def _given(view: View) -> dict[str, h.Node]:
    return {
        name: f"{name}={', '.join(value) if isinstance(value, list) else value}" for name, value in view.query.items()
    }


def _condition(visit: Visit, content: h.Node, without: str | None) -> h.Node:
    said = visit.say(_WITHOUT, condition=content) if isinstance(content, str) else visit.say(_WITHOUT_IT)
    link = h.a(".off", href=without, aria_label=said, title=visit.say(_WITHOUT_IT))["✕"]
    return h.li[content, link if without is not None else None]


def _note(visit: Visit, view: View) -> h.Node:
    text = _LEFT_OUT.get(view.sort)
    return None if text is None else h.span(".hint")[" ", visit.say(text)]


def form(visit: Visit, view: View) -> h.Node:
    """The form with all filters, the order and the size of a page."""
    say, app, query = visit.say, visit.app, view.query
    plans = sorted((plan_name(visit.words, app.catalog, one), one) for one in app.catalog.plans)
    workflows = sorted({each.name for each in app.library.all()})
    versions = [str(one) for one in sorted({each.version for each in app.library.all()})]
    states = list(dict.fromkeys(state for each in app.library.all() for state in each.states))
    kept = {name: query[name] for name in (*FLAGS, "filter") if name in query}
    return h.form("#filters.card.runs-form", method="get", action=PATH)[
        _hidden({**kept, **{name: text for name, text in view.given.items() if name == "columns"}}),
        h.div(".filters")[
            _pick(visit, view, "state", say(lazy_gettext("In one of the states")), [(one, one) for one in states]),
            _text(say(lazy_gettext("Tenant (id or name)")), "tenant", query),
            _choice(visit, "plan", say(lazy_gettext("To the plan")), [(one, name) for name, one in plans], query),
            _text(say(lazy_gettext("Text in the error")), "error", query),
            _select(
                say(lazy_gettext("Sorted by")),
                "sort",
                [(one.value, say(text)) for one, text in SORTS.items()],
                view.sort.value,
            ),
            h.button(".button.main", type="submit")[say(_SHOW)],
        ],
        h.details(".more", open=any(name in query for name in _IN_MORE))[
            h.summary[say(_MORE)],
            h.div(".filters")[
                _pick(
                    visit,
                    view,
                    "status",
                    say(lazy_gettext("Status")),
                    [(one.value, say(text)) for one, text in STATUSES.items()],
                ),
                _choice(visit, "workflow", say(lazy_gettext("Workflow")), [(one, one) for one in workflows], query),
                _choice(
                    visit,
                    "version",
                    say(lazy_gettext("Version of the workflow")),
                    [(one, one) for one in versions],
                    query,
                ),
                _text(say(lazy_gettext("Created longer ago than")), "older_than", query, placeholder="1h30m"),
                _moment(say(lazy_gettext("Created at or after")), "since", query),
                _moment(say(lazy_gettext("Created before")), "until", query),
                _select(
                    say(lazy_gettext("Runs on a page")),
                    "limit",
                    [(str(size), str(size)) for size in _sizes(view, app.settings.api.page_limit)],
                    str(view.limit),
                ),
            ],
        ],
    ]


def columns_form(visit: Visit, view: View) -> h.Node:
    """What chooses the columns; the browser remembers them."""
    say = visit.say
    kept = {name: text for name, text in view.given.items() if name != "columns"}
    cursor = {"cursor": view.cursor} if view.cursor else {}
    return h.details(".pick.columns")[
        h.summary(".button")[say(_COLUMNS)],
        h.form(".options", method="get", action=PATH, data_columns="")[
            _hidden({**view.query, **kept, **cursor}),
            h.fieldset[
                h.legend(".unseen")[say(_COLUMNS)],
                (
                    h.label(".check")[
                        h.input(
                            type="checkbox",
                            name=None if name == "run" else "columns",
                            value=name,
                            checked=name in view.columns,
                            disabled=name == "run",
                        ),
                        say(column.title),
                    ]
                    for name, column in COLUMNS.items()
                ),
            ],
            h.button(".button.main", type="submit")[say(_SHOW_COLUMNS)],
        ],
    ]


def _pick(visit: Visit, view: View, name: str, label: str, options: Sequence[tuple[str, str]]) -> h.Element:
    """Checkboxes under a button that says which of them are checked."""
    given = view.query.get(name, [])
    texts = {**dict(options), **{one: one for one in given if one not in dict(options)}}
    said = ", ".join(text for one, text in texts.items() if one in given)
    return h.div(".field")[
        h.span[label],
        h.details(".pick")[
            h.summary[said or visit.say(ANY)],
            h.fieldset(".options")[
                h.legend(".unseen")[label],
                (
                    h.label(".check")[h.input(type="checkbox", name=name, value=one, checked=one in given), text]
                    for one, text in texts.items()
                ),
            ],
        ],
    ]


def _choice(
    visit: Visit, name: str, label: str, options: Sequence[tuple[str, str]], query: Mapping[str, str | list[str]]
) -> h.Element:
    """A select that keeps what was given, also where that is none of its options."""
    given = _one(query, name)
    unknown = [] if given is None or given in dict(options) else [(given, given)]
    return choice(visit.words, name, label, [*options, *unknown], given)


def _sizes(view: View, most: int) -> Iterable[int]:
    return sorted({view.limit, *(size for size in SIZES if size <= most)})


def _one(query: Mapping[str, str | list[str]], name: str) -> str | None:
    value = query.get(name)
    return value[0] if isinstance(value, list) else value


def _hidden(query: Mapping[str, str | list[str]]) -> list[h.VoidElement]:
    pairs = [(name, one) for name, value in query.items() for one in (value if isinstance(value, list) else [value])]
    return [h.input(type="hidden", name=name, value=value) for name, value in pairs]


def _text(label: str, name: str, query: Mapping[str, str | list[str]], placeholder: str | None = None) -> h.Element:
    return h.label(".field")[
        h.span[label], h.input(name=name, value=_one(query, name) or "", placeholder=placeholder, autocomplete="off")
    ]


def _moment(label: str, name: str, query: Mapping[str, str | list[str]]) -> h.Element:
    """The browser asks for it in the reader's zone, and gives it in UTC."""
    return h.label(".field")[
        h.span[label],
        h.input(type="datetime-local", data_moment=name),
        h.input(type="hidden", name=name, value=_one(query, name) or ""),
    ]


def _select(label: str, name: str, options: Sequence[tuple[str, str]], chosen: str) -> h.Element:
    return h.label(".field")[
        h.span[label],
        h.select(name=name)[(h.option(value=value, selected=value == chosen)[text] for value, text in options)],
    ]
