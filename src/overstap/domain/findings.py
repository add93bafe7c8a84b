"""What the rules say about a change: blockers and warnings that explain themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from typing_extensions import TypedDict

from overstap.domain.sentences import SENTENCES, WIZARD_ONLY, spoken
from overstap.errors import Refused
from overstap.language import Language


class Severity(StrEnum):
    """Whether a finding stops the change."""

    BLOCKER = "blocker"
    WARNING = "warning"


class ToldFinding(TypedDict):
    """A finding as plain JSON values, told in one language; `params` are what its sentence is made with."""

    code: str
    rule: str
    severity: Severity
    params: dict[str, Any]
    sentence: str
    advice: str
    href: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule has to say about one change.

    Attributes:
        code: names the finding for programs, e.g. `licence_conflict`.
        rule: its number in rules.md, e.g. `R8`.
        params: JSON values that the sentence is made with; a name in several languages is a mapping from each to it.
        href: the page of the portal where something can be done about it.
    """

    code: str
    rule: str
    severity: Severity
    params: Mapping[str, Any] = field(default_factory=dict)
    href: str = ""

    @property
    def wizard_only(self) -> bool:
        """Whether the manual way gets round it (rules.md R5, R47)."""
        return self.code in WIZARD_ONLY

    def sentence(self, language: Language) -> str:
        """What is so, in one sentence."""
        return language.say(SENTENCES[self.code].sentence, **spoken(self.params))

    def advice(self, language: Language) -> str:
        """What to do about it, in one sentence."""
        return language.say(SENTENCES[self.code].advice, **spoken(self.params))

    def to_dict(self, language: Language) -> ToldFinding:
        """The finding as plain JSON values, told in one language."""
        return {
            "code": self.code,
            "rule": self.rule,
            "severity": self.severity,
            "params": dict(self.params),
            "sentence": self.sentence(language),
            "advice": self.advice(language),
            "href": self.href,
        }

    def to_data(self) -> dict[str, Any]:
        """The finding as plain JSON values without words: whoever reads them later chooses the language."""
        return {
            "code": self.code,
            "rule": self.rule,
            "severity": str(self.severity),
            "params": dict(self.params),
            "href": self.href,
        }

    @classmethod
    def from_data(cls, values: Mapping[str, Any]) -> Self:
        """The finding back from what `to_data` gave."""
        return cls(
            values["code"], values["rule"], Severity(values["severity"]), values["params"], values.get("href", "")
        )


def blocker(code: str, rule: str, href: str, **params: Any) -> Finding:
    """A finding that stops the change."""
    return Finding(code, rule, Severity.BLOCKER, params, href)


def warning(code: str, rule: str, href: str, **params: Any) -> Finding:
    """A finding that the customer should know before the change."""
    return Finding(code, rule, Severity.WARNING, params, href)


def blockers(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings that stop the change, in their order."""
    return tuple(finding for finding in findings if finding.severity is Severity.BLOCKER)


def told(findings: Iterable[Finding], language: Language) -> str:
    """Each finding on a line of its own: what is so, and what to do."""
    return "\n".join(f"{finding.sentence(language)} {finding.advice(language)}" for finding in findings)


class NotEligible(Refused):
    """The change is refused by the rules; its text has each blocker on a line of its own.

    Args:
        findings: all that the rules said, warnings too.
        language: in which the text is told.
    """

    def __init__(self, findings: Iterable[Finding], language: Language) -> None:
        self.findings = tuple(findings)
        self.language = language
        super().__init__(told(blockers(self.findings), language))

    @property
    def evidence(self) -> Mapping[str, Any]:
        return {"findings": [finding.to_dict(self.language) for finding in self.findings]}
