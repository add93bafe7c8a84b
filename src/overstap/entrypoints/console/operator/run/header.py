"""The head of a run's page: where it stands, in facts, and the answers to why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

import htpy as h

from overstap.app.look import Explained, Look
from overstap.domain.case import plan_name
from overstap.domain.findings import Finding
from overstap.entrypoints.console.findings import advice, sentence
from overstap.entrypoints.console.live import spot
from overstap.entrypoints.console.parts import NOTHING, Tone, chip, facts, phrase, state, time
from overstap.entrypoints.console.visit import Visit
from overstap.language import Message, Sentence, lazy_gettext
from overstap.workflow.explain import QUESTIONS
from overstap.workflow.run import Run, Status

STATUS: Mapping[Status, tuple[Message, Tone]] = {
    Status.READY: (lazy_gettext("has a step to do"), "plain"),
    Status.WAITING: (lazy_gettext("waits"), "plain"),
    Status.RETRYING: (lazy_gettext("tries again"), "warn"),
    Status.STUCK: (lazy_gettext("is stuck"), "bad"),
    Status.ENDED: (lazy_gettext("has ended"), "plain"),
}
_COARSE = timedelta(minutes=2)


def tenant_name(run: Run) -> str:
    """Whose run it is."""
    return str(run.input.get("tenant_name") or run.tenant_id)


def plan(visit: Visit, plan_id: object) -> str:
    """A plan's name in the page's language; its id where the catalog has it no more."""
    known = visit.app.catalog.plans.get(str(plan_id))
    return visit.words.tell(plan_name(known)) if known else str(plan_id or "?")


def title(visit: Visit, run: Run) -> str:
    """What a run is, in one line."""
    return visit.say(
        lazy_gettext("{tenant}: from {source} to {target}"),
        tenant=tenant_name(run),
        source=plan(visit, run.input.get("source_plan")),
        target=plan(visit, run.input.get("target_plan")),
    )


def chips(visit: Visit, look: Look) -> h.Node:
    """Where a run stands, at one glance."""
    run = look.run
    words, tone = STATUS[run.status]
    return [
        state(run.state),
        " ",
        chip(visit.say(words), tone) if run.status is not Status.ENDED else None,
        " ",
        chip(visit.say(lazy_gettext("is held")), "warn") if run.held is not None else None,
        " ",
        h.span(".hint")[time(run.deadline_at, "left")] if run.deadline_at and not look.past else None,
    ]


def header_facts(visit: Visit, look: Look) -> dict[str, tuple[str, h.Node]]:
    """The facts, by the names of their spots, each with its label."""
    return {f"fact-{name}": (visit.say(label), value) for name, label, value in _facts(visit, look)}


def header(visit: Visit, look: Look) -> h.Element:
    """The facts as they stand on the page."""
    return facts((label, spot(name, value)) for name, (label, value) in header_facts(visit, look).items())


def _facts(visit: Visit, look: Look) -> Iterator[tuple[str, Message, h.Node]]:
    run, stored = look.run, look.stored
    ended = run.status is Status.ENDED
    now = None if look.past else look.at
    none = visit.say(NOTHING)
    yield (
        "tenant",
        lazy_gettext("Tenant"),
        h.a(href=f"/console/tenants/{run.tenant_id}")[tenant_name(run)],
    )
    yield "change", lazy_gettext("Order"), _order(visit, run)
    yield "state", lazy_gettext("State"), [state(run.state), " ", _since(visit, look)]
    yield "age", lazy_gettext("Age"), _age(look)
    yield "deadline", lazy_gettext("Deadline"), _deadline(visit, look)
    yield "progress", lazy_gettext("Progress"), _progress(visit, run) or none
    yield "holder", lazy_gettext("Worker"), _holder(visit, look) if now and not ended else none
    yield "claim", lazy_gettext("Its claim"), _claim(look) or none
    yield "priority", lazy_gettext("Priority"), str(stored.priority)
    yield "error", lazy_gettext("Error"), _error(visit, look) or none
    yield (
        "workflow",
        lazy_gettext("Workflow"),
        [
            h.a(href=f"/console/workflows/{run.workflow}/{run.version}")[f"{run.workflow} v{run.version}"],
            h.span(".faint")[f" · #{run.seq}"],
        ],
    )
    if look.task is not None:
        yield (
            "task",
            lazy_gettext("Task"),
            h.a(href=f"/console/tasks/{look.task.id}")[look.task.title(visit.words)],
        )


def _order(visit: Visit, run: Run) -> h.Node:
    seats = run.input.get("seats")
    return [
        f"{plan(visit, run.input.get('source_plan'))} → {plan(visit, run.input.get('target_plan'))}",
        h.br,
        h.span(".hint")[visit.say(lazy_gettext("{seats} seats"), seats=seats)] if isinstance(seats, int) else None,
    ]


def _since(visit: Visit, look: Look) -> h.Node:
    here = look.timeline.visits[-1]
    if look.past or look.run.status is Status.ENDED:
        return time(here.entered)
    return phrase(visit.words, lazy_gettext("for {time}"), time=time(here.entered, "age"))


def _age(look: Look) -> h.Node:
    run = look.run
    if run.ended_at is not None:
        return [time(run.created_at), " → ", time(run.ended_at)]
    return [time(run.created_at, "age") if not look.past else time(run.created_at)]


def _deadline(visit: Visit, look: Look) -> h.Node:
    moment = look.run.deadline_at
    if moment is None:
        return visit.say(lazy_gettext("none"))
    return [time(moment), " ", h.span(".hint")[time(moment, "left")] if not look.past else None]


def _progress(visit: Visit, run: Run) -> h.Node:
    if not run.total:
        return None
    told = visit.say(lazy_gettext("{done} of {total}"), done=run.done, total=run.total)
    return [h.progress(value=str(run.done), max=str(run.total), aria_label=told), h.span(".hint")[told]]


def _holder(visit: Visit, look: Look) -> h.Node:
    holder = look.holder
    if holder is None:
        return visit.say(lazy_gettext("nobody holds it"))
    life = None
    if holder.stopped_at is not None:
        life = chip(visit.say(lazy_gettext("stopped")), "warn")
    elif not holder.alive:
        life = chip(visit.say(lazy_gettext("silent")), "bad")
    return [h.span(".mono")[holder.worker_id], " ", life]


def _claim(look: Look) -> h.Node:
    return None if look.holder is None else [time(look.holder.until, "clock"), " ", time(look.holder.until, "left")]


def _error(visit: Visit, look: Look) -> h.Node:
    found = [Finding.from_data(data) for data in look.run.data.get("findings", ())]
    words = visit.words
    told: list[h.Node] = [[f"{one.rule}: ", sentence(words, one), " ", advice(words, one)] for one in found]
    if look.run.error:
        told.insert(0, look.run.error)
    return [h.div[one] for one in told] or None


def answers(visit: Visit, explained: Explained, acts: frozenset[str]) -> dict[str, h.Node]:
    """The answers about a run, by the names of their questions.

    Args:
        acts: those that this page has a button for.
    """
    return {
        f"why-{name}": [h.li[_sentence(visit, one, acts)] for one in sentences if not _leads_here(one)]
        for name, sentences in explained.explanation.answers()
    }


def explanation(visit: Visit, given: Mapping[str, h.Node]) -> h.Node:
    """The answers as they stand on the page."""
    return h.div(".answers")[
        (
            h.div[h.h3[visit.say(QUESTIONS[name.removeprefix("why-")])], spot(name, told, h.ul)]
            for name, told in given.items()
        )
    ]


def _leads_here(given: Sentence) -> bool:
    return str(given.params.get("command", "")).startswith("runs show ")


def _sentence(visit: Visit, given: Sentence, acts: frozenset[str]) -> h.Node:
    params = {name: _coarse(value) if isinstance(value, timedelta) else value for name, value in given.params.items()}
    command = params.get("command")
    if isinstance(command, str):
        words = command.split()
        if "act" in params and words[1] in acts:
            return h.a(href=f"#do-{words[1]}")[visit.words.tell(params["act"])]
        if words[:2] == ["tasks", "show"]:
            params["command"] = h.a(href=f"/console/tasks/{words[2]}")[command]
        else:
            params["command"] = h.code[command]
    return phrase(visit.words, given.message, **params)


def _coarse(took: timedelta) -> timedelta:
    """A duration that does not change with each look."""
    unit = timedelta(minutes=1) if took >= _COARSE else timedelta(seconds=10) if took >= timedelta(seconds=10) else None
    return took if unit is None else took // unit * unit
