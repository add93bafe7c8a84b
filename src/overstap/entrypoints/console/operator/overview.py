"""The overview."""

from __future__ import annotations

import htpy as h

from overstap.entrypoints.console.frame import frame
from overstap.entrypoints.console.live import Live, spot
from overstap.entrypoints.console.pages import page
from overstap.entrypoints.console.parts import show, state, table
from overstap.entrypoints.console.visit import Visit, desk
from overstap.language import lazy_gettext
from overstap.store.gauges import Gauges

_TITLE = lazy_gettext("Overview")


@page("/console", _TITLE, "count_runs")
async def overview(visit: Visit) -> None:
    """How everything stands."""
    found = await visit.ask(visit.app.dashboard.look)

    def spots(found: Gauges) -> dict[str, h.Node]:
        return {f"count-{w}-{s}": str(n) for (w, s), n in found.runs.items()}

    with frame(visit, visit.say(_TITLE)):
        show(
            table(
                "Runs",
                ["workflow", "state", "runs"],
                [[w, state(s), spot(f"count-{w}-{s}", str(n))] for (w, s), n in found.runs.items()],
                [2],
            )
        )
    live = Live(visit, lambda: desk().looks.look("overview", visit.app.dashboard.look), spots)
    live.knows(spots(found))
