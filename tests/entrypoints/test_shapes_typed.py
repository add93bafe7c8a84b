"""What each shape answers of real runs, tenants and plans is what it declares, key by key."""

from __future__ import annotations

import copy
import json
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from inspect import isfunction
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from pydantic import ConfigDict, TypeAdapter, ValidationError
from sqlalchemy import text

from mailboxes import Mailbox, mailbox
from newer import renamed, with_shipped, write_newer
from overstap.app.replay_planning import Wish
from overstap.app.telling import send_tests
from overstap.app.versions import Counts
from overstap.bootstrap import App, database_status
from overstap.clock import VirtualClock
from overstap.domain.change import PlanChange, Route
from overstap.domain.tenant import PaymentMethod
from overstap.entrypoints import answers, notice_shapes, replay_shapes, run_shapes, shapes, version_shapes
from overstap.language import language
from overstap.providers.graph_export import TenantExport, read_export
from overstap.settings import NotificationSettings, Settings, data_path
from overstap.store.database import Database
from overstap.testing import Driver, sample_tenant
from overstap.workflow.pauses import Scope
from overstap.workflow.replay import DeadlinePolicy

ANN, BEN = "operator:ann", "operator:ben"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
BAKERY = read_export(data_path("demo") / "bakkerij-de-vries")
AWAY = {"operation": "move_users", "tenant": "fails", "kind": "fails", "lasting": "30m"}


def declared(function: Callable[..., Any]) -> Any:
    return get_type_hints(function)["return"]


SHAPES: dict[str, Callable[..., Any]] = {
    f"{module.__name__.rpartition('.')[2]}.{name}": function
    for module in (answers, notice_shapes, replay_shapes, run_shapes, shapes, version_shapes)
    for name, function in vars(module).items()
    if isfunction(function)
    and function.__module__ == module.__name__
    and not name.startswith("_")
    and declared(function) not in {str, str | None}
}
"""Every function that answers JSON objects, by its module and name."""


def adapter(function: Callable[..., Any]) -> TypeAdapter[Any]:
    """What takes a list of a shape's answers, and no key that it does not declare: the list hands that on inside."""
    return TypeAdapter(list[declared(function)], config=ConfigDict(extra="forbid"))  # type: ignore[misc]


class Heard:
    """What shapes answered, as it comes out of JSON."""

    def __init__(self) -> None:
        self.said: defaultdict[Callable[..., Any], list[Any]] = defaultdict(list)

    def ask(self, shape: Callable[..., Any], *given: Any) -> None:
        self.said[shape].append(json.loads(json.dumps(shape(*given))))


@pytest.fixture(scope="module")
def heard(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Heard:
    """Asked once, of one database to which everything happened: to listen changes nothing."""
    folder, heard = tmp_path_factory.mktemp("heard"), Heard()
    shutil.copy(sqlite_template, folder / "overstap.db")
    with mailbox() as box:
        settings = Settings(
            database_url=f"sqlite:///{folder / 'overstap.db'}",
            workflows_dir=with_shipped(folder / "workflows"),
            embedded={"faults": [AWAY]},
            limits={"providers": {"embedded": {"at_once": 1}}},
            notifications={"urls": [box.url]},
            operators={"stuck_after": 2},
            replay={"approve_runs": 0},
        )
        with opened(settings, NOON) as app:
            hear_a_day(heard, app, box)
            now = app.clock.now()
        write_newer(settings.workflows, renamed("submitted", "ordered"))
        with opened(settings, now) as app:
            hear_versions(heard, app)
            hear_checks(heard, app, folder)
    return heard


@contextmanager
def opened(settings: Settings, now: datetime) -> Iterator[App]:
    with App(settings, Database(settings.database_url), clock=VirtualClock(now)) as app:
        yield app


def hear_a_day(heard: Heard, app: App, box: Mailbox) -> None:
    assert isinstance(app.clock, VirtualClock)
    driver = Driver(app.engine, app.clock)
    names = ("done", "fails", "sick", "held", "first", "second")
    app.service.import_tenants(
        [
            BAKERY,
            strange_tenant("strange"),
            *(sample_tenant(name) for name in names),
            *(sample_tenant(name, payment="invoice") for name in ("early", "waits", "free")),
            sample_tenant("manual", plan="midsize", domains=("manual.example",)),
            sample_tenant("short", users=3, seats=2),
        ]
    )
    hear_questions(heard, app)
    runs = {name: order(app, name) for name in ("done", "fails", "sick", "held", "early", "waits")}
    order(app, "manual", plan="midsize", route=Route.MANUAL)
    app.operators.hold(runs["held"], reason="they asked us to", actor=ANN)
    app.service.signal(runs["early"], "credit_approved", reason="known to us", actor=ANN)
    app.service.import_tenants([sample_tenant("sick", healthy=False)])
    hear_runs(heard, app)
    driver.run_for(timedelta(minutes=20))
    hear_runs(heard, app)
    hear_catalog_and_tenants(heard, app)
    hear_notices(heard, app, box)
    hear_replays(heard, app, driver, [runs["fails"], runs["held"]])
    hear_fleet(heard, app)


def strange_tenant(name: str) -> TenantExport:
    """One that holds what the catalog does not know."""
    export = sample_tenant(name)
    return replace(export, subscriptions=(replace(export.subscriptions[0], sku_id="0" * 8, sku_part_number="ODD"),))


def order(app: App, name: str, *, plan: str = "e1", **more: Any) -> str:
    return app.service.submit(PlanChange(name, f"{name}-{plan}", "e3", **more), actor=ANN)[0].run.id


def hear_questions(heard: Heard, app: App) -> None:
    for spoken in (language("nl"), language("en")):
        for change in (
            PlanChange(BAKERY.id, BAKERY.subscriptions[0].id, "small-business-premium", seats=9),
            PlanChange("free", "free-e1", "e3"),
            PlanChange("strange", "strange-e1", "e3", payment_method=PaymentMethod.CARD),
            PlanChange("manual", "manual-midsize", "e3", route=Route.MANUAL),
        ):
            heard.ask(answers.eligibility, app.questions.eligibility(change), spoken)
            heard.ask(answers.quote, change, app.questions.quote(change), spoken)
        for tenant in app.service.tenants():
            for options in app.questions.options(tenant.id):
                heard.ask(answers.options, options, spoken)


def hear_runs(heard: Heard, app: App) -> None:
    for one in app.search.listing():
        heard.ask(shapes.listed, one)
        heard.ask(shapes.run_summary, one.stored)
        run = one.stored.run
        heard.ask(run_shapes.run_whole, app.looking.look(run.id, None))
        heard.ask(run_shapes.run_whole, app.looking.back(run.id, seq=1, last=1))
        heard.ask(run_shapes.explained, app.looking.explain(run.id), language("nl"))
        heard.ask(run_shapes.compared, app.looking.compare(run.id, 0, run.seq))
        for entry in app.runs.journal(run.id):
            heard.ask(run_shapes.entry, entry)
    for task in app.tasks.open():
        heard.ask(shapes.task, task, None)


def hear_catalog_and_tenants(heard: Heard, app: App) -> None:
    for tenant in app.service.tenants():
        heard.ask(shapes.tenant, tenant)
        heard.ask(shapes.tenant_summary, tenant)
        for held in app.portal.licences(tenant.id):
            heard.ask(shapes.licences, held)
    for plan in app.catalog.plans.values():
        heard.ask(shapes.plan, plan)
    for pair in app.catalog.pairs.values():
        heard.ask(shapes.pair, pair)
        heard.ask(shapes.pair, replace(pair, closed={"nl": "gesloten", "en": "closed"}))


def hear_notices(heard: Heard, app: App, box: Mailbox) -> None:
    def look() -> None:
        messages, waiting = app.notices.messages(50), app.notices.waiting(50)
        heard.ask(notice_shapes.overview, notice_shapes.Overview(1, messages, waiting, app.notices.counts()))
        for message in messages:
            heard.ask(notice_shapes.message, message)

    look()
    box.answers = [500]
    for _ in range(2):
        heard.ask(notice_shapes.told, app.teller.tell(at_once=True))
        look()
    tried = send_tests(NotificationSettings(urls=(box.url, "json://127.0.0.1:9/")))
    heard.ask(notice_shapes.tests, tried)


def hear_replays(heard: Heard, app: App, driver: Driver, runs: list[str]) -> None:
    made, items = app.replays.plan(runs, Wish(DeadlinePolicy.parse("reset"), resolve=True), actor=ANN)
    assert [True, False] == sorted((item.will_run for item in items), reverse=True)

    def look() -> None:
        heard.ask(replay_shapes.plan_summary, app.replays.get(made.id)[0])
        heard.ask(replay_shapes.receipt, app.replays.receipt(made.id))
        for one in app.replays.all():
            heard.ask(replay_shapes.listed, *one)

    look()
    heard.ask(replay_shapes.totals, items)
    for item in items:
        heard.ask(replay_shapes.item, item)
    for one in app.rehearsals.play(made.id):
        heard.ask(replay_shapes.rehearsed, one)
    app.replays.approve(made.id, actor=BEN, reason="they are back")
    app.replays.run(made.id, actor=ANN, reason="they are back")
    look()
    driver.run_for(timedelta(minutes=30))
    look()


def hear_fleet(heard: Heard, app: App) -> None:
    now = app.clock.now()
    app.operators.pause(Scope.EVERYTHING, "", reason="audit", actor=ANN)
    app.operators.pause(Scope.STEP, "move_users", reason="audit", actor=ANN)
    for pause in app.operators.pauses():
        heard.ask(shapes.pause, pause)
        app.operators.resume(pause.scope, pause.name, reason="done", actor=ANN)
    for number in (7, 8):
        app.fleet.register(f"host-{number}", "host", number, "1", now)
    app.fleet.heartbeat("host-7", now, 3, 0.5)
    app.fleet.stopped("host-8", now, steps=4)
    for name in ("first", "second"):
        order(app, name)
    claims = app.engine.claim("host-7", 10)
    app.gate.admit([(claim, "check_preconditions") for claim in claims], [])
    for record in app.fleet.workers():
        heard.ask(shapes.worker, record, record.standing(now, app.late_after))
    hear_runs(heard, app)


def hear_versions(heard: Heard, app: App) -> None:
    counts = Counts()
    for judged in app.versions.rehearse(app.versions.change("plan_change", 2)):
        counts.add(judged)
        heard.ask(version_shapes.judged, judged)
    heard.ask(version_shapes.judgements, counts)
    for definition in app.library.all():
        heard.ask(shapes.workflow, definition)


def hear_checks(heard: Heard, app: App, folder: Path) -> None:
    heard.ask(shapes.database, database_status(app.settings))
    heard.ask(shapes.database, database_status(Settings(database_url=f"sqlite:///{folder / 'nothing.db'}")))
    heard.ask(shapes.audit, app.auditing.verify())
    head = app.auditing.checkpoint()
    heard.ask(shapes.audit_head, head)
    with app.database.write() as connection:
        connection.execute(text("UPDATE journal SET actor = 'admin:eve' WHERE seq = 2"))
    heard.ask(shapes.audit, app.auditing.verify(head))
    heard.ask(shapes.report, app.verify())


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_answers_what_it_declares_and_nothing_else(heard: Heard, name: str) -> None:
    said, declaration = heard.said[SHAPES[name]], adapter(SHAPES[name])
    assert said

    taken = declaration.validate_json(json.dumps(said), strict=True)

    assert told(said) == told(declaration.dump_python(taken, mode="json"))


def told(said: list[Any]) -> str:
    return json.dumps(said, sort_keys=True)


def test_a_key_that_is_not_declared_is_found_at_any_depth(heard: Heard) -> None:
    run = copy.deepcopy(heard.said[run_shapes.run_whole][0])
    adapter(run_shapes.run_whole).validate_python([run])

    run["timeline"]["visits"][0]["more"] = 1

    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        adapter(run_shapes.run_whole).validate_python([run])


def test_each_shape_has_a_name_of_its_own_in_one_document() -> None:
    _, document = TypeAdapter.json_schemas([(name, "serialization", adapter(one)) for name, one in SHAPES.items()])

    assert [] == [name for name in document["$defs"] if "__" in name]
    assert [] == [name for name, schema in document["$defs"].items() if "description" not in schema]
