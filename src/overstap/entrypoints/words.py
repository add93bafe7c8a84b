"""How people read runs: colours, local times, durations, and what a run waits for, in a few words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from rich.console import Console, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from overstap.app.tasks import Task
from overstap.clock import format_duration
from overstap.domain.findings import Finding, blockers
from overstap.language import language
from overstap.workflow.pauses import Pause
from overstap.workflow.run import JournalEntry, Kind, Run, Status

ENGLISH = language("en")
"""What operators read."""

STYLES = {
    "submitted": "white",
    "acknowledgement": "yellow",
    "backup": "yellow",
    "preparing": "white",
    "domain_removal": "yellow",
    "buying": "white",
    "credit_check": "yellow",
    "migrating": "cyan",
    "escalated": "bold magenta",
    "licenses_reassigned": "blue",
    "domain_return": "yellow",
    "domain_overdue": "bold magenta",
    "adding_domains": "blue",
    "rolling_back": "dark_orange",
    "completed": "green",
    "failed": "bold red",
    "cancelled": "bright_black",
}


def state(name: str) -> Text:
    """A state in its colour."""
    return Text(name, STYLES.get(name, "white"))


def when(moment: datetime | None) -> str:
    """A moment in the reader's zone; nothing for None."""
    return "" if moment is None else moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def span(duration: timedelta) -> str:
    """A duration with its two largest units, whole seconds."""
    return format_duration(timedelta(seconds=round(duration.total_seconds())))


def until(moment: datetime, now: datetime) -> str:
    """How long there is until a moment, or that it is over."""
    return f"at most {span(moment - now)} more" if moment > now else f"overdue since {when(moment)}"


def deadline(moment: datetime, now: datetime) -> str:
    """A deadline, and how far away it is."""
    return f"{when(moment)}, " + (f"in {span(moment - now)}" if moment > now else f"passed {span(now - moment)} ago")


def table(*columns: str, title: str | None = None) -> Table:
    """A table in the house's look; a column whose name ends in `#` holds numbers."""
    made = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="bold")
    for name in columns:
        number = name.endswith("#")
        made.add_column(name.removesuffix("#"), justify="right" if number else "left", overflow="fold")
    return made


def put(out: Console, renderable: RenderableType) -> None:
    """Print a table or text; without the blanks that pad lines where no terminal needs them."""
    if out.is_terminal:
        out.print(renderable)
        return
    with out.capture() as capture:
        out.print(renderable)
    out.file.write("\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n")


def bar(run: Run, width: int = 16) -> ProgressBar | Text:
    """The progress in the run's state; empty where there is none to show."""
    if not run.total:
        return Text()
    return ProgressBar(total=run.total, completed=run.done, width=width, complete_style=STYLES.get(run.state, "white"))


def title(run: Run) -> str:
    """Whose run it is: the tenant's name, or its id where the order does not tell."""
    return str(run.input.get("tenant_name") or run.tenant_id)


def change(run: Run) -> str:
    """From which plan to which."""
    return f"{run.input.get('source_plan') or '?'} → {run.input.get('target_plan')}"


def waits_for(run: Run, now: datetime, task: Task | None = None) -> str:
    """What has to happen before the run gets on, or how it ended.

    Args:
        task: what the run asks of somebody.
    """
    if run.status is Status.ENDED:
        return ended(run)
    if run.held is not None:
        return f"an operator who holds it: {run.held}"
    if run.status is Status.STUCK:
        return f"somebody to look: {run.error}"
    wait = "" if run.wake_at is None or run.wake_at <= now else f" in {span(run.wake_at - now)}"
    if run.status is Status.RETRYING:
        return f"try {run.attempt + 1}{wait}: {run.error}"
    if task is not None and run.status is Status.WAITING:
        return f"somebody: {task.title(ENGLISH)}, {until(task.deadline_at, now)}"
    if run.state == "credit_check":
        return "the credit bureau" + ("" if run.deadline_at is None else f", {until(run.deadline_at, now)}")
    if run.status is Status.WAITING:
        late = "" if run.deadline_at is None or run.deadline_at > now else f", {until(run.deadline_at, now)}"
        return (f"the provider{wait}" if wait else "a signal or its deadline") + late
    return "a worker"


def paused(tell: Callable[[str], None], pauses: Sequence[Pause]) -> None:
    """Say what is paused, wherever somebody may wonder why nothing moves."""
    for pause in pauses:
        tell(f"PAUSED: {pause.what}, since {when(pause.since)}, by {pause.actor}: {pause.reason}")


def ended(run: Run) -> str:
    """How an ended run ended, in a few words."""
    took = "" if run.ended_at is None else f" after {span(run.ended_at - run.created_at)}"
    off = run.data.get("domains_off")
    without = f", without {', '.join(off)}" if off else ""
    found = " ".join(finding.sentence(ENGLISH) for finding in blockers(findings(run)))
    why = run.error or found
    return f"{run.state}{took}{without}" + (f": {why}" if why else "")


def findings(run: Run) -> list[Finding]:
    """What the rules said when a run was stopped by them; empty for the others."""
    return [Finding.from_data(data) for data in run.data.get("findings", ())]


def line(entry: JournalEntry) -> str:
    """A journal entry in one line, without its time."""
    data = entry.data
    by = "" if entry.actor == "worker" else f", by {entry.actor}"
    match entry.kind:
        case Kind.SUBMITTED:
            return f"submitted{by}"
        case Kind.TRANSITION:
            why = data.get("error") or data.get("reason")
            return f"{entry.from_state} → {entry.to_state} ({entry.event}{by})" + (f": {why}" if why else "")
        case Kind.STEP_DONE:
            return f"{entry.step} done"
        case Kind.PROGRESS:
            return f"{entry.step} {data['done']} of {data['total']}"
        case Kind.WAIT:
            until = data.get("wake_at")
            return f"{entry.step} waits" + (f" until {when(datetime.fromisoformat(until))}" if until else "")
        case Kind.RETRY:
            return f"{entry.step} failed (attempt {data['attempt']}): {data['error']}"
        case Kind.STUCK:
            return f"{entry.step} stopped for good: {data['error']}"
        case Kind.SIGNAL_DISCARDED:
            return f"signal {entry.event}{by}, came to nothing: no state that can follow awaits it"
        case _:
            return f"{_act(entry)}{by}: {data['reason']}"


def _act(entry: JournalEntry) -> str:
    """What an operator did to a run."""
    match entry.kind:
        case Kind.EXTENDED:
            return f"deadline moved to {when(datetime.fromisoformat(entry.data['deadline_at']))}"
        case Kind.REPLAYED:
            return f"replayed from {entry.to_state or entry.from_state}/{entry.step}"
        case Kind.TAKEN_OVER:
            return f"taken away from {entry.data['held_by']}"
        case Kind.MIGRATED:
            renamed = f", {entry.from_state} → {entry.to_state}" if entry.to_state else ""
            return f"carried from v{entry.data['from_version']} to v{entry.data['version']}{renamed}"
        case _:
            return str(entry.kind)
