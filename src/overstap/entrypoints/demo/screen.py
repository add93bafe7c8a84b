"""What the demo shows: a live table in a terminal, one line per change anywhere else, a summary at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from overstap.app.verify import VerifyReport
from overstap.entrypoints import words
from overstap.entrypoints.demo.endings import STYLES, Ending, ending
from overstap.store.runs import StoredRun
from overstap.workflow.run import JournalEntry


@dataclass(frozen=True, slots=True)
class Look:
    """The demo at one moment.

    Attributes:
        runs: in the order they were submitted.
        journals: by run id.
        refused: names of tenants, and why they were refused.
    """

    now: datetime
    began: datetime
    speed: float
    runs: Sequence[StoredRun]
    journals: Mapping[str, Sequence[JournalEntry]]
    refused: Mapping[str, str]


@dataclass(slots=True)
class Screen:
    """Shows looks at the demo.

    Args:
        plain: lines, also in a terminal.
    """

    out: Console
    plain: bool
    _live: Live | None = None
    _told: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.out.is_terminal and not self.plain:
            self._live = Live(console=self.out, auto_refresh=False)

    def showing(self) -> AbstractContextManager[object]:
        """The time during which looks are shown."""
        return self._live or nullcontext()

    def show(self, look: Look) -> None:
        """Show how things stand."""
        if self._live is not None:
            self._live.update(_picture(look), refresh=True)
            return
        news = [
            (entry.at, stored.run.id, words.title(stored.run), entry)
            for stored in look.runs
            for entry in look.journals[stored.run.id][self._told.get(stored.run.id, 0) :]
        ]
        for at, run_id, title, entry in sorted(news, key=lambda one: (one[0], one[3].seq)):
            self._told[run_id] = entry.seq
            if entry.to_state:
                self.line(f"+{words.span(at - look.began):<8} {title:<24} {words.line(entry)}")

    def line(self, text: str) -> None:
        """One plain line."""
        self.out.file.write(f"{text}\n")
        self.out.file.flush()


def _picture(look: Look) -> Group:
    hour = timedelta(hours=1) / look.speed
    pace = f"{look.speed:,.0f} times as fast: an hour passes in {_short(hour)}"
    age = words.span(look.now - look.began)
    head = Text.assemble(("Overstap", "bold"), f"   {words.when(look.now)}, {age} on   ", (pace, "dim"))
    table = words.table("tenant", "change", "state", "progress", "", "age#", "waits for, or how it ended")
    for stored in look.runs:
        run = stored.run
        waits = Text(words.waits_for(run, look.now), no_wrap=True, overflow="ellipsis")
        if run.ended_at is not None:
            how = ending(run, look.journals[run.id])
            waits = Text(str(how), STYLES[how])
        share = f"{run.done}/{run.total}" if run.total else ""
        age = words.span((run.ended_at or look.now) - run.created_at)
        table.add_row(words.title(run), words.change(run), words.state(run.state), words.bar(run), share, age, waits)
    for name, why in look.refused.items():
        reason = Text(" ".join(why.split()), no_wrap=True, overflow="ellipsis")
        table.add_row(name, "", Text("refused", "bright_black"), "", "", "", reason, style="bright_black")
    return Group(head, Text(), table)


def _short(duration: timedelta) -> str:
    seconds = duration.total_seconds()
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"


def summary(out: Console, endings: Mapping[Ending, Sequence[str]], report: VerifyReport) -> None:
    """Show how everything ended, and what `verify` found."""
    table = words.table("ending", "tenants", title="\nHow it ended")
    for how in Ending:
        for number, line in enumerate(endings.get(how, ())):
            table.add_row(Text("" if number else str(how), STYLES[how]), line)
    words.put(out, table)
    looked_at = sum(check.looked_at for check in report.checks)
    found = ("no breach.", "green") if report.ok else ("BREACHES:", "bold red")
    words.put(out, Text.assemble(f"\nverify: {len(report.checks)} laws checked over {looked_at} things, ", found))
    for check in report.checks:
        for breach in check.breaches:
            words.put(out, Text(f"  {check.rule}: {breach}", "red"))
