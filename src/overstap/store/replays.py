"""Plans of replays: written once, and then carried out item by item, whoever does it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Table, and_, bindparam, case, func, insert, select, update

from overstap.errors import NotFound
from overstap.store.acts import advance, hold_runs
from overstap.store.acts_log import record_act
from overstap.store.database import Database
from overstap.store.rows import EFFECT, JOURNAL, RUN, EffectRecord, to_effect, to_entry
from overstap.store.runs import STORED, StoredRun, to_stored
from overstap.store.tables import ReplayItemRow, ReplayPlanRow
from overstap.workflow.chain import canonical
from overstap.workflow.decide import Decision
from overstap.workflow.run import JournalEntry

PLAN: Table = ReplayPlanRow.__table__  # type: ignore[attr-defined]
ITEM: Table = ReplayItemRow.__table__  # type: ignore[attr-defined]

_T = TypeVar("_T")
_PAGE = 200
_SETTLE = (
    update(ITEM)
    .where(ITEM.c.plan_id == bindparam("b_plan"), ITEM.c.run_id == bindparam("b_run"))
    .values({name: bindparam(f"b_{name}") for name in ("skipped", "replayed_seq", "done_at")})
)


@dataclass(frozen=True, slots=True)
class ReplayItem:
    """One run of a plan.

    Attributes:
        run_seq: how far its journal was.
        why: why it is not replayed; None for one that will be.
        detail: JSON values: where it goes on, its effects, and what it touches.
        skipped: why it was not replayed when the plan was executed.
        replayed_seq: the journal entry that replayed it.
        done_at: when either was decided; None as long as nothing was done with it.
    """

    run_id: str
    run_seq: int
    why: str | None
    detail: Mapping[str, Any]
    skipped: str | None = None
    replayed_seq: int | None = None
    done_at: datetime | None = None

    @property
    def will_run(self) -> bool:
        """Whether the plan replays it."""
        return self.why is None


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """A plan; what it says never changes.

    Attributes:
        options: JSON values: what was asked for.
        digest: over what it says and its items, see `digest_of`.
        needs_approval: by a second person, before it is executed.
    """

    id: str
    at: datetime
    actor: str
    valid_until: datetime
    options: Mapping[str, Any]
    digest: str
    needs_approval: bool
    approved_at: datetime | None = None
    approved_by: str | None = None
    approved_why: str | None = None
    executed_at: datetime | None = None
    executed_by: str | None = None
    executed_why: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """A run with its effects and its journal, all of one moment."""

    stored: StoredRun
    effects: list[EffectRecord]
    journal: list[JournalEntry]


def digest_of(plan: ReplayPlan, items: Sequence[ReplayItem]) -> str:
    """SHA-256, in hex, over everything that a plan says: not over what became of it."""
    until = plan.valid_until.astimezone(UTC).isoformat(timespec="microseconds")
    said = {name: getattr(plan, name) for name in ("id", "actor", "needs_approval")}
    hashed = sha256(canonical({**said, "at": plan.at, "valid_until": until, "data": plan.options}))
    for item in sorted(items, key=lambda item: item.run_id):
        about = {name: getattr(item, name) for name in ("run_id", "run_seq", "why")}
        hashed.update(canonical({**about, "at": plan.at, "data": item.detail}))
    return hashed.hexdigest()


class PlanBook:
    """The plans of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, plan: ReplayPlan, items: Sequence[ReplayItem], reason: str) -> None:
        """Write a new plan."""
        with self._database.write() as connection:
            connection.execute(insert(PLAN), asdict(plan))
            for page in _pages(items):
                connection.execute(insert(ITEM), [{**asdict(item), "plan_id": plan.id} for item in page])
            data = {"digest": plan.digest, "options": dict(plan.options), "runs": sum(item.will_run for item in items)}
            record_act(
                connection,
                at=plan.at,
                actor=plan.actor,
                kind="replay_planned",
                subject=plan.id,
                reason=reason,
                data=data,
            )

    def all(self, limit: int) -> list[tuple[ReplayPlan, int, int]]:
        """The plans, the newest first, each with how many runs it replays and how many it skips."""
        will_run = func.sum(case((ITEM.c.why.is_(None), 1), else_=0)).label("will_run")
        counted = select(ITEM.c.plan_id, func.count().label("runs"), will_run).group_by(ITEM.c.plan_id).subquery()
        query = select(PLAN, counted.c.runs, counted.c.will_run).join(counted, counted.c.plan_id == PLAN.c.id)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(PLAN.c.id.desc()).limit(limit)).all()
        return [(to_plan(row), int(row.will_run), row.runs - int(row.will_run)) for row in rows]

    def plan(self, plan_id: str) -> ReplayPlan:
        """A plan without its items.

        Raises:
            NotFound: when there is none with this id.
        """
        with self._database.read() as connection:
            return _plan(connection, plan_id)

    def get(self, plan_id: str) -> tuple[ReplayPlan, list[ReplayItem]]:
        """A plan with its items, by run.

        Raises:
            NotFound: when there is none with this id.
        """
        with self._database.snapshot() as connection:
            return _plan(connection, plan_id), _items(connection, plan_id)

    @contextmanager
    def hold(self, plan_id: str) -> Iterator[HeldPlan]:
        """A plan that nobody else can change until the end of the block, when what was done to it is committed.

        Plans are locked before runs are; nobody who holds a run asks for a plan.

        Raises:
            NotFound: when there is none with this id.
        """
        with self._database.write() as connection:
            yield HeldPlan(connection, _plan(connection, plan_id, hold=True))

    def evidence(self, ids: Sequence[str], *, journals: bool) -> Iterator[Evidence]:
        """Runs with their effects, each page of them of one moment; ids that no run has are left out.

        Args:
            journals: read their journals too.
        """
        for page in _pages(sorted(set(ids))):
            with self._database.snapshot() as connection:
                runs = connection.execute(select(*STORED).where(RUN.c.id.in_(page)).order_by(RUN.c.id)).all()
                effects, entries = defaultdict(list), defaultdict(list)
                query = select(EFFECT).where(EFFECT.c.run_id.in_(page)).order_by(EFFECT.c.at, EFFECT.c.key)
                for row in connection.execute(query):
                    effects[row.run_id].append(to_effect(row))
                if journals:
                    told = select(JOURNAL).where(JOURNAL.c.run_id.in_(page))
                    for row in connection.execute(told.order_by(JOURNAL.c.run_id, JOURNAL.c.seq)):
                        entries[row.run_id].append(to_entry(row))
            for row in runs:
                yield Evidence(to_stored(row), effects[row.id], entries[row.id])

    def afterwards(self, plan_id: str, run_ids: Sequence[str]) -> Iterator[tuple[StoredRun, list[JournalEntry]]]:
        """Some of the runs that a plan replayed, each with its journal from its replay on."""
        replayed = (ITEM.c.plan_id == plan_id) & ITEM.c.replayed_seq.is_not(None)
        for page in _pages(sorted(run_ids)):
            later = and_(ITEM.c.run_id == JOURNAL.c.run_id, ITEM.c.replayed_seq <= JOURNAL.c.seq)
            told = select(JOURNAL).join(ITEM, later).where(replayed, JOURNAL.c.run_id.in_(page))
            entries = defaultdict(list)
            with self._database.snapshot() as connection:
                runs = connection.execute(select(*STORED).where(RUN.c.id.in_(page)).order_by(RUN.c.id)).all()
                for row in connection.execute(told.order_by(JOURNAL.c.run_id, JOURNAL.c.seq)):
                    entries[row.run_id].append(to_entry(row))
            yield from ((to_stored(row), entries[row.id]) for row in runs)


class HeldPlan:
    """A plan inside the transaction that locks it."""

    def __init__(self, connection: Connection, plan: ReplayPlan) -> None:
        self.plan = plan
        self._connection = connection

    def items(self) -> list[ReplayItem]:
        """All its items."""
        return _items(self._connection, self.plan.id)

    def approve(self, actor: str, reason: str, now: datetime) -> None:
        """Write down who approved it."""
        self._note("approved", "replay_approved", actor, reason, now)

    def begin(self, actor: str, reason: str, now: datetime) -> None:
        """Write down who executes it."""
        self._note("executed", "replay_run", actor, reason, now)

    def _note(self, what: str, kind: str, actor: str, reason: str, now: datetime) -> None:
        values = {f"{what}_at": now, f"{what}_by": actor, f"{what}_why": reason}
        self._connection.execute(update(PLAN).where(PLAN.c.id == self.plan.id).values(values))
        data = {"digest": self.plan.digest}
        record_act(self._connection, at=now, actor=actor, kind=kind, subject=self.plan.id, reason=reason, data=data)

    def carry_out(
        self, limit: int, now: datetime, decide: Callable[[ReplayItem, StoredRun | None], Decision | str]
    ) -> int:
        """Do its next items that nothing was done with yet.

        Args:
            limit: how many at most.
            decide: what becomes of a run, or why it is skipped.

        Returns:
            How many were done; 0 when nothing is left.
        """
        todo = (ITEM.c.plan_id == self.plan.id) & ITEM.c.why.is_(None) & ITEM.c.done_at.is_(None)
        rows = self._connection.execute(select(ITEM).where(todo).order_by(ITEM.c.run_id).limit(limit)).all()
        items = [to_item(row) for row in rows]
        if not items:
            return 0
        found = hold_runs(self._connection, [item.run_id for item in items])
        decided = [(item, decide(item, found.get(item.run_id))) for item in items]
        decisions = [one for _, one in decided if isinstance(one, Decision)]
        if decisions:
            advance(self._connection, decisions)
        values = [
            {
                "b_plan": self.plan.id,
                "b_run": item.run_id,
                "b_skipped": one if isinstance(one, str) else None,
                "b_replayed_seq": one.entry.seq if isinstance(one, Decision) else None,
                "b_done_at": now,
            }
            for item, one in decided
        ]
        self._connection.execute(_SETTLE, values)
        return len(items)


def _plan(connection: Connection, plan_id: str, *, hold: bool = False) -> ReplayPlan:
    query = select(PLAN).where(PLAN.c.id == plan_id)
    row = connection.execute(query.with_for_update() if hold else query).first()
    if row is None:
        raise NotFound(f"There is no plan {plan_id!r} of a replay; `overstap replay list` shows those there are.")
    return to_plan(row)


def to_plan(row: Row[Any]) -> ReplayPlan:
    """A plan as its row has it."""
    return ReplayPlan(**{name: row._mapping[name] for name in PLAN.c.keys()})  # noqa: SLF001, SIM118 - columns


def _items(connection: Connection, plan_id: str) -> list[ReplayItem]:
    rows = connection.execute(select(ITEM).where(ITEM.c.plan_id == plan_id).order_by(ITEM.c.run_id))
    return [to_item(row) for row in rows]


def to_item(row: Row[Any]) -> ReplayItem:
    """An item of a plan as its row has it."""
    return ReplayItem(**{name: row._mapping[name] for name in ITEM.c.keys() if name != "plan_id"})  # noqa: SLF001, SIM118


def _pages(of: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (of[first : first + _PAGE] for first in range(0, len(of), _PAGE))
