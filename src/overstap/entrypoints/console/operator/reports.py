"""How the checks of the whole database look: under way, and what they found."""

from __future__ import annotations

import htpy as h

from overstap.app.auditing import AuditReport
from overstap.app.verify import VerifyReport
from overstap.entrypoints.console.jobs import Job, Kind, Turn
from overstap.entrypoints.console.operator.long_work import failure, whose
from overstap.entrypoints.console.parts import chip, table
from overstap.entrypoints.console.visit import Visit, desk
from overstap.language import Language, lazy_gettext, lazy_ngettext

CHECK = Kind("check of the whole database", Turn.NONE)
TRUTHS, CHAINS = "truths", "chains"
"""What a check is about."""
_SHOWN = 20


def outcome(visit: Visit, name: str) -> h.Node:
    """The newest check of that name; where there was none, that."""
    found, words = desk().jobs.get(CHECK, name), visit.words
    if found is None:
        return h.p(".faint")[words.say(lazy_gettext("Not checked since the server began."))]
    if found.ended is None:
        return _under_way(words, found)
    failed = failure(words, found)
    if failed is not None:
        return [whose(words, found), failed]
    report = _truths(words, found.result) if isinstance(found.result, VerifyReport) else _chains(words, found.result)
    return h.div(role="status")[whose(words, found), report]


def _under_way(words: Language, found: Job) -> h.Node:
    say = words.say
    looked = say(lazy_gettext("{done} of {total} runs looked at"), done=found.done, total=found.total)
    return [
        whose(words, found),
        h.progress(max=str(max(found.total, 1)), value=str(found.done), aria_label=looked),
        h.p(".hint")[looked if found.done < found.total or not found.total else say(_BESIDE)],
    ]


_BESIDE = lazy_gettext("All runs were looked at; now what stands beside them.")


def _truths(words: Language, report: VerifyReport) -> h.Node:
    say = words.say
    columns = (
        lazy_gettext("truth"),
        lazy_gettext("what must hold"),
        lazy_gettext("looked at"),
        lazy_gettext("found"),
    )
    breaches = sum(len(one.breaches) for one in report.checks)
    return [
        _verdict(words, breaches),
        table(
            say(lazy_gettext("What must always hold")),
            [say(one) for one in columns],
            [
                [
                    one.rule,
                    h.div(lang="en")[one.law],
                    words.tell(one.looked_at),
                    _breaches(words, one.breaches),
                ]
                for one in report.checks
            ],
            [2],
        ),
    ]


def _breaches(words: Language, breaches: list[str]) -> h.Node:
    if not breaches:
        return chip(words.say(lazy_gettext("holds")), "good")
    left = len(breaches) - _SHOWN
    return [
        h.ul(".bare", lang="en")[(h.li[one] for one in breaches[:_SHOWN])],
        h.p(".hint")[words.say(lazy_gettext("… and {count} more."), count=left)] if left > 0 else None,
    ]


def _chains(words: Language, report: AuditReport) -> h.Node:
    say = words.say
    looked = say(
        lazy_gettext("{entries} entries of {runs} runs, {acts} acts and {checkpoints} checkpoints were looked at."),
        entries=report.entries,
        runs=report.runs,
        acts=report.acts,
        checkpoints=report.checkpoints,
    )
    if report.head is None:
        ends = say(lazy_gettext("Only a head that was kept elsewhere tells whether an end is missing."))
    else:
        ends = say(lazy_gettext("It was compared with the head of checkpoint {number}."), number=report.head.checkpoint)
    return [
        _verdict(words, report.breaches),
        h.p[looked, " ", ends],
        h.ul(".bare", lang="en")[
            (
                h.li[h.a(href=f"/console/runs/{one.run_id}")[one.sentence] if one.run_id else one.sentence,]
                for one in report.findings
            )
        ]
        if report.findings
        else None,
    ]


def _verdict(words: Language, breaches: int) -> h.Element:
    if not breaches:
        return h.p(".note.good.strong")[words.say(lazy_gettext("Everything holds."))]
    told = lazy_ngettext("{count} breach was found.", "{count} breaches were found.")
    return h.p(".note.bad.strong")[words.say(told, count=breaches)]
