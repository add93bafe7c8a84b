"""Workers, notifications and the database."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from overstap.app import telling
from overstap.bootstrap import database_status
from overstap.entrypoints import notice_shapes, shapes
from overstap.entrypoints.api.call import Called
from overstap.entrypoints.api.routes.pages import Items
from overstap.entrypoints.api.routing import Router
from overstap.entrypoints.shape_types import DatabaseSchema, FleetWorker

router = Router(tags=["fleet"])


@router.get("/workers")
def list_workers(call: Called) -> Items[FleetWorker]:
    """Who works on this database, the newest first: alive, late or stopped, and what they hold."""
    app = call.app
    now, late_after = app.service.now(), app.late_after
    return {"items": [shapes.worker(one, one.standing(now, late_after)) for one in app.fleet.workers()]}


@router.get("/notifications")
def show_notifications(call: Called, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> notice_shapes.NoticeOverview:
    """The newest messages to operators and what became of them, and what waits for the next one."""
    notices = call.app.notices
    found = notice_shapes.Overview(
        channels=len(call.app.settings.notifications.urls),
        messages=notices.messages(limit),
        waiting=notices.waiting(limit),
        counts=notices.counts(),
    )
    return notice_shapes.overview(found)


@router.post("/notifications/test")
def test_notifications(call: Called) -> Items[notice_shapes.ChannelTest]:
    """Send a test to each URL, and say which did not get it."""
    return {"items": notice_shapes.tests(telling.send_tests(call.app.settings.notifications))}


@router.post("/notifications/send")
def send_notifications(call: Called) -> notice_shapes.SendingRound:
    """Send what is due, and what failed before, now."""
    return notice_shapes.told(call.app.teller.tell(at_once=True))


@router.get("/database")
def show_database(call: Called) -> DatabaseSchema:
    """How the database stands to this version."""
    return shapes.database(database_status(call.app.settings))
