"""All the rules: what each says when it stops a change or warns, and what to do."""

from __future__ import annotations

from collections.abc import Mapping

import htpy as h

from overstap.domain.findings import Severity
from overstap.domain.rulebook import RULE_OF
from overstap.domain.sentences import BLOCKING, SENTENCES, WIZARD_ONLY
from overstap.entrypoints.console.parts import Tone, chip, table
from overstap.language import Language, Message, lazy_gettext

EFFECTS: Mapping[Severity, tuple[Message, Tone]] = {
    Severity.BLOCKER: (lazy_gettext("stops it"), "bad"),
    Severity.WARNING: (lazy_gettext("warns"), "warn"),
}
_WIZARD_ONLY = lazy_gettext("stops the wizard")


def effect(words: Language, code: str) -> h.Element:
    """What a finding does, in its colour."""
    if code in WIZARD_ONLY:
        return chip(words.say(_WIZARD_ONLY), "bad")
    message, tone = EFFECTS[Severity.BLOCKER if code in BLOCKING else Severity.WARNING]
    return chip(words.say(message), tone)


def rules_table(words: Language) -> h.Node:
    """Each finding that the rules know, with its rule's number; `#CODE` leads to one."""
    say = words.say
    columns = (
        lazy_gettext("rule"),
        lazy_gettext("code"),
        lazy_gettext("effect"),
        lazy_gettext("what it says"),
        lazy_gettext("what to do"),
    )
    return table(
        say(lazy_gettext("All rules")),
        [say(one) for one in columns],
        [
            [
                rule,
                h.code(id=code)[code],
                effect(words, code),
                h.div(".prose")[words.template(SENTENCES[code].sentence)],
                h.div(".prose")[words.template(SENTENCES[code].advice)],
            ]
            for code, rule in RULE_OF.items()
        ],
    )
