"""Two operators who run the same plan at the same moment, in real processes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from overstap.app.replay_planning import Wish
from overstap.store.acts_log import ACT
from overstap.store.books import OPERATION
from overstap.workflow.replay import DeadlinePolicy
from overstap.workflow.run import Kind

if TYPE_CHECKING:
    from tests.faults.conftest import Office

RUNS = 110
CONFIG = """
[replay]
approve_runs = 1000
approve_amount = "1000000.00"
"""


@pytest.mark.rule("J7")
def test_two_operators_who_run_one_plan_at_once_have_one_receipt_and_one_set_of_effects(
    office: Callable[[str], Office],
) -> None:
    one = office(CONFIG)
    runs = one.submit(RUNS)
    plan, _ = one.app.replays.plan(runs, Wish(DeadlinePolicy.parse("keep")), actor="operator:ann")
    command = [sys.executable, "-m", "overstap", "replay", "run", plan.id, "--no-wait", "--json"]
    command += ["--database", one.url, "--config", str(one.config), "--reason"]

    both = [
        subprocess.Popen([*command, reason], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for reason in ("mine", "no, mine")
    ]
    said = [process.communicate(timeout=60) for process in both]

    assert [0, 0] == [process.returncode for process in both], said
    receipts = [json.loads(out)["executed"] for out, _ in said]
    assert receipts[0] == receipts[1]
    journals = [one.app.runs.journal(run) for run in runs]
    assert [1] * RUNS == [sum(entry.kind is Kind.REPLAYED for entry in journal) for journal in journals]
    assert {receipts[0]["reason"]} == {journal[1].data["reason"] for journal in journals}
    with one.app.database.read() as connection:
        assert 1 == connection.execute(select(func.count()).where(ACT.c.kind == "replay_run")).scalar_one()

    one.start_worker("--until-idle").end()

    assert {"completed": RUNS} == one.states()
    assert one.app.replays.receipt(plan.id).passed
    with one.app.database.read() as connection:
        query = select(OPERATION.c.tenant_id, OPERATION.c.operation).group_by(
            OPERATION.c.tenant_id, OPERATION.c.operation
        )
        assert [] == connection.execute(query.having(func.count() > 1)).all()
    assert one.app.verify().ok
