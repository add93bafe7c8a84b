"""One database, SQLite or PostgreSQL, with two kinds of transaction: `read` and `write`."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import psycopg
from sqlalchemy import Connection, DateTime, Dialect, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, DisconnectionError, IntegrityError, OperationalError
from sqlalchemy.types import TypeDecorator

from overstap.errors import BadInput, DatabaseUnavailable
from overstap.store.overlap import OverlappingConnection
from overstap.store.sqlite_connections import begin_sqlite, make_room, prepare_sqlite
from overstap.store.write_gate import BUSY_SECONDS, WriteGate

OTHER_WAYS = ("seqscan", "bitmapscan", "hashjoin", "mergejoin", "material")
"""What PostgreSQL does in place of looking each row up by its key, as its settings call it."""
_REST_SECONDS = 1.0
"""After so long without use, a connection to PostgreSQL is asked whether it still lives before it is used again."""


CLASHES = (IntegrityError, psycopg.IntegrityError, sqlite3.IntegrityError)
"""What a statement raises whose rows clash with others, through SQLAlchemy or from the driver."""
REFUSED = (*CLASHES, DataError, psycopg.DataError, sqlite3.DataError)
"""The same, and where they may not be as they are."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment in UTC: timestamptz on PostgreSQL, ISO text on SQLite (which sorts the same way)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a moment needs its time zone: {value!r}")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is UTC:
            return value
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def upserting(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT into a table that may say what to do on a conflict, in the connection's dialect."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def _parse_url(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError:
        raise BadInput(f"{text!r} is not a database URL; write sqlite:///FILE or postgresql://USER@HOST/NAME") from None
    if url.drivername in {"postgresql", "postgres", "postgresql+psycopg"}:
        return url.set(drivername="postgresql+psycopg")
    if url.drivername in {"sqlite", "sqlite+pysqlite"}:
        if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
            raise BadInput("Overstap needs a database file, since its workers share it; write sqlite:///FILE")
        return url.set(drivername="sqlite+pysqlite")
    raise BadInput(f"{url.drivername!r} is not a database Overstap runs on; use sqlite:///… or postgresql://…")


def _dumps(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


class Database:
    """The one door to the tables.

    Args:
        url: `sqlite:///FILE` or `postgresql://…`; the folder of an SQLite file is made with the first transaction.
        pool_size: connections that may be open at once.

    Raises:
        BadInput: when the URL is of no use.
    """

    def __init__(self, url: str, *, pool_size: int = 16) -> None:
        self.url = _parse_url(url)
        self.dialect = "sqlite" if self.url.drivername.startswith("sqlite") else "postgresql"
        self._gate: WriteGate | None = None
        if self.dialect == "sqlite":
            self._gate = WriteGate(Path(str(self.url.database)).absolute())
        self.engine = self._make_engine(pool_size)
        # PostgreSQL needs no BEGIN and COMMIT around a read: two ways to the server and back less.
        isolation = {"isolation_level": "AUTOCOMMIT"} if self.dialect == "postgresql" else {}
        self._reader = self.engine.execution_options(**isolation)
        self._writer = self.engine.execution_options(overstap_write=True)
        by_key = "".join(f" -c enable_{way}=off" for way in OTHER_WAYS) + " -c plan_cache_mode=force_generic_plan"
        # Opens nothing until it is used. There is nothing to roll back where each statement is committed.
        alone = {**isolation, "pool_reset_on_return": None, "skip_autocommit_rollback": True}
        self._keyed = self._make_engine(max(1, pool_size // 2), by_key, **alone)

    def _make_engine(self, pool_size: int, options: str = "", **more: Any) -> Engine:
        connect: dict[str, Any] = (
            {"timeout": BUSY_SECONDS, "check_same_thread": False}
            if self.dialect == "sqlite"
            else {"options": f"-c timezone=UTC -c lock_timeout={BUSY_SECONDS}s{options}", "connect_timeout": 10}
        )
        engine = create_engine(
            self.url,
            connect_args=connect,
            json_serializer=_dumps,
            json_deserializer=orjson.loads,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_use_lifo=self.dialect == "sqlite",
            **more,
        )
        if self.dialect == "postgresql":
            event.listen(engine, "do_connect", _connect)
            event.listen(engine, "checkout", _ask_after_a_rest)
            event.listen(engine, "checkin", _note_the_time)
        if self.dialect == "sqlite":
            event.listen(engine, "connect", prepare_sqlite)
            event.listen(engine, "begin", begin_sqlite)
        return engine

    def read(self) -> AbstractContextManager[Connection]:
        """A transaction that changes nothing; each of its statements sees one moment of the database."""
        return self._transaction(self._reader, nullcontext())

    def snapshot(self) -> AbstractContextManager[Connection]:
        """A `read` in which all statements see the same moment, on PostgreSQL too."""
        isolation = "REPEATABLE READ" if self.dialect == "postgresql" else None
        engine = self.engine.execution_options(isolation_level=isolation) if isolation else self.engine
        return self._transaction(engine, nullcontext())

    @contextmanager
    def each(self) -> Iterator[psycopg.Connection[Any]]:
        """The driver's own connection to PostgreSQL, which commits each statement by itself: one way there and back.

        It finds rows by key, in the order that the keys are given. After a rest, to go through SQLAlchemy takes as long
        as the statement.
        """
        try:
            pooled = self._keyed.raw_connection()
            try:
                connection: psycopg.Connection[Any] = pooled.driver_connection  # type: ignore[assignment]
                yield connection
            except psycopg.OperationalError as error:
                if connection.closed:
                    pooled.invalidate(error)
                raise
            finally:
                pooled.close()
        except psycopg.OperationalError as error:
            raise DatabaseUnavailable(f"The database {self.describe()} does not do its work: {error}") from error

    def write(self) -> AbstractContextManager[Connection]:
        """A transaction that may write: it commits at the end of the block, or rolls back on any error."""
        return self._transaction(self._writer, self._gate.pass_through() if self._gate else nullcontext())

    @contextmanager
    def _transaction(self, engine: Engine, gate: AbstractContextManager[Any]) -> Iterator[Connection]:
        if not self.exists:
            self._make_folder()
        try:
            with gate, engine.begin() as connection:
                yield connection
        except OperationalError as error:
            raise self._unavailable(error.orig) from error
        except DBAPIError as error:
            if error.connection_invalidated:
                raise DatabaseUnavailable(f"The database {self.describe()} went away: {error.orig}") from error
            raise

    @contextmanager
    def glance(self) -> Iterator[sqlite3.Connection]:
        """SQLite's own connection outside of any transaction: each statement sees one moment."""
        try:
            with closing(self.engine.raw_connection()) as pooled:
                yield pooled.driver_connection  # type: ignore[misc]
        except sqlite3.OperationalError as error:
            raise self._unavailable(error) from error

    @contextmanager
    def alone(self) -> Iterator[sqlite3.Connection]:
        """A `write` to SQLite by the driver's own connection, for what is done for every commit.

        To go through SQLAlchemy takes longer than what it does there; and all others wait meanwhile.
        """
        gate: AbstractContextManager[None] = self._gate.pass_through() if self._gate else nullcontext()
        try:
            with gate, closing(self.engine.raw_connection()) as pooled:
                driver: sqlite3.Connection = pooled.driver_connection  # type: ignore[assignment]
                make_room(pooled.info, driver, writes=True)
                driver.execute("BEGIN IMMEDIATE")
                try:
                    yield driver
                    driver.execute("COMMIT")
                finally:
                    if driver.in_transaction:
                        driver.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: BaseException | None) -> DatabaseUnavailable:
        text = f"The database {self.describe()} does not do its work: {error}"
        if "disk I/O error" in text:  # all that SQLite says of a full disk when it cannot even open its files
            text += "; its disk may be full"
        return DatabaseUnavailable(text)

    def _make_folder(self) -> None:
        folder = Path(str(self.url.database)).absolute().parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(f"cannot make the folder {folder} for the database: {error.strerror}") from None

    def describe(self) -> str:
        """The URL as it was given, without its password, for messages."""
        return self.url.set(drivername=self.dialect).render_as_string(hide_password=True)

    @property
    def exists(self) -> bool:
        """Whether there is anything to read; an SQLite file comes into being with the first transaction."""
        return self.dialect != "sqlite" or Path(str(self.url.database)).exists()

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()
        self._keyed.dispose()
        if self._gate is not None:
            self._gate.close()


def _connect(_dialect: Dialect, _record: Any, arguments: Any, named: Any) -> OverlappingConnection:
    return OverlappingConnection.connect(*arguments, **named)


def _note_the_time(_connection: Any, record: Any) -> None:
    record.info["rests_since"] = time.monotonic()


def _ask_after_a_rest(connection: Any, record: Any, _proxy: Any) -> None:
    """Ask a connection that rested for a while whether it still lives; the pool makes another one where it does not."""
    if time.monotonic() - record.info.get("rests_since", math.inf) > _REST_SECONDS:
        try:
            connection.execute("SELECT 1")
            connection.rollback()
        except psycopg.Error as error:
            raise DisconnectionError from error
