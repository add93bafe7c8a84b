"""Whether this process can be given work: the database answers, and its schema is the one that this version needs."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass

import structlog

from overstap.app.gauges import Dashboard
from overstap.errors import OverstapError
from overstap.store.database import Database
from overstap.store.schema import SchemaState, schema_status

log = structlog.get_logger(__name__)

LIMIT_SECONDS = 1.0
"""Within which the database has to answer."""
_GOOD_FOR_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        ok: None where it could not be looked at.
        detail: in words, what is wrong or ought to be known; it names no address and no secret.
        alive: workers that live, where those were looked at.
        revision: of the schema, where that was looked at.
    """

    ok: bool | None
    detail: str | None = None
    alive: int | None = None
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """What all checks came to.

    Attributes:
        ready: nobody working is no reason against it: orders are taken, and carried on when somebody does.
    """

    ready: bool
    database: Check
    migrations: Check
    workers: Check


_UNSEEN = Check(None, "not looked at: the database does not answer")
_SILENT = Check(ok=False, detail=f"the database does not answer within {LIMIT_SECONDS:g} s")
NOT_READY = Ready(ready=False, database=_SILENT, migrations=_UNSEEN, workers=_UNSEEN)


class Readiness:
    """Looks whether work can be taken; one look serves all who ask meanwhile, however long it takes."""

    def __init__(self, database: Database, dashboard: Dashboard) -> None:
        self._database = database
        self._dashboard = dashboard
        self._lock = threading.Lock()
        self._look: Future[Ready] | None = None
        self._good_until = 0.0

    def look(self) -> Future[Ready]:
        """What a look of this second finds; whoever asks waits `LIMIT_SECONDS` for it, and then takes `NOT_READY`."""
        with self._lock:
            look = self._look
            if look is None or (look.done() and time.monotonic() > self._good_until):
                look = self._look = Future()
                threading.Thread(target=self._fill, args=(look,), name="overstap-ready", daemon=True).start()
        return look

    def _fill(self, look: Future[Ready]) -> None:
        try:
            found = self._see()
        except OverstapError as error:
            log.warning("not_ready", error=str(error))
            found = NOT_READY
        except Exception:
            log.exception("not_ready")
            found = NOT_READY
        self._good_until = time.monotonic() + _GOOD_FOR_SECONDS
        look.set_result(found)

    def _see(self) -> Ready:
        status = schema_status(self._database)
        current = status.state is SchemaState.CURRENT
        detail = None if current else f"the schema is {status.state}; this version needs {status.head}"
        migrations = Check(current, detail, revision=status.revision)
        alive = self._dashboard.alive() if current else None
        warning = "nobody carries runs on: start `overstap worker`" if alive == 0 else None
        workers = _UNSEEN if alive is None else Check(ok=alive > 0, detail=warning, alive=alive)
        return Ready(ready=current, database=Check(ok=True), migrations=migrations, workers=workers)
