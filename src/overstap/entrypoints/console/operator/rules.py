"""The rules: why a tenant would be refused, with its facts or with others; and all that they know to say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

import htpy as h
from fastapi.responses import RedirectResponse, Response

from overstap.domain.change import Route
from overstap.domain.eligibility import Eligibility
from overstap.domain.findings import Finding
from overstap.domain.supposing import Compared
from overstap.domain.tenant import Tenant
from overstap.entrypoints.console.findings import advice, sentence
from overstap.entrypoints.console.frame import frame
from overstap.entrypoints.console.operator.rules_form import form
from overstap.entrypoints.console.operator.rules_table import effect, rules_table
from overstap.entrypoints.console.operator.suppositions import Asked, read
from overstap.entrypoints.console.pages import page
from overstap.entrypoints.console.parts import Tone, address, chip, empty, link_button, note, problem, show
from overstap.entrypoints.console.visit import Visit
from overstap.errors import BadInput, NotFound
from overstap.language import Language, Message, lazy_gettext

TITLE = lazy_gettext("Rules")
_PATH = "/console/rules"
_SHOWN = 20
_VERDICTS: Mapping[tuple[bool, Route], tuple[Message, Tone]] = {
    (True, Route.WIZARD): (lazy_gettext("Allowed."), "good"),
    (True, Route.MANUAL): (lazy_gettext("Allowed, manually."), "good"),
    (False, Route.MANUAL): (lazy_gettext("Not with the wizard; the manual way is open."), "warn"),
    (False, Route.NONE): (lazy_gettext("Not allowed."), "bad"),
}


@page(_PATH, TITLE, "count_runs")
async def rules(visit: Visit) -> Response | None:
    """Ask the rules about a change, and read them."""
    wanted = visit.query("tenant")
    found = await visit.ask(_tenants, visit, wanted) if wanted else []
    if wanted and len(found) == 1 and found[0].id != wanted:
        return RedirectResponse(address(_PATH, tenant=found[0].id), HTTPStatus.SEE_OTHER)
    asked, compared, wrong = None, None, None
    if wanted and len(found) == 1:
        try:
            asked, compared = await visit.ask(_compare, visit, found[0])
        except (BadInput, NotFound) as error:
            wrong = str(error)
        if asked is not None and _differs(visit, asked):
            return RedirectResponse(address(_PATH, **asked.query()), HTTPStatus.SEE_OTHER)
    with frame(visit, visit.say(TITLE)):
        show(_chooser(visit, wanted, found))
        if wrong is not None:
            show(
                problem(wrong, h.p[h.a(href=address(_PATH, tenant=found[0].id))[visit.say(lazy_gettext("Begin anew"))]])
            )
        elif asked is not None and compared is not None:
            show(_subscriptions(visit, asked))
            show(
                h.div(".whatif")[
                    form(visit.words, asked, visit.app.catalog),
                    h.section(".verdict.card", aria_labelledby="verdict")[_verdict(visit.words, asked, compared)],
                ]
            )
        elif len(found) == 1:
            title, hint = lazy_gettext("{name} has no subscription"), lazy_gettext("There is nothing to change from.")
            show(empty(visit.say(title, name=found[0].name), visit.say(hint)))
        show(h.h2[visit.say(lazy_gettext("All rules"))], rules_table(visit.words))
    return None


def _tenants(visit: Visit, wanted: str) -> Sequence[Tenant]:
    try:
        return [visit.app.service.tenant(wanted.lower())]
    except NotFound:
        return visit.app.service.tenants(limit=_SHOWN, text=wanted)


def _compare(visit: Visit, tenant: Tenant) -> tuple[Asked | None, Compared | None]:
    active, _ = visit.app.portal.locks(tenant.id)
    asked = read(visit.request.query_params, tenant, active, visit.app.catalog)
    return (None, None) if asked is None else (asked, visit.app.questions.what_if(asked.change, asked.supposed))


def _differs(visit: Visit, asked: Asked) -> bool:
    """Whether the address says more than it need, as a form does that names every fact."""
    needed = {(name, str(one)) for name, value in asked.query().items() for one in _each(value)}
    given = set(visit.request.query_params.multi_items())
    return bool(given - needed)


def _each(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else [value]


def _chooser(visit: Visit, wanted: str | None, found: Sequence[Tenant]) -> h.Element:
    say = visit.say
    exact = found[0] if wanted and len(found) == 1 else None
    return h.section(".card")[
        h.h2[say(lazy_gettext("Why would a change be refused?"))],
        h.form(".asking", method="get", action=_PATH, role="search")[
            h.label(".field")[
                h.span[say(lazy_gettext("Tenant: its name, id or a domain"))],
                h.input(name="tenant", type="search", value=exact.name if exact else wanted, required=True),
            ],
            h.button(".button" if exact else ".button.main", type="submit")[say(lazy_gettext("Look it up"))],
            link_button(say(lazy_gettext("To the tenant")), f"/console/tenants/{exact.id}") if exact else None,
        ],
        _others(visit, wanted, found) if wanted and exact is None else None,
    ]


def _others(visit: Visit, wanted: str, found: Sequence[Tenant]) -> h.Node:
    if not found:
        return problem(visit.say(lazy_gettext("No tenant has {text} in its name, its id or a domain."), text=wanted))
    return h.ul(".plainly")[
        (h.li[h.a(href=address(_PATH, tenant=one.id))[one.name], " ", h.code[one.id]] for one in found)
    ]


def _subscriptions(visit: Visit, asked: Asked) -> h.Node:
    catalog = visit.app.catalog

    def name(plan: str | None, sku: str) -> str:
        known = catalog.plans.get(plan or "")
        return visit.words.tell({"nl": known.name_nl, "en": known.name_en}) if known else sku

    return h.nav(".tabs", aria_label=visit.say(lazy_gettext("Subscriptions")))[
        (
            h.a(
                href=address(_PATH, tenant=asked.tenant.id, subscription=one.id),
                aria_current="true" if one is asked.held else None,
            )[name(one.plan, one.sku_part_number)]
            for one in asked.tenant.subscriptions
        )
    ]


def _verdict(words: Language, asked: Asked, compared: Compared) -> h.Node:
    say, answer = words.say, compared.supposed
    real = say(lazy_gettext("With the real facts:"))
    heading = lazy_gettext("With these facts") if asked.supposes else lazy_gettext("With the facts as they are")
    return [
        h.h2("#verdict")[say(heading)],
        _told(words, answer),
        h.p(".hint")[real, " ", _told(words, compared.real, small=True)] if asked.supposes else None,
        note(say(lazy_gettext("What is supposed changes nothing of what the rules say.")), "plain")
        if asked.supposes and not compared.differs
        else None,
        h.ol(".findings")[(_finding(words, one, new=compared.is_new(one)) for one in answer.findings)]
        if answer.findings
        else h.p(".hint")[say(lazy_gettext("No rule has anything to say."))],
        [
            h.h3[say(lazy_gettext("Only with the real facts"))],
            h.ol(".findings.gone")[(_finding(words, one) for one in compared.gone)],
        ]
        if compared.gone
        else None,
    ]


def _told(words: Language, answer: Eligibility, *, small: bool = False) -> h.Element:
    message, tone = _VERDICTS[answer.allowed, answer.route]
    return chip(words.say(message), tone) if small else h.p(f".note.{tone}.strong")[words.say(message)]


def _finding(words: Language, finding: Finding, *, new: bool = False) -> h.Element:
    return h.li(".new" if new else "")[
        h.div(".what")[
            effect(words, finding.code),
            h.a(href=f"#{finding.code}")[finding.rule],
            h.code[finding.code],
            chip(words.say(lazy_gettext("by what is supposed")), "info") if new else None,
        ],
        h.p(".strong")[sentence(words, finding)],
        h.p[advice(words, finding)],
    ]
