"""What has to happen before a run gets on, or how it ended: in a few words, for a listing of many."""

from __future__ import annotations

import htpy as h

from overstap.app.tasks import Tasks
from overstap.domain.findings import Finding, blockers
from overstap.entrypoints.console.parts import time, with_node
from overstap.language import Language, lazy_gettext
from overstap.workflow.run import Run, Status

_HELD = lazy_gettext("Held: {why}")
_STUCK = lazy_gettext("Somebody must look: {why}")
_AGAIN = lazy_gettext("Try {number} ({node}): {why}")
_AGAIN_NOW = lazy_gettext("Try {number}: {why}")
_SOMEBODY = lazy_gettext("Waits for somebody: {title}")
_BUREAU = lazy_gettext("Waits for the credit bureau")
_PROVIDER = lazy_gettext("Waits for the provider ({node})")
_SIGNAL = lazy_gettext("Waits for a signal or its deadline")
_WORKER = lazy_gettext("Waits for a worker")
_AT_WORK = lazy_gettext("A worker carries it on")


def reason(words: Language, run: Run, tasks: Tasks, *, at_work: bool) -> tuple[h.Node, str]:
    """Why a run is where it is, and what of it is longer than a line may be.

    Args:
        at_work: whether a worker holds it.
    """
    say = words.say
    if run.status is Status.ENDED:
        found = " ".join(one.sentence(words) for one in blockers(map(Finding.from_data, run.data.get("findings", ()))))
        why = run.error or found
        return why or h.span(".faint")["—"], why
    if run.held is not None:
        return say(_HELD, why=run.held), run.held
    if run.status is Status.STUCK:
        return say(_STUCK, why=run.error or ""), run.error or ""
    if run.status is Status.RETRYING:
        told = {"number": run.attempt + 1, "why": run.error or ""}
        if run.wake_at is None:
            return say(_AGAIN_NOW, **told), run.error or ""
        return with_node(words, _AGAIN, time(run.wake_at, "left"), **told), run.error or ""
    if run.status is Status.READY:
        return say(_AT_WORK if at_work else _WORKER), ""
    return _waiting(words, run, tasks)


def _waiting(words: Language, run: Run, tasks: Tasks) -> tuple[h.Node, str]:
    title = tasks.heading(run, words)
    if title is not None:
        return words.say(_SOMEBODY, title=title), title
    if run.state == "credit_check":
        return words.say(_BUREAU), ""
    if run.wake_at is not None:
        return with_node(words, _PROVIDER, time(run.wake_at, "left")), ""
    return words.say(_SIGNAL), ""
