"""A workflow file that would leave a run hanging is refused with its file, line and reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overstap.workflow.definition import WorkflowError, load_definition
from overstap.workflow.document import Document

GOOD = """\
workflow: errand
version: 1
chart:
  states:
    walking:
      initial: true
      transitions:
        - {event: arrived, target: waiting}
        - {event: lost, target: home}
    waiting:
      transitions:
        - {event: served, target: home}
        - {event: closed, target: home}
    home: {final: true}
states:
  walking:
    steps: [walk]
    on_stop: lost
    retry: {first: 1s, factor: 2, most: 1m, jitter: 0.1, attempts: 3}
    locks: [door]
  waiting:
    await: [served]
    deadline: {after: 1h, event: closed}
"""
STEPS = {"walk": frozenset({"arrived"}), "sit": frozenset[str]()}


def problems_of(tmp_path: Path, text: str) -> list[tuple[int, str]]:
    """Line and reason of each problem."""
    path = tmp_path / "errand.v1.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(WorkflowError) as caught:
        load_definition(path, STEPS)
    found = []
    for problem in caught.value.problems:
        assert problem.startswith(f"{path}:")
        line, reason = problem.removeprefix(f"{path}:").split(": ", 1)
        found.append((int(line), reason))
    return found


def test_the_good_file_is_good(tmp_path: Path) -> None:
    path = tmp_path / "errand.v1.yaml"
    path.write_text(GOOD, encoding="utf-8")

    assert "errand" == load_definition(path, STEPS).name


ARRIVED = "        - {event: arrived, target: waiting}\n"
BROKEN = {
    "unknown key at the top": (
        "version: 1",
        "version: 1\ncolour: red",
        3,
        "unknown key 'colour'; allowed here: workflow,",
    ),
    "unknown key of a state": ("    locks:", "    lock:", 20, "unknown key 'lock'; allowed here: steps, on_done,"),
    "unknown key of a deadline": (
        "{after: 1h,",
        "{after: 1h, at: noon,",
        23,
        "unknown key 'at'; allowed here: after, event",
    ),
    "missing key": ("workflow: errand\n", "", 1, "the key 'workflow' is missing"),
    "version that is text": ("version: 1", "version: '1'", 2, "version: input should be a valid integer"),
    "version below one": ("version: 1", "version: 0", 2, "version: input should be greater than or equal to 1"),
    "name that is none": ("workflow: errand", "workflow: My Errand", 1, "'My Errand' is not a name"),
    "wrong duration": ("after: 1h", "after: soon", 23, "'soon' is not a duration; write it like"),
    "duration without a unit": ("after: 1h", "after: 60", 23, "60 is not a duration; write it like"),
    "duration of nothing": ("after: 1h", "after: 0s", 23, "'0s' is too short"),
    "longest wait below the first": ("most: 1m", "most: 10ms", 19, "the longest wait (most: 10ms) is shorter"),
    "factor that shrinks": ("factor: 2", "factor: 0.5", 19, "factor: input should be greater than or equal to 1"),
    "steps that are no list": ("steps: [walk]", "steps: walk", 17, "steps: input should be a valid list"),
    "syntax error": ("steps: [walk]", "steps: [walk", 18, "not valid YAML: "),
    "duplicate key": (
        "    on_stop: lost\n",
        "    on_stop: lost\n    on_stop: lost\n",
        19,
        "the key 'on_stop' is given twice",
    ),
    "alias": ("locks: [door]", "locks: *door", 20, "not valid YAML: aliases are not allowed"),
    "key that is no text": ("  waiting:\n    await", "  7:\n    await", 21, "the key '7' is not text"),
    "value that is not of its tag": ("factor: 2", "factor: !!float many", 19, "'many' cannot be read as float"),
    "two documents": ("version: 1", "---\nversion: 1", 2, "not valid YAML: "),
    "guard": ("arrived, target: waiting}", "arrived, target: waiting, cond: dry}", 8, "'cond' is a guard"),
    "callback": ("arrived, target: waiting}", "arrived, target: waiting, on: sing}", 8, "'on' is a callback"),
    "callback of a state": (
        "    waiting:\n      tr",
        "    waiting:\n      enter: sing\n      tr",
        11,
        "'enter' is a callback",
    ),
    "nested states": (
        "    waiting:\n      tr",
        "    waiting:\n      states: {inner: {}}\n      tr",
        11,
        "'states' is nested states",
    ),
    "parallel states": (
        "    waiting:\n      tr",
        "    waiting:\n      parallel: true\n      tr",
        11,
        "'parallel' is parallel",
    ),
    "history state": (
        "    waiting:\n      tr",
        "    waiting:\n      history: {h: {}}\n      tr",
        11,
        "'history' is a history",
    ),
    "invocation": (
        "    waiting:\n      tr",
        "    waiting:\n      invoke: {src: x}\n      tr",
        11,
        "'invoke' is an invocation",
    ),
    "delayed send": (
        "    waiting:\n      tr",
        "    waiting:\n      exit: {send: {event: a, delay: 1s}}\n      tr",
        11,
        "'exit' is a",
    ),
    "datamodel": ("chart:\n", "chart:\n  datamodel: {x: '1'}\n", 4, "'datamodel' is a datamodel"),
    "unknown key of the chart": (
        "arrived, target: waiting}",
        "arrived, to: waiting}",
        8,
        "unknown key 'to'; allowed here: event, target",
    ),
    "transitions that are no list": ("{final: true}", "{final: true, transitions: 3}", 14, "not a statechart: "),
    "transition without event": ("{event: arrived, target", "{target", 8, "the transition has no `event`"),
    "transition without target": ("arrived, target: waiting}", "arrived}", 8, "the transition has no `target`"),
    "unknown target": (
        "lost, target: home",
        "lost, target: hoem",
        9,
        "the state 'hoem' is unknown; the chart has: walking",
    ),
    "event given twice": (
        "event: closed, target: home}",
        "event: served, target: home}",
        13,
        "the event 'served' is twice",
    ),
    "event of two words": ("event: arrived,", "event: arrived late,", 8, "'arrived late' is no name for an event"),
    "event that the library calls": (
        "event: arrived,",
        "event: on_enter_waiting,",
        8,
        "the event 'on_enter_waiting' has a name that",
    ),
    "event named as the library's own": (
        "event: arrived,",
        "event: send,",
        8,
        "the event 'send' has a name that the statechart",
    ),
    "event named as a state": ("event: arrived,", "event: home,", 8, "'home' is an event and a state"),
    "no initial state": ("      initial: true\n", "", 4, "exactly one state has `initial: true`; none has it"),
    "two initial states": (
        "{final: true}",
        "{final: true, initial: true}",
        4,
        "exactly one state has `initial: true`; these",
    ),
    "no end": (
        "home: {final: true}",
        "home: {transitions: [{event: go, target: walking}]}",
        4,
        "no state has `final: true`",
    ),
    "way on from an end": (
        "{final: true}",
        "{final: true, transitions: [{event: go, target: walking}]}",
        14,
        "the state 'home' is final",
    ),
    "unreachable state": (ARRIVED, ARRIVED.replace("waiting", "home"), 10, "the state 'waiting' is unreachable"),
    "trap": ("{final: true}", "{final: true}\n    hole: {}", 15, "the state 'hole' has no entry"),
    "unknown state": (
        "  waiting:\n    await",
        "  sleeping:\n    await",
        21,
        "the state 'sleeping' is unknown; the chart has",
    ),
    "waiting without deadline": (
        "    deadline: {after: 1h, event: closed}\n",
        "",
        22,
        "the state 'waiting' waits without a deadline",
    ),
    "waiting at work without deadline": (
        "on_stop: lost",
        "await: [lost]",
        18,
        "the state 'walking' waits without a deadline",
    ),
    "neither work nor waiting": ("    await: [served]\n", "", 21, "the state 'waiting' does nothing"),
    "unknown deadline event": (
        "event: closed}\n",
        "event: shut}\n",
        23,
        "the event 'shut' is unknown: the state 'waiting' has",
    ),
    "unknown on_stop": ("on_stop: lost", "on_stop: astray", 18, "the event 'astray' is unknown"),
    "unknown on_done": ("on_stop: lost", "on_done: served", 18, "the event 'served' is unknown"),
    "unknown awaited event": ("await: [served]", "await: [fed]", 22, "the event 'fed' is unknown"),
    "event of a step unknown": (
        "event: arrived,",
        "event: there,",
        17,
        "the event 'arrived' of the step 'walk' is unknown",
    ),
    "deadline that leads back": (
        "closed, target: home",
        "closed, target: waiting",
        23,
        "the deadline of 'waiting' leads back",
    ),
    "unknown step": ("[walk]", "[walk, run]", 17, "the step 'run' is unknown; registered are: sit, walk"),
    "step given twice": ("[walk]", "[walk, walk]", 17, "the step 'walk' is twice in the state 'walking'"),
    "dead end": ("[walk]", "[sit]", 17, "the state 'walking' is a dead end"),
    "event that nobody sends": ("    on_stop: lost\n", "", 7, "nobody sends 'lost' in the state 'walking'"),
    "on_done without steps": (
        "    await:",
        "    on_done: served\n    await:",
        22,
        "the state 'waiting' has no steps, so `on_done`",
    ),
    "end that locks": (
        "  waiting:\n    await",
        "  home: {locks: [door]}\n  waiting:\n    await",
        21,
        "the final state 'home' does nothing",
    ),
}


@pytest.mark.parametrize(("old", "new", "line", "reason"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_refused_with_line_and_reason(
    tmp_path: Path, old: str, new: str, line: int, reason: str
) -> None:
    assert 1 == GOOD.count(old)

    found = problems_of(tmp_path, GOOD.replace(old, new))

    assert [(line, reason)] == [
        (at, why[: len(reason)]) for at, why in found if (at, why[: len(reason)]) == (line, reason)
    ], found


def test_a_state_without_a_way_out_is_a_trap(tmp_path: Path) -> None:
    text = GOOD.replace("lost, target: home", "lost, target: hole").replace(
        "    home: {f", "    hole: {}\n    home: {f"
    )

    found = problems_of(tmp_path, text + "  hole: {steps: [sit]}\n")

    assert (14, "the state 'hole' is a trap: it has no transitions and is not final") in found


def test_states_that_only_lead_to_each_other_never_reach_an_end(tmp_path: Path) -> None:
    text = GOOD.replace("served, target: home", "served, target: walking").replace(
        "lost, target: home", "lost, target: waiting"
    )
    text = text.replace("closed, target: home", "closed, target: walking")

    reasons = [reason for _, reason in problems_of(tmp_path, text)]

    assert 2 == sum("never reaches an end" in reason for reason in reasons)
    assert 1 == sum("'home' is unreachable" in reason for reason in reasons)


def test_all_problems_are_told_at_once_by_line(tmp_path: Path) -> None:
    text = GOOD.replace("version: 1", "version: one").replace("locks:", "lock:").replace("after: 1h", "after: soon")

    assert [2, 20, 23] == [line for line, _ in problems_of(tmp_path, text)]


@pytest.mark.parametrize(
    "text", ["", "[]", "just words", "3", "chart: 3", "chart: {states: 3}", "chart: {states: {a: 3}}", "? [a]\n: b"]
)
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, text: str) -> None:
    assert problems_of(tmp_path, text)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkflowError, match=r"b\.yaml:2: this is not UTF-8 text"):
        Document(tmp_path / "b.yaml", b"a: b\n\xff\xfe")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkflowError, match=r"none\.yaml:1: the file cannot be read"):
        load_definition(tmp_path / "none.yaml", STEPS)


def test_on_and_off_are_words(tmp_path: Path) -> None:
    assert {"on": "off", "yes": True, "day": "2026-03-01"} == Document(
        tmp_path, b"on: off\nyes: true\nday: 2026-03-01"
    ).data


def test_steps_are_not_looked_at_when_none_are_given(tmp_path: Path) -> None:
    path = tmp_path / "errand.v1.yaml"
    path.write_text(GOOD.replace("[walk]", "[fly]"), encoding="utf-8")

    assert ("fly",) == load_definition(path, None).states["walking"].steps


@given(content=st.binary() | st.text().map(str.encode))
def test_any_bytes_are_read_or_refused_with_a_line(content: bytes) -> None:
    try:
        problems: tuple[str, ...] = ()
        Document(Path("file.yaml"), content)
    except WorkflowError as error:
        problems = error.problems

    assert [] == [problem for problem in problems if not problem.startswith("file.yaml:")]
