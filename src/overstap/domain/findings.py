"""What the rules say about a change: blockers and warnings that explain themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from overstap.domain.sentences import ENGLISH
from overstap.errors import Refused


class Severity(StrEnum):
    """Whether a finding stops the change."""

    BLOCKER = "blocker"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule has to say about one change.

    Attributes:
        code: names the finding for programs, e.g. `licence_conflict`.
        rule: its number in rules.md, e.g. `R8`.
        params: JSON values that the sentence is made with.
    """

    code: str
    rule: str
    severity: Severity
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """What is wrong and what to do about it, in English."""
        return ENGLISH[self.code].fill(self.params)

    def to_dict(self) -> dict[str, Any]:
        """The finding as plain JSON values, its sentence included."""
        return {
            "code": self.code,
            "rule": self.rule,
            "severity": str(self.severity),
            "params": dict(self.params),
            "sentence": self.sentence,
        }


def blocker(code: str, rule: str, **params: Any) -> Finding:
    """A finding that stops the change."""
    return Finding(code, rule, Severity.BLOCKER, params)


def warning(code: str, rule: str, **params: Any) -> Finding:
    """A finding that the customer should know before the change."""
    return Finding(code, rule, Severity.WARNING, params)


def blockers(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings that stop the change, in their order."""
    return tuple(finding for finding in findings if finding.severity is Severity.BLOCKER)


class NotEligible(Refused):
    """The change is refused by the rules; its text has the sentence of each blocker on a line of its own.

    Args:
        findings: all that the rules said, warnings too.
    """

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(finding.sentence for finding in blockers(self.findings)))

    @property
    def evidence(self) -> Mapping[str, Any]:
        return {"findings": [finding.to_dict() for finding in self.findings]}
