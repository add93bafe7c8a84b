"""The demo: how fast its clock runs, how it tells the endings apart, and one performance."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overstap.entrypoints.demo.endings import Ending, ending, why
from overstap.entrypoints.demo.pace import speed_for, worth_changing
from overstap.entrypoints.demo.script import Pacing, read_script
from overstap.errors import BadInput
from overstap.settings import data_path
from overstap.store.runs import StoredRun
from overstap.workflow.run import JournalEntry, Kind, Run, Status

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PACING = Pacing(speed=300, leap=0.8)


def stored(state: str = "credit_check", status: Status = Status.WAITING, **changes: Any) -> StoredRun:
    run = Run(
        id="R", workflow="plan_change", version=1, digest="d", tenant_id="T", input={}, state=state, status=status,
        created_at=NOON, updated_at=NOON,
    )  # fmt: skip
    values: dict[str, Any] = {
        "run": run, "subscription_id": "S", "target_plan": "e3", "due_at": None, "claimed_by": None, "claim_token": 0,
        "claim_until": None, "idempotency_key": None,
    }  # fmt: skip
    return StoredRun(**{**values, **changes})


def test_the_clock_keeps_its_ordinary_speed_while_anything_is_under_way() -> None:
    parked = stored(due_at=NOON + timedelta(days=14))
    held = replace(parked, claimed_by="worker")
    migrating = stored("migrating", Status.READY, due_at=NOON)

    assert speed_for([parked, migrating], NOON, PACING) == 300
    assert speed_for([parked, held], NOON, PACING) == 300
    assert speed_for([], NOON, PACING) == 300


def test_the_clock_hurries_while_everything_is_parked_and_minds_only_what_has_not_ended() -> None:
    parked = stored(due_at=NOON + timedelta(days=14))
    done = stored("completed", Status.ENDED)

    assert speed_for([parked, done], NOON, PACING) == timedelta(days=14).total_seconds() / 0.8


@given(left=st.integers(0, 20 * 86400), stall=st.floats(0, 0.79))
def test_a_machine_that_stalls_for_less_than_the_leap_never_jumps_over_the_next_moment(left: int, stall: float) -> None:
    speed = speed_for([stored(due_at=NOON + timedelta(seconds=left))], NOON, PACING)

    ran = speed * stall

    assert ran <= max(left, PACING.speed * stall)


def test_a_speed_is_set_anew_only_for_a_difference_that_shows() -> None:
    assert [False, True, True] == [worth_changing(300, wanted) for wanted in (310, 400, 200)]


def entry(event: str | None, to_state: str) -> JournalEntry:
    return JournalEntry(run_id="R", seq=1, at=NOON, kind=Kind.TRANSITION, event=event, to_state=to_state)


@pytest.mark.parametrize(
    ("state", "way", "expected"),
    [
        ("completed", [("order_accepted", "migrating"), ("settled", "completed")], Ending.COMPLETED),
        ("completed", [("migration_overdue", "escalated"), ("settled", "completed")], Ending.RECOVERED),
        ("failed", [("credit_window_expired", "rolling_back"), ("rolled_back", "failed")], Ending.EXPIRED),
        ("failed", [("credit_declined", "rolling_back"), ("rolled_back", "failed")], Ending.DECLINED),
        ("failed", [("migration_failed", "rolling_back"), ("rolled_back", "failed")], Ending.ROLLED_BACK),
        ("failed", [("not_eligible", "failed")], Ending.FAILED),
        ("cancelled", [("cancel", "rolling_back"), ("withdrawn", "cancelled")], Ending.CANCELLED),
    ],
)
def test_an_ending_is_read_from_the_journal(state: str, way: list[tuple[str, str]], expected: Ending) -> None:
    run = stored(state, Status.ENDED).run

    assert expected is ending(run, [entry(*step) for step in way])


def test_the_reason_of_a_rollback_is_told_where_there_is_one() -> None:
    stopped = replace(entry("migration_failed", "rolling_back"), data={"error": "the provider says no"})

    assert why([entry("order_accepted", "migrating"), stopped]) == "the provider says no"
    assert why([entry("credit_window_expired", "rolling_back")]) is None
    assert why([entry("settled", "completed")]) is None


def test_a_run_that_is_under_way_has_not_ended() -> None:
    assert ending(stored().run, []) is Ending.UNENDED


def test_the_script_names_its_tenants_by_folder_and_the_settings_by_id() -> None:
    script = read_script(data_path("demo"))

    ids = {tenant.id for tenant in script.tenants}
    assert len(script.orders) == len(ids) == 11
    assert script.settings["embedded"]["tenants"].keys() <= ids
    assert {fault["tenant"] for fault in script.settings["embedded"]["faults"]} <= ids


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("changes = [", "expected a TOML file"),
        ("changes = []", "changes"),
        ('[[changes]]\ntenant = "nobody"\nto = "e3"', "no tenant 'nobody'"),
        ('[clock]\nspeed = 0\n[[changes]]\ntenant = "a"\nto = "e3"', "clock.speed"),
    ],
)
def test_a_wrong_script_is_refused_with_its_file_and_place(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "demo.toml").write_text(text)

    with pytest.raises(BadInput) as refused:
        read_script(tmp_path)

    assert str(tmp_path / "demo.toml") in str(refused.value)
    assert reason in str(refused.value)


def test_the_demo_takes_no_database_of_somebody_else(bare: Callable[..., Any], tmp_path: Path) -> None:
    said = bare("demo", "--database", f"sqlite:///{tmp_path}/mine.db")

    assert said.code == 2
    assert "--database-dir" in said.err


def test_a_demo_that_nobody_watches_ends_by_itself(tmp_path: Path) -> None:
    folder = tmp_path / "script"
    shutil.copytree(data_path("demo") / "northwind-dental", folder / "northwind-dental")
    (folder / "demo.toml").write_text(
        '[clock]\nspeed = 600\n[[changes]]\ntenant = "northwind-dental"\nto = "e3"\n'
        '[[encore]]\ntenant = "northwind-dental"\nto = "e4"\n'
    )
    command = [sys.executable, "-m", "overstap", "demo"]
    environment = {**os.environ, "OVERSTAP_DEMO_DIR": str(folder), "OVERSTAP_EMBEDDED__MOVE_TIME": "1s"}

    played = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert (1, "") == (played.returncode, played.stderr)
    assert "Northwind Dental, e1 → e3" in played.stdout
    assert "No tenant shows this ending: rolled back." in played.stdout
    assert "The console stays" not in played.stdout


@pytest.fixture
def staying(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    # At the demo's own speed: a faster one lets other changes escalate while the machine is busy.
    command = [sys.executable, "-m", "overstap", "demo", "--stay"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def upto(process: subprocess.Popen[str], words: str) -> list[str]:
    """The lines that a process says, to the first with these words."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.rstrip())
        if words in line:
            return lines
    raise AssertionError(f"it never said {words!r}:\n" + "\n".join(lines))


def test_the_demo_shows_every_ending_in_a_console_too_and_stays_for_who_looks_around(
    staying: subprocess.Popen[str],
) -> None:
    link = upto(staying, "Console:")[-1].split()[1]
    address = link.split("/api/")[0]
    with httpx.Client(base_url=address, follow_redirects=True) as staff:
        console = staff.get(link)
        assert (200, "/console") == (console.status_code, console.url.path)

        assert staff.get("/api/v1/runs").json()["items"]
        said = "\n".join(upto(staying, "The console stays"))
        summary = said[said.index("How it ended") :]
        for words in (
            "completed", "escalated and recovered  Harbour Logistics", "expired after two weeks  Van Dijk Advocaten",
            "credit declined          Stichting Het Anker", "rolled back              Lakeside Clinic",
            "refused                  Tuincentrum Groen: Licence conflict: two users need valid licences", "no breach",
        ):  # fmt: skip
            assert words in summary

        token = upto(staying, "ovs_")[-1].strip()
        going = {run["target_plan"]: run["state"] for run in staff.get("/api/v1/runs?limit=4").json()["items"]}
        assert {"e4", "education-a3", "e3", "midsize"} == going.keys()
    with httpx.Client(base_url=address) as guest:
        guest.post("/sign-in", data={"token": token, "to": "/"})
        me = guest.get("/api/v1/me").json()
        assert (["tenant_admin"], "jan.devries@bakkerijdevries.onmicrosoft.com") == (me["roles"], me["upn"])

    staying.send_signal(signal.SIGINT)
    _, complaints = staying.communicate(timeout=30)
    # Graphviz brings a fontconfig of its own, which may be older than the machine's files for it.
    ours = [line for line in complaints.splitlines() if not line.startswith("Fontconfig warning")]
    assert (0, []) == (staying.returncode, ours)
