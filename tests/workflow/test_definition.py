"""What a workflow definition answers, and that it answers as the library does."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overstap.errors import NotFound
from overstap.workflow.definition import Deadline, Definition, RetryPolicy, WorkflowError, load_definition
from overstap.workflow.files import load_library

FOLDER = Path(__file__).parents[2] / "workflows"
SHIPPED = load_library(FOLDER, None).all()
PLAN_CHANGE = load_library(FOLDER, None).get("plan_change", 1)
ERRAND = """\
workflow: errand
version: 1
chart:
  states:
    walking: {initial: true, transitions: [{event: arrived, target: home}]}
    home: {final: true}
states:
  walking: {steps: [walk], on_done: arrived}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "errand.v1.yaml").write_text(ERRAND, encoding="utf-8")
    return tmp_path


def problems_of(folder: Path) -> tuple[str, ...]:
    with pytest.raises(WorkflowError) as caught:
        load_library(folder, None)
    return caught.value.problems


@pytest.mark.parametrize("definition", SHIPPED, ids=repr)
def test_the_memory_equals_the_library_for_every_state_and_event(definition: Definition) -> None:
    pairs = [(state, event) for state in definition.states for event in [*sorted(definition.events), "no_such_event"]]

    asked = {pair: definition.ask_library(*pair) for pair in pairs}

    assert asked == {pair: definition.next_state(*pair) for pair in pairs}
    assert asked == {pair: definition.next_state(*pair) for pair in pairs}
    assert asked == {(state, event): definition.chart.moves[state].get(event) for state, event in pairs}


@given(state=st.text(), event=st.text())
def test_words_that_nobody_knows_lead_nowhere(state: str, event: str) -> None:
    assert PLAN_CHANGE.next_state(state, event) is None
    assert PLAN_CHANGE.next_state("submitted", f"x{event}") is None


def test_many_threads_get_the_same_answers() -> None:
    fresh = load_definition(FOLDER / "plan_change.v1.yaml", None)

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(lambda _: fresh.next_state("submitted", "order_accepted"), range(64)))

    assert {"migrating"} == answers


@pytest.mark.rule("R32", "R34", "J5")
def test_the_shipped_plan_change_has_the_deadlines_and_locks_of_the_rules() -> None:
    states = PLAN_CHANGE.states
    whole = frozenset({"commerce", "portal", "licence"})

    assert Deadline(timedelta(days=14), "credit_window_expired", fixed=True) == states["credit_check"].deadline
    assert Deadline(timedelta(hours=1), "migration_overdue") == states["migrating"].deadline
    assert states["escalated"].deadline is None
    assert RetryPolicy(timedelta(seconds=2), 2, timedelta(minutes=5), 0.2, None) == states["migrating"].retry
    assert RetryPolicy(timedelta(minutes=1), 2, timedelta(minutes=15), 0.2, None) == states["escalated"].retry
    assert frozenset({"commerce"}) == states["credit_check"].locks
    assert {whole} == {states[name].locks for name in ("migrating", "escalated", "licenses_reassigned")}
    assert {"completed", "failed", "cancelled"} == {name for name, spec in states.items() if spec.final}


def test_a_state_reaches_itself_and_what_comes_after_it() -> None:
    assert frozenset({"rolling_back", "failed", "cancelled"}) == PLAN_CHANGE.reachable("rolling_back")
    assert frozenset({"completed"}) == PLAN_CHANGE.reachable("completed")
    assert frozenset(PLAN_CHANGE.states) == PLAN_CHANGE.reachable("submitted")


def test_an_escalation_is_where_a_deadline_leads_and_every_end_is_still_open() -> None:
    manual = load_library(FOLDER, None).latest("manual_change")

    assert frozenset({"escalated"}) == PLAN_CHANGE.escalations  # and not rolling_back, which a deadline leads into too
    assert frozenset({"escalated", "domain_overdue"}) == manual.escalations


def test_the_digest_is_that_of_the_file() -> None:
    content = (FOLDER / "plan_change.v1.yaml").read_bytes()

    assert hashlib.sha256(content).hexdigest() == PLAN_CHANGE.digest


def test_every_picture_shows_every_state_and_event() -> None:
    drawings = [PLAN_CHANGE.draw(fmt) for fmt in ("mermaid", "dot", "svg", "table")]

    for drawing in drawings:
        assert [] == [word for word in [*PLAN_CHANGE.states, *PLAN_CHANGE.events] if word not in drawing]
    assert "migrating --> escalated : migration_overdue" in drawings[0]
    assert "</svg>" in drawings[2]


def test_a_drawing_is_the_same_each_time() -> None:
    again = load_definition(FOLDER / "plan_change.v1.yaml", None)

    assert PLAN_CHANGE.draw("dot") == again.draw("dot")


def test_new_runs_follow_the_highest_version_and_old_ones_their_own(folder: Path) -> None:
    for version in (2, 10):
        text = ERRAND.replace("version: 1", f"version: {version}")
        (folder / f"errand.v{version}.yaml").write_text(text, encoding="utf-8")

    library = load_library(folder, None)

    assert 10 == library.latest("errand").version
    assert 2 == library.get("errand", 2).version
    assert [1, 2, 10] == [definition.version for definition in library.all()]


def test_a_workflow_that_is_not_there_is_not_found(folder: Path) -> None:
    library = load_library(folder, None)

    with pytest.raises(NotFound, match=r"no workflow errand v2\. Known are: errand v1\."):
        library.get("errand", 2)
    with pytest.raises(NotFound, match="no workflow erand"):
        library.latest("erand")


def test_a_released_file_that_changed_stops_the_start_and_is_named(folder: Path) -> None:
    path = folder / "errand.v1.yaml"
    digest = load_definition(path, None).digest
    (folder / "released.toml").write_text(f'errand.v1 = "{digest}"\n', encoding="utf-8")
    assert digest == load_library(folder, None).latest("errand").digest

    path.write_text(ERRAND + "# a word more\n", encoding="utf-8")

    (problem,) = problems_of(folder)
    assert problem.startswith(f"{path}:1: the released file has changed")
    assert digest in problem


def test_a_released_file_that_is_gone_stops_the_start(folder: Path) -> None:
    (folder / "released.toml").write_text('errand.v7 = "00"\n', encoding="utf-8")

    (problem,) = problems_of(folder)

    assert problem.startswith(f"{folder / 'errand.v7.yaml'}:1: the released file is missing")


@pytest.mark.parametrize("record", ["errand = 1", "errand.v1 = 1", "errand.v1 =", "= ="])
def test_a_record_of_releases_that_cannot_be_read_stops_the_start(folder: Path, record: str) -> None:
    (folder / "released.toml").write_text(record, encoding="utf-8")

    (problem,) = problems_of(folder)

    assert problem.startswith(f"{folder / 'released.toml'}:1: ")


@pytest.mark.parametrize("name", ["errand.yaml", "errand.v01.yaml", "errand.v2.yaml", "other.v1.yaml", "errand.v1.yml"])
def test_a_file_whose_name_does_not_say_what_it_holds_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(ERRAND, encoding="utf-8")

    (problem,) = problems_of(tmp_path)

    assert problem.startswith(f"{tmp_path / name}:1: ")
    assert "name" in problem


def test_all_files_of_a_folder_are_checked_before_it_stops(folder: Path) -> None:
    (folder / "errand.v2.yaml").write_text("version: 2", encoding="utf-8")
    (folder / "errand.v3.yaml").write_text("[", encoding="utf-8")

    files = {problem.split(":")[0] for problem in problems_of(folder)}

    assert {str(folder / "errand.v2.yaml"), str(folder / "errand.v3.yaml")} == files


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert (f"{tmp_path / 'none'}:1: there is no such folder of workflows",) == problems_of(tmp_path / "none")
