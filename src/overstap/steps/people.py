"""What people have to do on the manual way: they are told, reminded once, and waited for (rules.md §G).

Nothing here ends a task: its answer comes in as a signal, which `app.tasks` lets through when its turn has come.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from overstap.domain.catalog import Catalog
from overstap.domain.ports import Provider
from overstap.domain.roles import may_change
from overstap.domain.tasks import REMINDER, TASKS, TaskKind, facts
from overstap.language import language
from overstap.workflow.outcome import Done, Outcome, StepContext, Wait


def ask(
    provider: Provider, catalog: Catalog, context: StepContext, *, kind: TaskKind, remind_after: timedelta
) -> Outcome:
    """Tell those who may do a task that it is their turn, in the tenant's language; remembers when to remind them."""
    _tell(provider, catalog, context, kind, reminder=False)
    remind_at = context.now + remind_after
    asked = {"task": kind.name, "at": context.now.isoformat(), "remind_at": remind_at.isoformat()}
    return Done(data={"asked": asked})


def remind(provider: Provider, catalog: Catalog, context: StepContext) -> Outcome:
    """Tell them once more when it is time, then wait for the answer or the state's deadline."""
    asked = context.data["asked"]
    remind_at = datetime.fromisoformat(asked["remind_at"])
    if context.now < remind_at:
        return Wait(until=remind_at)
    _tell(provider, catalog, context, TASKS[asked["task"]], reminder=True)
    return Wait()


def _tell(provider: Provider, catalog: Catalog, context: StepContext, kind: TaskKind, *, reminder: bool) -> None:
    tenant = provider.tenant(context.tenant_id)
    spoken, about = language(tenant.locale), facts(context.input, context.data, catalog)
    lines = [f"{number}. {line}" for number, line in enumerate(kind.to_do(spoken, about), start=1)]
    first = [spoken.say(REMINDER)] if reminder else []
    context.effect(
        "notify",
        {
            "tenant_id": context.tenant_id,
            "run_id": context.run_id,
            "to": list(may_change(tenant.admins, catalog.family_of(context.input.get("source_plan")))),
            "subject": kind.heading(spoken, about),
            "text": "\n".join([*first, *lines]),
        },
    )
