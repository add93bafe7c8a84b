"""What the address of a page says of runs, read into a filter and told in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import htpy as h
import pytest
from fastapi import Request

from overstap.app.principals import Principal, Role
from overstap.bootstrap import App, open_app
from overstap.domain.run_filter import RunFilter
from overstap.entrypoints.api.call import Call
from overstap.entrypoints.console.operator.filters import NAMES, in_words, query_of, wanted
from overstap.entrypoints.console.visit import Visit
from overstap.errors import BadInput, NotFound
from overstap.language import language
from overstap.settings import Settings
from overstap.testing import sample_tenant


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    path: Path = tmp_path_factory.mktemp("filters") / "overstap.db"
    settings = Settings(database_url=f"sqlite:///{path}", filters={"night": {"held": True, "state": ["migrating"]}})
    with open_app(settings, create=True, upgrade=True) as made:
        made.service.import_tenants([sample_tenant("anton")])
        yield made


def visit(app: App, *query: tuple[str, str], locale: str = "en") -> Visit:
    scope = {"type": "http", "query_string": urlencode(query).encode(), "headers": [], "path": "/console/runs"}
    principal = Principal("test", frozenset({Role.VIEWER}), "token:test")
    return Visit(Request(scope), Call(app, principal), language(locale))


GIVEN = [
    (("state", "migrating"), ("state", "failed"), RunFilter(state=("migrating", "failed"))),
    (("status", "stuck"), RunFilter(status=("stuck",))),
    (("tenant", "anton"), RunFilter(tenant="anton")),
    (("tenant", "Anton"), RunFilter(tenant="anton")),
    (("plan", "e3"), RunFilter(plan="e3")),
    (("workflow", "plan_change"), RunFilter(workflow="plan_change")),
    (("version", "1"), RunFilter(version=1)),
    (("stuck", "true"), RunFilter(stuck=True)),
    (("escalated", "1"), RunFilter(escalated=True)),
    (("overdue", "on"), RunFilter(overdue=True)),
    (("held", "TRUE"), RunFilter(held=True)),
    (("error", "quota"), RunFilter(error="quota")),
    (("older_than", "1h30m"), RunFilter(older_than=timedelta(minutes=90))),
    (("since", "2026-03-02T13:00:00+01:00"), RunFilter(since=datetime(2026, 3, 2, 12, tzinfo=UTC))),
    (("until", "2026-03-02"), RunFilter(until=datetime(2026, 3, 2, tzinfo=UTC))),
    (("filter", "night"), RunFilter(held=True, state=("migrating",))),
    (("filter", "night"), ("held", "false"), RunFilter(state=("migrating",))),
    (("error", "  "), ("sort", "oldest"), RunFilter()),
]


@pytest.mark.parametrize("given", GIVEN, ids=str)
def test_the_address_says_what_a_filter_can(app: App, given: tuple[object, ...]) -> None:
    *query, made = given
    assert made == wanted(visit(app, *query))  # type: ignore[arg-type]


def test_every_field_of_a_filter_can_be_given_and_is_told_in_both_languages(app: App) -> None:
    assert {"filter", *(one.name for one in fields(RunFilter))} == set(NAMES)
    query = [one for *pairs, _ in GIVEN for one in pairs if one[0] != "filter" and one[1] != "false"]  # type: ignore[index]
    for locale in ("en", "nl"):
        asked = visit(app, *query, locale=locale)  # type: ignore[arg-type]
        made = RunFilter(
            **{name: getattr(one, name) for *_, one in GIVEN for name in RunFilter.__slots__ if getattr(one, name)}
        )
        told = {name: str(h.fragment[text]) for name, text in in_words(asked, made).items()}
        assert set(RunFilter.__slots__) == set(told)
        assert "Anton" in told["tenant"]
        assert '<time datetime="2026-03-02T12:00:00.000+00:00"' in told["since"]


def test_the_query_goes_on_to_other_pages_as_it_was_given(app: App) -> None:
    given = [("state", "failed"), ("state", "migrating"), ("older_than", "90m"), ("error", ""), ("cursor", "x")]
    assert {"state": ["failed", "migrating"], "older_than": "90m"} == query_of(visit(app, *given))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("older_than", "40000d", "older_than: '40000d' is a longer time than can be counted with; at most 36500d."),
        ("version", "99999999999999999999", "version: '99999999999999999999' is no number from 1 on."),
        ("error", "x" * 201, "error: 201 characters are too many; at most 200."),
        ("until", "0001-01-01T00:00:00+14:00", "until: '0001-01-01T00:00:00+14:00' is not a moment"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_value(app: App, name: str, text: str, said: str) -> None:
    with pytest.raises(BadInput, match="^" + said.replace(".", r"\.").replace("+", r"\+")):
        wanted(visit(app, (name, text)))


def test_a_tenant_is_one_that_there_is(app: App) -> None:
    with pytest.raises(NotFound, match="no tenant with the id or the name 'berta'"):
        wanted(visit(app, ("tenant", "berta")))
