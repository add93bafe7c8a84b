"""What an operator can do about a run: each act with its command."""

from __future__ import annotations

from collections.abc import Iterator

from overstap.language import Message, Sentence, lazy_gettext
from overstap.workflow.circumstances import Circumstances
from overstap.workflow.definition import Definition
from overstap.workflow.run import Run, Status
from overstap.workflow.spec import StateSpec

say = Sentence.of

ACTS: dict[str, tuple[Message, str]] = {
    "retry": (
        lazy_gettext("Try its step again at once, counting from the first try"),
        "runs retry {run} --reason TEXT",
    ),
    "release": (lazy_gettext("Let it go on"), "runs release {run} --reason TEXT"),
    "hold": (lazy_gettext("Hold it back: no step is started"), "runs hold {run} --reason TEXT"),
    "extend": (lazy_gettext("Move its deadline"), "runs extend {run} --deadline DURATION --reason TEXT"),
    "approve": (lazy_gettext("Approve the credit"), "credit approve {run} --reason TEXT"),
    "decline": (lazy_gettext("Decline the credit"), "credit decline {run} --reason TEXT"),
    "cancel": (lazy_gettext("Call it off"), "runs cancel {run} --reason TEXT"),
    "fail": (lazy_gettext("Give it up, with what was done undone first"), "runs fail {run} --reason TEXT"),
    "takeover": (lazy_gettext("Take it away from its worker"), "runs takeover {run} --reason TEXT"),
}
"""What each act does, and the command for it."""
_FAIL_HELD = lazy_gettext("Give it up; what was done is undone once it is released")


def can_do(definition: Definition, spec: StateSpec, run: Run, known: Circumstances) -> Iterator[Sentence]:
    """What an operator can do; at least one sentence."""
    if run.status is Status.ENDED:
        yield say(lazy_gettext("Nothing: what has ended never goes on. A new order makes a new run."))
        yield say(lazy_gettext("See what happened: overstap {command}"), command=f"runs show {run.id}")
        return
    yield _advice(run, known)
    for act in known.acts:
        message, command = ACTS.get(act, (Message(act), f"runs {act} {{run}} --reason TEXT"))
        if act == "fail" and run.held is not None:
            message = _FAIL_HELD
        yield say(lazy_gettext("{act}: overstap {command}"), act=message, command=command.format(run=run.id))
    if not known.acts:
        for event in sorted(spec.signals - known.answers):
            yield say(
                lazy_gettext("Send it {event}, which leads to {target}: overstap {command}"),
                event=event,
                target=definition.next_state(run.state, event) or run.state,
                command=f"signal {run.id} {event} --reason TEXT",
            )
    yield say(lazy_gettext("See what happened: overstap {command}"), command=f"runs show {run.id}")


def _advice(run: Run, known: Circumstances) -> Sentence:
    if run.held is not None:
        return say(lazy_gettext("Release it when the reason to hold it is gone."))
    if run.status is Status.STUCK:
        return say(lazy_gettext("It needs somebody: remove the cause of its error first, then have it tried again."))
    if known.pauses:
        return say(
            lazy_gettext("Resume what is paused when the reason for it is gone: overstap {command}"), command="resume"
        )
    if known.workers_alive == 0:
        return say(lazy_gettext("Start a worker: overstap {command}"), command="worker")
    if run.status is Status.RETRYING:
        return say(lazy_gettext("Nothing has to be done if the cause goes away by itself; if not, remove the cause."))
    if known.unknown_effects:
        return say(
            lazy_gettext("Nothing has to be done: what is unknown is looked up at the provider before it is repeated.")
        )
    return say(lazy_gettext("Nothing has to be done: it goes on by itself."))
