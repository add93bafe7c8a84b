"""What the rules say about a change, on a page: its moments stand in the reader's zone."""

from __future__ import annotations

import htpy as h

from overstap.domain.findings import Finding
from overstap.domain.sentences import SENTENCES, spoken
from overstap.entrypoints.console.parts import phrase
from overstap.language import Language


def sentence(words: Language, finding: Finding) -> h.Node:
    """What is so, as `Finding.sentence`."""
    return phrase(words, SENTENCES[finding.code].sentence, **spoken(finding.params))


def advice(words: Language, finding: Finding) -> h.Node:
    """What to do about it, as `Finding.advice`."""
    return phrase(words, SENTENCES[finding.code].advice, **spoken(finding.params))
