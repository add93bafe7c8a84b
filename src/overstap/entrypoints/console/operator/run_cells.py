"""The columns that a listing of runs can have, and what stands in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import htpy as h

from overstap.app.tasks import Tasks
from overstap.bootstrap import App
from overstap.domain.catalog import Catalog
from overstap.entrypoints.console.operator.run_reasons import reason
from overstap.entrypoints.console.parts import NOTHING, duration, state, time, with_node
from overstap.language import Language, Message, lazy_gettext
from overstap.store.runs import StoredRun
from overstap.workflow.run import Status

STATUSES: Mapping[Status, Message] = {
    Status.READY: lazy_gettext("ready"),
    Status.WAITING: lazy_gettext("waiting"),
    Status.RETRYING: lazy_gettext("retrying"),
    Status.STUCK: lazy_gettext("stuck"),
    Status.ENDED: lazy_gettext("ended"),
}
_TOOK = lazy_gettext("after {node}")
_TRIES = lazy_gettext("{status} ({failed} failed)")
_PRIORITIES: Mapping[str, Message] = {
    "high": lazy_gettext("high"),
    "normal": lazy_gettext("normal"),
    "low": lazy_gettext("low"),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A run that is shown to somebody."""

    stored: StoredRun
    words: Language
    catalog: Catalog
    tasks: Tasks

    @classmethod
    def to(cls, words: Language, app: App, stored: StoredRun) -> Shown:
        """A run, to whoever reads these words."""
        return cls(stored, words, app.catalog, app.tasks)


@dataclass(frozen=True, slots=True)
class Column:
    """One of the columns.

    Attributes:
        cell: what stands in it.
        width: in rem; what is longer is cut off, so that no row changes its height.
        changes: whether what stands in it may become something else while a page is open.
        number: whether it holds numbers.
    """

    title: Message
    cell: Callable[[Shown], h.Node]
    width: float
    changes: bool = True
    number: bool = False


def _run(shown: Shown) -> h.Node:
    run_id = shown.stored.run.id
    return h.a(".mono", href=f"/console/runs/{run_id}")[run_id]


def tenant_name(stored: StoredRun) -> str:
    """As the order has it, without asking for the tenant; its id where the order does not tell."""
    return str(stored.run.input.get("tenant_name") or stored.run.tenant_id)


def _tenant(shown: Shown) -> h.Node:
    name = tenant_name(shown.stored)
    return h.a(href=f"/console/tenants/{shown.stored.run.tenant_id}", title=name)[name]


def _change(shown: Shown) -> h.Node:
    source, target = shown.stored.run.input.get("source_plan"), shown.stored.target_plan
    names = " → ".join(plan_name(shown.words, shown.catalog, one) for one in (source, target))
    return h.span(title=names)[f"{source or '?'} → {target}"]


def plan_name(words: Language, catalog: Catalog, plan: str | None) -> str:
    """What a plan is called; its id where the catalog no longer has it."""
    known = catalog.plans.get(plan or "")
    if known is None:
        return plan or "?"
    return known.name_nl if words.locale == "nl" else known.name_en


def _status(shown: Shown) -> h.Node:
    run = shown.stored.run
    text = shown.words.say(STATUSES[run.status])
    if not run.attempt:
        return text
    told = shown.words.say(_TRIES, status=text, failed=run.attempt)
    return h.span(title=told)[told]


def _age(shown: Shown) -> h.Node:
    run = shown.stored.run
    if run.ended_at is None:
        return time(run.created_at, "age")
    took = duration(shown.words, run.ended_at - run.created_at)
    return h.span(".faint")[with_node(shown.words, _TOOK, took)]


def _deadline(shown: Shown) -> h.Node:
    run = shown.stored.run
    return time(None if run.ended_at else run.deadline_at, "left")


def _progress(shown: Shown) -> h.Node:
    run = shown.stored.run
    if not run.total:
        return h.span(".faint")[shown.words.say(NOTHING)]
    return h.span(".progress")[
        h.progress(value=str(run.done), max=str(run.total), aria_hidden="true"), f"{run.done}/{run.total}"
    ]


def _reason(shown: Shown) -> h.Node:
    run = shown.stored.run
    content, whole = reason(shown.words, run, shown.tasks, at_work=shown.stored.claimed_by is not None)
    return h.span(title=whole or None)[content]


def _holder(shown: Shown) -> h.Node:
    holder = shown.stored.claimed_by
    return h.span(title=holder)[holder] if holder else h.span(".faint")[shown.words.say(NOTHING)]


COLUMNS: Mapping[str, Column] = {
    "run": Column(lazy_gettext("Run"), _run, 13.5, changes=False),
    "tenant": Column(lazy_gettext("Tenant"), _tenant, 10.5, changes=False),
    "change": Column(lazy_gettext("From → to"), _change, 11, changes=False),
    "state": Column(lazy_gettext("State"), lambda shown: state(shown.stored.run.state), 10.5),
    "status": Column(lazy_gettext("Status"), _status, 8.5),
    "age": Column(lazy_gettext("Age"), _age, 9),
    "deadline": Column(lazy_gettext("Deadline"), _deadline, 11),
    "progress": Column(lazy_gettext("Progress"), _progress, 8),
    "reason": Column(lazy_gettext("Why it waits, or how it ended"), _reason, 19),
    "holder": Column(lazy_gettext("Holder"), _holder, 7.5),
    "workflow": Column(
        lazy_gettext("Workflow"), lambda shown: f"{shown.stored.run.workflow} v{shown.stored.run.version}", 11
    ),
    "attempts": Column(lazy_gettext("Failed tries"), lambda shown: str(shown.stored.run.attempt), 7, number=True),
    "priority": Column(
        lazy_gettext("Priority"), lambda shown: shown.words.say(_PRIORITIES[shown.stored.priority.value]), 7
    ),
    "wakes": Column(lazy_gettext("Due"), lambda shown: time(shown.stored.due_at, "left"), 9.5),
    "created": Column(lazy_gettext("Created"), lambda shown: time(shown.stored.run.created_at), 10.5, changes=False),
    "updated": Column(lazy_gettext("Updated"), lambda shown: time(shown.stored.run.updated_at, "ago"), 9.5),
    "ended": Column(lazy_gettext("Ended"), lambda shown: time(shown.stored.run.ended_at), 10.5),
    "subscription": Column(
        lazy_gettext("Subscription"), lambda shown: h.span(".mono")[shown.stored.subscription_id], 20, changes=False
    ),
}
"""The columns by name, in the order that they stand in."""
USUAL = ("run", "tenant", "change", "state", "status", "age", "deadline", "progress", "reason", "holder")
"""Those that are shown to who chose none."""
