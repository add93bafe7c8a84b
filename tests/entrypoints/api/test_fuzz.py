"""schemathesis over the whole OpenAPI document: no answer that is not declared, whatever is asked.

A few seconds here; `make fuzz` takes minutes, with all of its phases and many more examples.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema

from api_routes import ids, nowhere
from api_stage import Stage
from overstap.entrypoints.api.make import document

LONG = int(os.environ.get("OVERSTAP_FUZZ", "0"))
"""Examples of each operation in a long run; 0 for a short one."""
EXAMPLES = 2
_NAMED = ("path.{}", "query.{}", "body.{}", "body.{}[*]")


def settings(api: Stage) -> dict[str, Any]:
    """How schemathesis asks: what it makes up, and often ids that there are."""
    own, foreign = ids(api, api.own), ids(api, api.foreign)
    known = {
        name: [*_all(own[name]), *_all(foreign[name]), *map(nowhere, _all(own[name]))]
        for name in (
            "tenant_id",
            "tenant",
            "subscription_id",
            "run_id",
            "task_id",
            "plan_id",
            "token_id",
            "runs",
            "users",
        )
    }
    known |= {"name": ["plan_change", "manual_change"], "target_plan": ["e1", "e3"], "plan": ["e1", "e3"]}
    known |= {"url": ["http://127.0.0.1:9/hook"], "scope": ["step"]}
    known |= {"deadline": ["keep", "reset", "extend:1h"], "event": ["cancel", "credit_approved"]}
    return {
        "seed": 1,
        "headers": api.headers("everything"),
        "dictionaries": {name: {"values": values} for name, values in known.items()},
        "parameters": {
            where.format(name): {"dictionary": name, "probability": 0.7} for name in known for where in _NAMED
        },
        "generation": {"max-examples": LONG or EXAMPLES, "deterministic": True, "no-shrink": not LONG},
        "checks": {"positive_data_acceptance": {"enabled": False}},  # what is well written can still be refused
        "phases": {
            "examples": {"enabled": bool(LONG)},
            "coverage": {"enabled": bool(LONG)},
            "stateful": {"enabled": bool(LONG)},
        },
    }


@dataclass
class Found:
    """What came of it: requests by operation and answer, and each sort of failure once."""

    answers: dict[str, Counter[int]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def note(self, event: Any) -> None:
        """Take in what the engine tells."""
        match event:
            case events.NonFatalError():
                self.failures[f"{event.label}: {type(event.value).__name__}"] = str(event.value)
            case events.FatalError():
                self.failures["fatal"] = repr(event.exception)
            case events.ScenarioFinished():
                for case, interaction in event.recorder.interactions.items():
                    if interaction.response is not None:
                        label = event.recorder.cases[case].value.operation.label
                        self.answers.setdefault(label, Counter())[interaction.response.status_code] += 1
                for checked in event.recorder.checks.values():
                    for one in checked:
                        if one.status is Status.FAILURE and one.failure_info is not None:
                            failure, sample = one.failure_info.failure, one.failure_info.code_sample
                            told = f"{failure.message}\n{sample}"
                            self.failures.setdefault(f"{event.recorder.label}: {failure.title}", told)


def without_streams(told: dict[str, Any]) -> list[str]:
    """Operations whose answer ends."""
    return [
        one["operationId"]
        for path in told["paths"].values()
        for one in path.values()
        if "text/event-stream" not in str(one["responses"])
    ]


@pytest.mark.timeout(0 if LONG else 300)
@pytest.mark.filterwarnings("default")
def test_nothing_that_can_be_asked_gets_an_answer_that_is_not_declared(api: Stage) -> None:
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    told, found = document(api.api), Found()
    with api.served() as url:
        config = SchemathesisConfig.from_dict(settings(api))
        schema = schemathesis.openapi.from_url(f"{url}{api.api.openapi_url}", config=config)
        for event in from_schema(schema.include(operation_id=without_streams(told))).execute():
            found.note(event)

    if found.failures:
        pytest.fail("\n\n".join(f"{what}\n{told}" for what, told in found.failures.items()), pytrace=False)
    assert len(found.answers) == len(without_streams(told))
    done = [one for one, counted in found.answers.items() if any(200 <= status < 300 for status in counted)]
    assert len(done) > len(found.answers) / 2


def _all(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
