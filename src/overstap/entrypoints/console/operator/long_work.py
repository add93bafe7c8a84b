"""How long work looks wherever it is shown: whose it is, since when, and why it broke off."""

from __future__ import annotations

import htpy as h

from overstap.entrypoints.console.jobs import Job
from overstap.entrypoints.console.parts import problem, time
from overstap.language import Language, lazy_gettext

_WAITS = lazy_gettext("Begun by {who}. Another one is under way; this one waits for its turn.")
_UNDER_WAY = lazy_gettext("Under way, begun by {who}:")


def whose(words: Language, job: Job) -> h.Element:
    """Who began it, and since when it is under way or over."""
    if job.began is None:
        return h.p[words.say(_WAITS, who=job.by)]
    if job.ended is None:
        return h.p[words.say(_UNDER_WAY, who=job.by), " ", time(job.began, "age")]
    return h.p(".hint")[time(job.ended, "ago"), ", ", job.by]


def failure(words: Language, job: Job) -> h.Element | None:
    """Why it came to no result; None where it did, or may yet."""
    return None if job.failed is None else problem(words.tell(job.failed))
