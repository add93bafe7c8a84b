"""The catalog: the plans, and which may change to which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import htpy as h

from overstap.domain.case import plan_name
from overstap.domain.catalog import Catalog, ChangeKind, Pair, Plan
from overstap.entrypoints.console.frame import frame
from overstap.entrypoints.console.pages import page
from overstap.entrypoints.console.parts import NOTHING, address, chip, facts, show, table
from overstap.entrypoints.console.visit import Visit
from overstap.errors import BadInput
from overstap.language import Language, Message, Money, lazy_gettext

TITLE = lazy_gettext("Catalog")
_PATH = "/console/catalog"
_PLANS, _MATRIX, _LIST = "plans", "matrix", "list"
_VIEWS: Mapping[str, Message] = {
    _PLANS: lazy_gettext("Plans"),
    _MATRIX: lazy_gettext("Changes as a matrix"),
    _LIST: lazy_gettext("Changes as a list"),
}
_KINDS: Mapping[ChangeKind, tuple[str, Message]] = {
    ChangeKind.SAME_FAMILY: ("●", lazy_gettext("in the same family")),
    ChangeKind.FROM_STANDALONE: ("◆", lazy_gettext("from a standalone plan")),
    ChangeKind.OTHER_FAMILY: ("▲", lazy_gettext("to another family, no way back")),
}
_CLOSED_MARK = "✕"
_CLOSED = lazy_gettext("closed: {reason}")
_OPEN = lazy_gettext("open")


@page(_PATH, TITLE, "count_runs")
async def catalog(visit: Visit) -> None:
    """What is sold, and which change the wizard offers."""
    view = visit.query("view") or _PLANS
    if view not in _VIEWS:
        raise BadInput(f"view: expected one of {', '.join(_VIEWS)}, found {view[:40]!r}.")
    sold, words = visit.app.catalog, visit.words
    with frame(visit, visit.say(TITLE)):
        show(h.section(".card")[_head(words, sold)])
        show(
            h.nav(".tabs", aria_label=visit.say(lazy_gettext("Views of the catalog")))[
                (
                    h.a(
                        href=address(_PATH, view=None if name == _PLANS else name),
                        aria_current="true" if name == view else None,
                    )[visit.say(message)]
                    for name, message in _VIEWS.items()
                )
            ]
        )
        match view:
            case "matrix":
                show(_legend(words), _matrix(words, sold))
            case "list":
                show(_pairs(words, sold))
            case _:
                show(*(_family(words, sold, one.id) for one in sold.families))


def _head(words: Language, sold: Catalog) -> h.Node:
    closed = sum(one.closed is not None for one in sold.pairs.values())
    return facts(
        [
            (words.say(lazy_gettext("Version")), words.tell(sold.version)),
            (words.say(lazy_gettext("Plans")), words.tell(len(sold.plans))),
            (words.say(lazy_gettext("Changes that the wizard offers")), words.tell(len(sold.pairs) - closed)),
            (words.say(lazy_gettext("Closed for now")), words.tell(closed)),
            (words.say(lazy_gettext("Currency")), sold.currency),
            (words.say(lazy_gettext("It is written in")), h.code["config/catalog.toml"]),
        ]
    )


def _family(words: Language, sold: Catalog, family_id: str) -> h.Node:
    say = words.say
    family = next(one for one in sold.families if one.id == family_id)
    name = words.tell({"nl": family.name_nl, "en": family.name_en})
    columns = (
        lazy_gettext("plan"),
        lazy_gettext("id"),
        lazy_gettext("SKU"),
        lazy_gettext("per licence and month"),
        lazy_gettext("licences at most"),
        lazy_gettext("may change to"),
    )
    plans = [one for one in sold.plans.values() if one.family == family_id]
    return h.section(".family")[
        h.h2[name],
        table(
            name,
            [say(one) for one in columns],
            [
                [
                    [_name(words, one), _variants(words, one)],
                    h.code[one.id],
                    [h.code[one.sku.part_number], _sku(words, one)],
                    words.tell(Money(one.monthly_cents, sold.currency)),
                    say(NOTHING) if one.seat_limit is None else words.tell(one.seat_limit),
                    ", ".join(target.id for target in sold.targets(one.id)) or h.span(".faint")[say(NOTHING)],
                ]
                for one in plans
            ],
            [3, 4],
        ),
    ]


def _variants(words: Language, plan: Plan) -> h.Node:
    if words.locale != "nl" or not plan.variants_nl:
        return None
    return [h.br, h.span(".faint")[words.tell(plan.variants_nl)]]


def _sku(words: Language, plan: Plan) -> h.Node:
    if plan.sku_part_number is None:
        return [h.br, h.span(".faint")[words.say(lazy_gettext("a stand-in: the real one is not known"))]]
    return [h.br, h.code(".faint")[plan.sku_id or words.say(lazy_gettext("id not known"))]]


def _sources(sold: Catalog) -> Sequence[Plan]:
    with_pairs = {pair.source for pair in sold.pairs.values()}
    return [one for one in sold.plans.values() if one.id in with_pairs]


def _legend(words: Language) -> h.Node:
    marks = [(mark, words.say(message)) for mark, message in _KINDS.values()]
    marks.append((_CLOSED_MARK, words.say(lazy_gettext("closed for now"))))
    manual = lazy_gettext("Where there is no mark, only the manual way is open.")
    return h.p(".legend")[
        (h.span[h.span(".mark", aria_hidden="true")[mark], " ", text] for mark, text in marks),
        h.span(".hint")[words.say(manual)],
    ]


def _matrix(words: Language, sold: Catalog) -> h.Node:
    caption = words.say(lazy_gettext("From each row's plan to each column's"))
    targets = tuple(sold.plans.values())
    return h.div(".scrolls.matrix", tabindex="0", role="region", aria_label=caption)[
        h.table[
            h.caption(".unseen")[caption],
            h.thead[
                h.tr[
                    h.th(".corner", scope="col")[words.say(lazy_gettext("from ↓ · to →"))],
                    (h.th(scope="col")[h.span(".upright")[_name(words, one)]] for one in targets),
                ]
            ],
            h.tbody[
                (
                    h.tr[
                        h.th(scope="row")[_name(words, source)],
                        (_cell(words, sold, source, target) for target in targets),
                    ]
                    for source in _sources(sold)
                )
            ],
        ]
    ]


def _cell(words: Language, sold: Catalog, source: Plan, target: Plan) -> h.Element:
    pair = sold.pair(source.id, target.id)
    if source is target:
        return h.td(".self")
    if pair is None:
        return h.td
    mark, message = _KINDS[sold.kind(source.id, target.id)]
    told = f"{_name(words, source)} → {_name(words, target)}: {words.say(message)}"
    if pair.closed:
        closed = words.say(_CLOSED, reason=pair.closed)
        return h.td(".closed", title=f"{told}; {closed}")[
            h.span(aria_hidden="true")[_CLOSED_MARK], h.span(".unseen")[closed]
        ]
    return h.td(".open", title=told)[h.span(aria_hidden="true")[mark], h.span(".unseen")[words.say(message)]]


def _pairs(words: Language, sold: Catalog) -> h.Node:
    say = words.say
    columns = (lazy_gettext("from"), lazy_gettext("to"), lazy_gettext("kind"), lazy_gettext("now"))
    return table(
        say(lazy_gettext("Changes that the wizard offers")),
        [say(one) for one in columns],
        [
            [
                _name(words, sold.plan(pair.source)),
                _name(words, sold.plan(pair.target)),
                _kind(words, sold, pair),
                chip(say(_CLOSED, reason=pair.closed), "bad") if pair.closed else chip(say(_OPEN), "good"),
            ]
            for pair in sold.pairs.values()
        ],
    )


def _kind(words: Language, sold: Catalog, pair: Pair) -> h.Node:
    mark, message = _KINDS[sold.kind(pair.source, pair.target)]
    return [h.span(".mark", aria_hidden="true")[mark], " ", words.say(message)]


def _name(words: Language, plan: Plan) -> str:
    return words.tell(plan_name(plan))
