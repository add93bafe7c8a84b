"""What people have to do: open tasks are read from the runs that wait for them, nothing is stored (rules.md §G)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ulid import ULID

from overstap.clock import Clock
from overstap.domain import links
from overstap.domain.catalog import Catalog
from overstap.domain.findings import NotEligible, blocker
from overstap.domain.ports import Provider
from overstap.domain.reading import one_line
from overstap.domain.roles import may_change, needed_role, role_of
from overstap.domain.tasks import TaskKind, facts
from overstap.domain.tenant import AdminRole
from overstap.errors import BadInput, Conflict, NotFound
from overstap.language import Language, language
from overstap.logs import request_id
from overstap.steps import TASK_STEPS
from overstap.store.answers import Answers
from overstap.store.runs import Runs, StoredRun
from overstap.workflow.decide import Signal
from overstap.workflow.files import Library
from overstap.workflow.run import Run
from overstap.workflow.spec import StateSpec

_VISIT = re.compile("[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Task:
    """Something that a run asks of a person, as long as it is open.

    Attributes:
        id: the run and its visit of the state that asks, such as `01KJ…-3`.
        locale: the tenant's language.
        since: when those whose turn it is were asked; until then, since when the run waits to ask them.
        remind_at: when they are reminded, or were; None until they are asked.
        deadline_at: until when it can be done.
        needed: the least role that may do it (rules.md R3).
        people: the administrators of the tenant who have it, now.
        facts: what its words are about.
    """

    id: str
    run: Run
    kind: TaskKind
    locale: str
    since: datetime
    remind_at: datetime | None
    deadline_at: datetime
    needed: AdminRole
    people: tuple[str, ...]
    facts: Mapping[str, Any]

    def title(self, spoken: Language) -> str:
        """What it is, in a few words."""
        return self.kind.heading(spoken, self.facts)

    def instructions(self, spoken: Language) -> list[str]:
        """What to do, one sentence or two for each thing."""
        return self.kind.to_do(spoken, self.facts)


class Tasks:
    """Who has to do what, and what they say when it is done."""

    def __init__(
        self, answers: Answers, runs: Runs, provider: Provider, catalog: Catalog, library: Library, clock: Clock
    ) -> None:
        self._answers = answers
        self._runs = runs
        self._provider = provider
        self._catalog = catalog
        self._library = library
        self._clock = clock

    def open(self, tenant_id: str | None = None) -> list[Task]:
        """The open tasks, those of the oldest run first.

        Args:
            tenant_id: only this tenant's; None for all.
        """
        found = (self.of(run) for run in self._asking(tenant_id))
        return [task for task in found if task is not None]

    def open_ids(self, tenant_id: str | None = None) -> list[str]:
        """The ids of the tasks that `open` finds, without asking for each one's tenant."""
        return [_id(run) for run in self._asking(tenant_id) if run.deadline_at is not None]

    def _asking(self, tenant_id: str | None) -> list[Run]:
        """The runs in a state that asks people for something."""
        asking = [
            (definition.name, definition.version, name)
            for definition in self._library.all()
            for name, spec in definition.states.items()
            if _asks(spec) is not None
        ]
        return [stored.run for stored in self._answers.awaited(asking, tenant_id)]

    def of(self, run: Run) -> Task | None:
        """What a run asks of somebody now, None when it asks nothing or follows a workflow that is not here."""
        try:
            spec = self._state(run)
        except NotFound:
            return None
        step = _asks(spec)
        if step is None or run.deadline_at is None:
            return None
        asked = run.data["asked"] if run.step > spec.steps.index(step) else None  # before that it is an earlier task's
        tenant = self._provider.tenant(run.tenant_id)
        source = self._catalog.family_of(run.input.get("source_plan"))
        return Task(
            id=_id(run),
            run=run,
            kind=TASK_STEPS[step],
            locale=tenant.locale,
            since=datetime.fromisoformat(asked["at"]) if asked else run.updated_at,
            remind_at=datetime.fromisoformat(asked["remind_at"]) if asked else None,
            deadline_at=run.deadline_at,
            needed=needed_role(source),
            people=may_change(tenant.admins, source),
            facts=facts(run.input, run.data, self._catalog),
        )

    def heading(self, run: Run, spoken: Language) -> str | None:
        """What a run asks of somebody now, in a few words, as `Task.title`; asks nothing of the database."""
        try:
            step = _asks(self._state(run))
        except NotFound:
            return None
        if step is None or run.deadline_at is None:
            return None
        return TASK_STEPS[step].heading(spoken, facts(run.input, run.data, self._catalog))

    def get(self, task_id: str) -> Task:
        """The open task with that id.

        Raises:
            NotFound: when no task can have that id.
            Conflict: when it is not open yet, or over; names the one that is open (rules.md R46).
        """
        run_id, _, visit = task_id.rpartition("-")
        if not run_id or not _VISIT.fullmatch(visit):
            raise NotFound(f"There is no task {task_id!r}; `overstap tasks list` shows those that are open.")
        run = self._runs.get(run_id).run
        task = self.of(run)
        if task is not None and run.visit == int(visit):
            return task
        when = "not open yet" if int(visit) > run.visit and run.ended_at is None else "over, or never was one"
        raise Conflict(f"Task {task_id} is {when}: {self._instead(run, task)}")

    def done(self, task_id: str, *, by: str, note: str, declined: bool = False, locale: str | None = None) -> StoredRun:
        """Say that a task is done; the run goes on with it.

        Args:
            by: the UPN of the administrator who did it.
            note: what there is to know about it; it goes into the run's journal (rules.md R50).
            declined: the advice is not followed.
            locale: of a refusal's sentences; None takes the tenant's.

        Raises:
            BadInput: when the note is empty, or the task is no advice and cannot be declined.
            NotFound, Conflict: see `get`; also when somebody was faster, or the deadline has passed.
            NotEligible: when that person may not do it (rules.md R3).
        """
        note = one_line(note, "The note, which goes into the run's journal,")
        by = one_line(by, "The administrator's UPN")
        task = self.get(task_id)
        event = task.kind.declined if declined else task.kind.done
        if event is None:
            raise BadInput(f"Task {task.id} cannot be declined: it is no advice. Have the change cancelled instead.")
        person = self._person(task, by, locale)
        now = self._clock.now()
        answer = Signal(str(ULID.from_datetime(now)), event, note, f"admin:{person}", now, request_id())
        run = task.run
        self._answers.give(run.id, answer, visit=run.visit, rivals=self._state(run).signals)
        return self._runs.get(run.id)

    def _person(self, task: Task, upn: str, locale: str | None) -> str:
        """The administrator as the tenant knows them."""
        known = next((one for one in task.people if one.casefold() == upn.casefold()), None)
        if known is not None:
            return known
        role = role_of(self._provider.tenant(task.run.tenant_id).admins, upn)
        code = "not_an_admin" if role is None else "role_too_low"
        finding = blocker(code, "R3", links.ADMINS, upn=upn, needed=str(task.needed))
        raise NotEligible([finding], language(locale or task.locale))

    def _state(self, run: Run) -> StateSpec:
        return self._library.get(run.workflow, run.version).states[run.state]

    def _instead(self, run: Run, task: Task | None) -> str:
        if task is not None:
            return f"open is {task.id}, {task.title(language('en'))}."
        what = "has ended" if run.ended_at is not None else "asks nobody for anything"
        return f"run {run.id} {what} ({run.state})."


def _id(run: Run) -> str:
    return f"{run.id}-{run.visit}"


def _asks(spec: StateSpec) -> str | None:
    """The step by which a state asks people for something, None when it asks nothing."""
    return next((step for step in spec.steps if step in TASK_STEPS), None)
