"""What a message to operators says, in their language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from textwrap import shorten

from overstap.language import Language, Message, lazy_gettext, lazy_ngettext
from overstap.store.notices import Occurrence
from overstap.workflow.notable import Topic
from overstap.workflow.run import JournalEntry, Kind

_TITLES: dict[Topic, Message] = {
    Topic.ESCALATED: lazy_ngettext(
        "{count} plan change is late and goes on", "{count} plan changes are late and go on"
    ),
    Topic.EXPIRED: lazy_ngettext("{count} plan change has expired", "{count} plan changes have expired"),
    Topic.PARKED: lazy_ngettext("{count} plan change is stuck", "{count} plan changes are stuck"),
    Topic.COMPENSATION_FAILED: lazy_ngettext(
        "The undoing of {count} plan change is stuck", "The undoing of {count} plan changes is stuck"
    ),
}
_MEANING: dict[Topic, Message] = {
    Topic.ESCALATED: lazy_gettext(
        "A deadline has passed. The work goes on and can still be completed; see what holds it up."
    ),
    Topic.EXPIRED: lazy_gettext(
        "A deadline has passed, and with it what the change waited for. What has to be undone is undone by itself."
    ),
    Topic.PARKED: lazy_gettext("A step does not get on. Look at the error, remove its cause, and try again."),
    Topic.COMPENSATION_FAILED: lazy_gettext(
        "What was done is being undone, and a step of that does not get on. The tenant stays locked until it does."
    ),
}
_RUN = lazy_gettext("{tenant} ({id}): {source} → {target}")
_SINCE = lazy_gettext("{state} since {moment}: {why}")
_NOW = lazy_gettext("by now: {state}")
_DEADLINE = lazy_gettext("the deadline of {state} passed ({event})")
_AFTER_ERROR = lazy_gettext("{why}; its last error: {error}")
_STOPPED = lazy_gettext("the step {step} stopped: {error}")
_FAILING = lazy_gettext("the step {step} failed, try {count}: {error}")
_MORE = lazy_ngettext("and {count} more: overstap runs list", "and {count} more: overstap runs list")
_ID = lazy_gettext("Message {id}. A repeat has the same number.")
_TEST_TITLE = lazy_gettext("Test of the notifications")
_TEST = lazy_gettext("Who reads this is told of plan changes that need an operator.")


_LONGEST_ERROR = 300


@dataclass(frozen=True, slots=True)
class Words:
    """Finds the words for messages.

    Attributes:
        zone: in which times are told.
    """

    spoken: Language
    zone: tzinfo

    def message(self, message_id: str, topic: Topic, runs: int, first: Sequence[Occurrence]) -> tuple[str, str]:
        """Title and body of a message.

        Args:
            runs: how many runs it tells of; the first of them are told one by one.
        """
        say = self.spoken.say
        lines = [say(_MEANING[topic]), ""]
        for one in first:
            lines += [*self._run(one), ""]
        if runs > len(first):
            lines += [say(_MORE, count=runs - len(first)), ""]
        return self._title(say(_TITLES[topic], count=runs)), "\n".join([*lines, say(_ID, id=message_id)])

    def test(self) -> tuple[str, str]:
        """Title and body of a test."""
        return self._title(self.spoken.say(_TEST_TITLE)), self.spoken.say(_TEST)

    @staticmethod
    def _title(text: str) -> str:
        return f"Overstap: {text}"

    def _run(self, one: Occurrence) -> list[str]:
        run, entry, say = one.run, one.entry, self.spoken.say
        state = str(entry.to_state or entry.from_state)
        lines = [
            say(
                _RUN,
                tenant=str(run.input.get("tenant_name") or run.tenant_id),
                id=run.tenant_id,
                source=str(run.input.get("source_plan") or "?"),
                target=str(run.input.get("target_plan") or "?"),
            ),
            "  " + say(_SINCE, state=state, moment=self._moment(entry.at), why=self._why(entry, one.before)),
        ]
        if run.state != state:
            lines.append("  " + say(_NOW, state=run.state))
        return [*lines, f"  overstap runs show {run.id}"]

    def _why(self, entry: JournalEntry, before: JournalEntry | None) -> str:
        say, step, error = self.spoken.say, entry.step or "?", _short(entry.data.get("error"))
        if entry.kind is Kind.RETRY:
            return say(_FAILING, step=step, count=entry.data["attempt"], error=error)
        if entry.kind is Kind.STUCK:
            return say(_STOPPED, step=step, error=error)
        why = say(_DEADLINE, state=str(entry.from_state), event=str(entry.event))
        if before is not None and before.kind is Kind.RETRY:
            return say(_AFTER_ERROR, why=why, error=_short(before.data["error"]))
        return why

    def _moment(self, moment: datetime) -> str:
        return self.spoken.moment(moment, self.zone)


def _short(error: object) -> str:
    """An error in one line that leaves room for the others."""
    return shorten(" ".join(str(error).split()), _LONGEST_ERROR, placeholder="…")
