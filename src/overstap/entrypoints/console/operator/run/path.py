"""The way that a run took through its workflow's chart."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from overstap.entrypoints.console.parts import tone
from overstap.entrypoints.console.visit import Visit
from overstap.language import lazy_gettext
from overstap.workflow.run import Run
from overstap.workflow.spells import Visit as Stay


def marks(stays: Sequence[Stay]) -> dict[str, str]:
    """The classes of states and transitions of a chart: gone through, or where the run is; an end has its colour."""
    gone = {f"{before.state}/{after.event}": "past" for before, after in itertools.pairwise(stays) if after.event}
    last = stays[-1]
    here = f"here {tone(last.state)}" if last.left is not None else "here"
    return gone | {one.state: "past" for one in stays} | {last.state: here}


def in_words(visit: Visit, run: Run, stays: Sequence[Stay]) -> str:
    """The same for who cannot see the chart."""
    return visit.say(
        lazy_gettext("The chart of {workflow} version {version}. The way of this run: {path}."),
        workflow=run.workflow,
        version=str(run.version),
        path=" → ".join(one.state for one in stays),
    )
