"""The pictures of charts."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import htpy as h
import pytest

from overstap.entrypoints.console.charts import chart
from overstap.workflow.definition import Definition, load_definition
from overstap.workflow.picture import picture

WORKFLOWS = sorted(Path("workflows").glob("*.yaml"))


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.stem)
def definition(request: pytest.FixtureRequest) -> Definition:
    return load_definition(request.param, None)


def test_a_picture_has_every_state_and_every_transition_once(definition: Definition) -> None:
    drawn = picture(definition)
    assert [one.name for one in drawn.states] == list(definition.states)
    assert sorted((one.source, event, one.target) for one in drawn.moves for event in one.events) == sorted(
        (source, event, target) for source, moves in definition.chart.moves.items() for event, target in moves.items()
    )


def test_no_two_states_of_a_picture_lie_upon_each_other(definition: Definition) -> None:
    states = picture(definition).states
    for first in states:
        for second in states:
            apart = abs(first.x - second.x) >= (first.width + second.width) / 2
            assert first is second or apart or abs(first.y - second.y) >= (first.height + second.height) / 2


def test_pictures_may_be_made_in_several_threads_at_once() -> None:
    definitions = [load_definition(path, None) for path in WORKFLOWS * 4]
    with ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(picture, definitions))
    assert drawn[: len(WORKFLOWS)] == drawn[-len(WORKFLOWS) :]


def test_what_a_page_says_of_a_state_or_a_transition_stands_at_it() -> None:
    made = str(
        chart(
            load_definition(Path("workflows/plan_change.v1.yaml"), None),
            "How a change goes <&>",
            links={"migrating": "/console/runs?state=migrating", "credit_check/cancel": "/elsewhere"},
            marks={"migrating": "here", "submitted/order_accepted": "past"},
            spots={"migrating": h.b["12"]},
        )
    )
    assert 'aria-label="How a change goes &lt;&amp;&gt;"' in made
    assert re.search(
        r'<a href="/console/runs\?state=migrating"><g class="state here">.*?migrating</text>.*?<b>12</b>', made
    )
    assert re.search(r'<a href="/elsewhere"><text class="event"[^>]*>cancel</text></a>', made)
    assert re.search(r'<text class="event past"[^>]*>order_accepted</text>', made)
    assert made.count('<g class="arrow past">') == 1
