"""What the domain knows of a run beside what any run is explained by: findings, tasks, the credit bureau."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from overstap.app.tasks import Task
from overstap.domain.findings import Finding
from overstap.domain.locks import CREDIT_CHECK
from overstap.domain.sentences import SENTENCES, spoken
from overstap.language import Message, Sentence, lazy_gettext, lazy_ngettext
from overstap.workflow.explain import Explanation
from overstap.workflow.run import Run, Status

say = Sentence.of


def in_its_domain(said: Explanation, run: Run, task: Task | None, now: datetime) -> Explanation:
    """An explanation with what rules, people and the credit bureau have to do with it.

    Args:
        task: what the run asks of somebody.
    """
    findings = [Finding.from_data(data) for data in run.data.get("findings", ())]
    return replace(
        said,
        why=(*said.why, *(_of(SENTENCES[one.code].sentence, one) for one in findings), *_asks(run, task, now)),
        can_do=(*_do(task), *(_of(SENTENCES[one.code].advice, one) for one in findings), *said.can_do),
    )


def _of(message: Message, finding: Finding) -> Sentence:
    return Sentence(message, spoken(finding.params))


def _asks(run: Run, task: Task | None, now: datetime) -> Iterator[Sentence]:
    if task is None:
        if run.state == CREDIT_CHECK and run.status is not Status.ENDED:
            yield say(lazy_gettext("The credit bureau decides whether the tenant can pay."))
        return
    title = Sentence(task.kind.title, task.facts)
    if not task.people:
        yield say(
            lazy_gettext("It asks for this: {title}. Nobody of the tenant has the role that it takes ({role})."),
            title=title,
            role=str(task.needed),
        )
        return
    yield say(
        lazy_ngettext("It asks {people} for this: {title}.", "It asks one of {people} for this: {title}."),
        title=title,
        people=list(task.people),
        count=len(task.people),
    )
    if task.remind_at is not None:
        ahead = lazy_gettext("They are reminded at {at}.")
        past = lazy_gettext("They were to be reminded at {at}.")
        yield say(ahead if task.remind_at > now else past, at=task.remind_at)


def _do(task: Task | None) -> Iterator[Sentence]:
    if task is None:
        return
    yield say(lazy_gettext("See what the tenant has to do: overstap {command}"), command=f"tasks show {task.id}")
    yield say(
        lazy_gettext("When one of its administrators has done it: overstap {command}"),
        command=f"tasks done {task.id} --by UPN --note TEXT",
    )
