"""Filling a database with very many runs: copies of one real run, made by the database itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ground import SQLITE, ask, kind_of, moment

AT_ONCE = 100_000
TABLES = {"run": "id", "journal": "run_id"}
"""What a run consists of: each table, and its column that holds the run's id."""
BUCKET = "state, status, target_plan, workflow, version"
SPAN = timedelta(days=14)


def copies(url: str, source: str, count: int, *, prefix: str = "0", parked: bool = False) -> None:
    """Put in so many copies of a run, each with a tenant and a whole journal of its own.

    Args:
        source: its id.
        prefix: one character that the ids of the copies begin with.
        parked: they are due one after the other over fourteen days from now on, from an hour from now.
    """
    begin = datetime.now(UTC) + timedelta(hours=1)
    for first in range(0, count, AT_ONCE):
        last = min(first + AT_ONCE, count) - 1
        for table, own_id in TABLES.items():
            given = {own_id: new_id(url, prefix)}
            if table == "run":
                given |= {"tenant_id": f"'t' || {new_id(url, prefix)}", "idempotency_key": "NULL"}
                if parked:
                    due = due_at(url, begin, SPAN / count)
                    given |= {"due_at": due, "deadline_at": due}
            names = columns(url, table)
            values = ", ".join(given.get(name, name) for name in names)
            order = "n, seq" if table == "journal" else "n"
            ask(
                url,
                f"WITH RECURSIVE numbers (n) AS ({numbers(url, first, last)}) "
                f"INSERT INTO {table} ({', '.join(names)}) "
                f"SELECT {values} FROM {table} CROSS JOIN numbers WHERE {own_id} = %s ORDER BY {order}",
                source,
            )
    ask(url, f"INSERT INTO tally ({BUCKET}, delta) SELECT {BUCKET}, {count} FROM run WHERE id = %s", source)


def columns(url: str, table: str) -> list[str]:
    """The names of a table's columns."""
    if kind_of(url) == SQLITE:
        return [row[0] for row in ask(url, f"SELECT name FROM pragma_table_info('{table}')")]
    known = "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_generated = 'NEVER'"
    return [row[0] for row in ask(url, known, table)]


def new_id(url: str, prefix: str) -> str:
    """SQL for the id of the copy number n."""
    if kind_of(url) == SQLITE:
        return f"'{prefix}' || substr('{'0' * 25}' || n, -25)"
    return f"'{prefix}' || lpad(n::text, 25, '0')"


def due_at(url: str, begin: datetime, each: timedelta) -> str:
    """SQL for the moment that the copy number n is due."""
    seconds = f"n * {each.total_seconds()}"
    if kind_of(url) == SQLITE:
        return f"strftime('%Y-%m-%d %H:%M:%f000', '{moment(url, begin)}', '+' || ({seconds}) || ' seconds')"
    return f"TIMESTAMPTZ '{begin.isoformat()}' + {seconds} * INTERVAL '1 second'"


def numbers(url: str, first: int, last: int) -> str:
    """SQL for the numbers from the first to the last."""
    if kind_of(url) == SQLITE:
        return f"SELECT {first} UNION ALL SELECT n + 1 FROM numbers WHERE n < {last}"
    return f"SELECT generate_series({first}, {last})"
