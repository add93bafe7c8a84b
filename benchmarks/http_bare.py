"""The bare framework that `http_load.py` measures beside Overstap: python http_bare.py URL PORT."""

from __future__ import annotations

import itertools
import json
import sqlite3
import sys
import threading
from datetime import UTC, datetime
from typing import Any

import psycopg
import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from psycopg.rows import dict_row
from pydantic import BaseModel

from ground import SQLITE, kind_of, sqlite_path

COLUMNS = (
    "id, workflow, version, state, status, tenant_id, subscription_id, target_plan, attempt, wake_at, deadline_at, "
    "claimed_by, held, done, total, created_at, updated_at, ended_at, error, input, data"
)


class Order(BaseModel):
    """A plan change."""

    tenant_id: str
    subscription_id: str
    target_plan: str


class Rows:
    """A connection for each thread."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._own = threading.local()

    def __call__(self, statement: str, *values: object) -> list[dict[str, Any]]:
        """Do one statement, committed by itself."""
        return self.together((statement, values))

    def together(self, *statements: tuple[str, tuple[object, ...]]) -> list[dict[str, Any]]:
        """Do statements in one transaction; answers the rows of the last one."""
        if kind_of(self._url) == SQLITE:
            return self._sqlite(statements)
        if not hasattr(self._own, "connection"):
            self._own.connection = psycopg.connect(self._url, autocommit=True, row_factory=dict_row)
        connection = self._own.connection
        with connection.transaction() if len(statements) > 1 else connection.cursor() as _:
            for statement, values in statements:
                cursor = connection.execute(statement, values)
            return list(cursor.fetchall()) if cursor.description else []

    def _sqlite(self, statements: tuple[tuple[str, tuple[object, ...]], ...]) -> list[dict[str, Any]]:
        if not hasattr(self._own, "connection"):
            self._own.connection = sqlite3.connect(sqlite_path(self._url), isolation_level=None, timeout=30)
            self._own.connection.execute("PRAGMA synchronous = FULL")
            self._own.connection.row_factory = sqlite3.Row
        connection = self._own.connection
        connection.execute("BEGIN IMMEDIATE" if len(statements) > 1 else "BEGIN")
        with connection:  # which commits, or rolls back
            for statement, values in statements:
                rows = connection.execute(statement.replace("%s", "?"), values).fetchall()
        return [dict(row) for row in rows]


def make(url: str) -> FastAPI:
    """Three routes over the database."""
    api, rows, numbers = FastAPI(openapi_url="/api/v1/openapi.json"), Rows(url), itertools.count()

    def answer(found: Any, status: int = 200) -> JSONResponse:
        return JSONResponse(json.loads(json.dumps(found, default=str)), status)

    @api.get("/api/v1/plan-changes/{run_id}")
    def show(run_id: str) -> JSONResponse:
        return answer(rows(f"SELECT {COLUMNS} FROM run WHERE id = %s", run_id)[0])

    @api.get("/api/v1/runs")
    def page(limit: int) -> JSONResponse:
        return answer({"items": rows(f"SELECT {COLUMNS} FROM run ORDER BY id DESC LIMIT %s", limit)})

    @api.post("/api/v1/plan-changes", status_code=201)
    def submit(order: Order) -> JSONResponse:
        now, run_id = datetime.now(UTC), f"bare{next(numbers):022}"
        at: Any = f"{now:%Y-%m-%d %H:%M:%S.%f}" if kind_of(url) == SQLITE else now
        body = json.dumps(order.model_dump())
        names = (
            "id, workflow, version, digest, tenant_id, subscription_id, target_plan, input, data, state, status, "
            "visit, step, chunk, attempt, done, total, seq, created_at, updated_at, claim_token, inbox"
        )
        values = (
            run_id, "plan_change", 1, "d", order.tenant_id, order.subscription_id, order.target_plan, body, "{}",
            "submitted", "ready", 1, 0, 0, 0, 0, 0, 1, at, at, 0, 0,
        )  # fmt: skip
        entry = "INSERT INTO journal (run_id, seq, at, kind, actor, data) VALUES (%s, 1, %s, 'submitted', 'bench', %s)"
        marks = ", ".join(["%s"] * len(values))
        rows.together((f"INSERT INTO run ({names}) VALUES ({marks})", values), (entry, (run_id, at, body)))
        return answer({"id": run_id, **order.model_dump()}, 201)

    return api


if __name__ == "__main__":
    uvicorn.run(make(sys.argv[1]), port=int(sys.argv[2]), http="httptools", log_level="error", access_log=False)
