"""Committing what a worker decided and intends: a batch in one transaction (design §4.5).

Each run's row is updated only where it still has its claim's token, its journal's length and its inbox as the claim
knows them. Almost always all of them have, so the update goes first and asks nothing. Where one is otherwise, nothing
was written: whose it is now is looked at under the rows' locks, and the others are committed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain
from operator import is_
from typing import Any

from sqlalchemy import Connection, select, update

from overstap.store.batch import Claim, Committed, Intent, Settlement
from overstap.store.bulk import Alone, BulkUpdate, Row, Together, among, prefer_keys
from overstap.store.database import REFUSED, Database
from overstap.store.effects import outcome_row, record_intents, settle_effects
from overstap.store.feed import append_feed, feed_rows
from overstap.store.notices import record_notices
from overstap.store.pauses import in_force
from overstap.store.rows import (
    CARRIED_COLUMNS,
    CHANGING_COLUMNS,
    RUN,
    SIGNAL,
    append_journal,
    carried_row,
    changing_row,
    journal_row,
    to_signal,
)
from overstap.store.spans import span
from overstap.store.tally import append_tally, tally_rows
from overstap.workflow.decide import Signal
from overstap.workflow.value import value

SCHEDULING = ("due_at", "claimed_by", "claim_until")
_GUARD = ("id", "claim_token", "claimed_by", "seq", "inbox")
_advance = Together(
    BulkUpdate(RUN, (*CHANGING_COLUMNS, *SCHEDULING), _GUARD), append_tally, append_journal, settle_effects, append_feed
)
_carry_on = BulkUpdate(RUN, CARRIED_COLUMNS, _GUARD)
_FEW = 8
"""Runs for which PostgreSQL goes by keys unasked, except in tables that are small themselves."""


def commit(
    database: Database,
    settlements: Sequence[Settlement],
    intents: Sequence[Intent],
    now: datetime,
    ahead: Prepared | None = None,
) -> Committed:
    """Commit a batch in one transaction, each part only while its claim's token holds.

    Args:
        ahead: the batch as it was made ready.
    """
    settlements = _in_order(settlements)
    # An effect is written down beside its run, and what a pause parks depends on that pause: those hold the rows first.
    if not intents and not any(item.parked_by for item in settlements):
        ready = ahead or prepare(settlements, now, database.dialect)  # not while others wait for us to write
        try:
            if ready.alone is not None:
                # In one statement that PostgreSQL commits by itself, or refuses.
                with database.each() as driver:
                    driver.execute(*ready.alone)
            elif any(map(_needs_more, settlements)):
                with database.write() as connection:
                    _write(connection, settlements, ready, now)
            else:
                with database.alone() as driver:
                    written = _carry_on.by_driver(driver, ready.carried) + _advance.by_driver(driver, *ready.rows)
                    _ensure_all(written, settlements)
        except (_SomeLostError, *REFUSED):
            pass  # a journal that has grown meanwhile refuses the entry, before the number of updates is known
        else:
            return ready.committed
    with database.write() as connection:
        prefer_keys(connection)
        found = _look(connection, settlements, intents)
        valid = [item for item in settlements if found.holds(item.claim)]
        places = {(item.parked_by.scope.value, item.parked_by.name) for item in valid if item.parked_by}
        paused = in_force(connection, places) if places else frozenset()
        ready = _prepared(valid, paused, now, database.dialect)
        _write(connection, valid, ready, now)
        committed = ready.committed
        committed.effects = record_intents(connection, [item for item in intents if found.holds(item.claim)], now)
    committed.lost, committed.overtaken = found.lost, list(found.overtaken.values())
    committed.kept += found.kept.values()
    return committed


def _in_order(settlements: Iterable[Settlement]) -> list[Settlement]:
    """All writers lock runs in one order."""
    return sorted(settlements, key=lambda item: item.claim.run.id)


class _SomeLostError(Exception):
    """Not all runs are as their claims know them; nothing may be committed."""


def _ensure_all(written: int, settlements: Sequence[Settlement]) -> None:
    if written != len(settlements):
        raise _SomeLostError


def _needs_more(item: Settlement) -> bool:
    """Whether more is to be written than the run, its journal, its effects' outcomes and the counters."""
    return bool(item.notices or item.settled)


@dataclass(slots=True)
class Prepared:
    """What a commit writes, and what comes of it.

    Attributes:
        carried: rows for `_carry_on`.
        rows: for `_advance`: of runs, counters and journals, how effects turned out, and what comes to the feed.
        alone: those as a statement for PostgreSQL, where it is all that is to be written.
        of, untils: the settlements that `prepare` was given, and the ends of their claims, which renewals move.
    """

    committed: Committed
    carried: list[Row]
    rows: list[list[Row]]
    alone: Alone | None = None
    of: Sequence[Settlement] = ()
    untils: Sequence[datetime] = ()

    def fits(self, settlements: Sequence[Settlement]) -> bool:
        """Whether it is what these write still."""
        return self.untils == [item.claim.until for item in settlements] and all(map(is_, self.of, settlements))


def prepare(settlements: Sequence[Settlement], now: datetime, dialect: str) -> Prepared:
    """Make ready what is to be written, where no pause parks any of it."""
    ready = _prepared(_in_order(settlements), frozenset(), now, dialect)
    ready.of, ready.untils = settlements, [item.claim.until for item in settlements]
    if dialect == "postgresql" and not any(map(_needs_more, settlements)):
        ready.alone = _advance.alone(*ready.rows)
    return ready


def _prepared(
    settlements: Sequence[Settlement], paused: Collection[tuple[str, str]], now: datetime, dialect: str
) -> Prepared:
    """Make ready what is to be written.

    Args:
        paused: scope and name of what is paused, of the pauses that park settlements.
    """
    result = Committed()
    # SQLite writes an index anew for each column that is named, PostgreSQL for each that changes.
    carried: list[Row] = []
    rows: list[Row] = []
    for item in settlements:
        run, claim = item.run, item.claim
        guard = (run.id, claim.token, claim.worker_id, claim.run.seq, claim.inbox)
        if item.keep:
            result.kept.append(_kept(item))
            if dialect == "sqlite":
                carried.append((*carried_row(run), *guard))
                continue
            # As they are: the claim's end moves with the renewals.
            scheduling: tuple[Any, ...] = (claim.until, claim.worker_id, claim.until)
        else:
            result.released.append(run)
            by = item.parked_by
            # Not where the pause was lifted meanwhile: nobody would wake it any more.
            parked = by is not None and (by.scope.value, by.name) in paused
            scheduling = (run.deadline_at if parked else run.due_at, None, None)
        rows.append((*changing_row(run), *scheduling, *guard))
    counts: list[Row] = [*tally_rows((item.claim.run, item.run) for item in settlements)]
    entries: list[Row] = [journal_row(entry) for item in settlements for entry in item.entries]
    outcomes: list[Row] = [outcome_row(effect, now) for item in settlements for effect in item.effects]
    fed = feed_rows([span(item.entries) for item in settlements if item.entries])
    parts: list[list[Row]] = [rows, counts, entries, outcomes, fed]
    if dialect == "sqlite":
        carried, parts = _carry_on.ready(carried), [*_advance.ready(*parts)]
    return Prepared(result, carried, parts)


def _kept(item: Settlement) -> Claim:
    """The claim that goes on when a settlement is committed."""
    claim = item.claim
    left = [one for one in claim.signals if one.id not in item.settled] if item.settled else claim.signals
    return Claim(item.run, claim.token, claim.inbox, left, claim.until, claim.worker_id)


def _write(connection: Connection, settlements: Sequence[Settlement], ready: Prepared, now: datetime) -> None:
    """Write settlements, and all that belongs to them.

    Raises:
        _SomeLostError: when a run is not as its claim knows it.
    """
    if not settlements:
        return
    if len(ready.rows[0]) > _FEW:
        prefer_keys(connection)
    written = _carry_on(connection, ready.carried) + _advance(connection, *ready.rows)
    _ensure_all(written, settlements)
    record_notices(connection, (notice for item in settlements for notice in item.notices))
    if settled := [signal_id for item in settlements for signal_id in item.settled]:
        connection.execute(update(SIGNAL).where(among(connection, SIGNAL.c.id, settled)).values(settled_at=now))


@dataclass(slots=True)
class _Found:
    """What became of claims: `lost` to whom, `overtaken` by which signal, `kept` by this very commit; others hold."""

    lost: dict[str, str | None] = field(default_factory=dict)
    overtaken: dict[str, Claim] = field(default_factory=dict)
    kept: dict[str, Claim] = field(default_factory=dict)

    def holds(self, claim: Claim) -> bool:
        return not any(claim.run.id in some for some in (self.lost, self.overtaken, self.kept))


def _look(connection: Connection, settlements: Sequence[Settlement], intents: Sequence[Intent]) -> _Found:
    """Lock the runs of claims, and see which hold."""
    given = chain((item.claim for item in settlements), (item.claim for item in intents))
    claims = {claim.run.id: claim for claim in given}
    keeping = {item.claim.run.id: item for item in settlements if item.keep}
    holders = lock_claimed(connection, claims)
    found = _Found()
    signals = pending_signals(
        connection, [run_id for run_id, holder in holders.items() if holder.inbox != claims[run_id].inbox]
    )
    for run_id, claim in claims.items():
        holder = holders.get(run_id, NOBODY)
        # The seq differs when our own commit went through but its answer was lost: never advance twice.
        if (holder.token, holder.seq) == (claim.token, claim.run.seq):
            if holder.inbox != claim.inbox:
                # What was decided without the signal may be wrong with it.
                found.overtaken[run_id] = replace(claim, inbox=holder.inbox, signals=signals.get(run_id, []))
        elif (item := keeping.get(run_id)) is not None and holder.wrote(item):
            found.kept[run_id] = _kept(item)  # a signal since then overtakes the next commit
        else:
            found.lost[run_id] = holder.worker_id
    return found


@value
class Holder:
    """Who holds a run; a run that nobody holds has no valid token."""

    worker_id: str | None
    token: int | None
    inbox: int
    seq: int
    head: str

    def wrote(self, item: Settlement) -> bool:
        """Whether the run is as a settlement leaves it, which its holder wrote and nobody has touched since."""
        claim, run = item.claim, item.run
        return (self.token, self.worker_id, self.seq, self.head) == (claim.token, claim.worker_id, run.seq, run.head)


NOBODY = Holder(None, None, 0, 0, "")


def lock_claimed(connection: Connection, ids: Iterable[str]) -> dict[str, Holder]:
    """Lock runs, in one order for all writers, and tell who holds them."""
    query = select(RUN.c.id, RUN.c.claim_token, RUN.c.claimed_by, RUN.c.inbox, RUN.c.seq, RUN.c.head)
    query = query.where(among(connection, RUN.c.id, set(ids))).order_by(RUN.c.id).with_for_update()
    return {
        run_id: Holder(worker_id, token if worker_id else None, inbox, seq, head)
        for run_id, token, worker_id, inbox, seq, head in connection.execute(query)
    }


def pending_signals(connection: Connection, run_ids: Sequence[str]) -> dict[str, list[Signal]]:
    """The pending signals of some runs, in the order they came."""
    inboxes: dict[str, list[Signal]] = {}
    if run_ids:
        query = select(SIGNAL).where(among(connection, SIGNAL.c.run_id, run_ids), SIGNAL.c.settled_at.is_(None))
        for row in connection.execute(query.order_by(SIGNAL.c.at, SIGNAL.c.id)):
            inboxes.setdefault(row.run_id, []).append(to_signal(row))
    return inboxes
