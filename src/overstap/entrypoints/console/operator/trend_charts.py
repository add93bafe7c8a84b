"""The last hours as charts: how many runs were submitted and ended, and how long the completed ones took."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import htpy as h
from nicegui import ui

from overstap.app.trends import Point, Trend, Window
from overstap.entrypoints.console.live import Live, spot
from overstap.entrypoints.console.operator.standing import told
from overstap.entrypoints.console.parts import address, show, table, time
from overstap.entrypoints.console.visit import Visit, desk
from overstap.errors import BadInput
from overstap.language import Language, Message, lazy_gettext

_EVERY = 10.0
"""Seconds between two looks; the points of the charts are minutes."""
_WINDOWS: dict[Window, Message] = {
    Window.HOUR: lazy_gettext("1 hour"),
    Window.QUARTER: lazy_gettext("6 hours"),
    Window.DAY: lazy_gettext("24 hours"),
}
_PER: dict[Window, Message] = {
    Window.HOUR: lazy_gettext("Runs per minute"),
    Window.QUARTER: lazy_gettext("Runs per 5 minutes"),
    Window.DAY: lazy_gettext("Runs per half hour"),
}
_SUBMITTED, _ENDED = lazy_gettext("submitted"), lazy_gettext("ended")
_MEDIAN, _P95 = lazy_gettext("half took at most"), lazy_gettext("95 of 100 took at most")
_TOOK = lazy_gettext("From submission to completion")
_DURATION = "seconds => overstap.lasting(1000 * seconds)"
_NO_TIME = "—"


def window_of(visit: Visit) -> Window:
    """How far back the charts of a page go; its address says it.

    Raises:
        BadInput: when it says something else.
    """
    asked = visit.query("window") or Window.HOUR
    try:
        return Window(asked)
    except ValueError:
        raise BadInput(f"window: {asked!r} is none of {', '.join(Window)}.") from None


class TrendCharts:
    """The charts of one page, kept up to date."""

    def __init__(self, visit: Visit, trend: Trend) -> None:
        self._visit = visit
        self._shown = trend
        self._charts: tuple[ui.echart, ui.echart] | None = None

    @classmethod
    async def ask(cls, visit: Visit, window: Window) -> TrendCharts:
        """The charts about a window."""
        return cls(visit, await _look(visit, window))

    def put(self) -> None:
        """Put them on the page."""
        visit, trend = self._visit, self._shown
        say, window = visit.say, trend.window
        with ui.element("section").classes("stack").props('id="trend"'):
            show(
                h.div(".heading")[
                    h.h2[say(lazy_gettext("The last hours"))],
                    h.nav(".windows", aria_label=say(lazy_gettext("How far back")))[
                        (
                            h.a(
                                href=address("/console", window=one.value) + "#trend",
                                aria_current="true" if one is window else None,
                            )[say(name)]
                            for one, name in _WINDOWS.items()
                        )
                    ],
                ]
            )
            spots = self._spots(trend)
            show(spot("trend-whole", spots["trend-whole"], h.div))
            with ui.element("div").classes("grid"):
                amounts, took = _amounts(trend), _took(trend)
                self._charts = (
                    self._chart(_PER[window], _options(self._named(_SUBMITTED, _ENDED), amounts, "bar")),
                    self._chart(_TOOK, _options(self._named(_MEDIAN, _P95), took, "line")),
                )
            show(
                h.details(".as-table")[
                    h.summary[say(lazy_gettext("As a table"))], spot("trend-table", spots["trend-table"], h.div)
                ],
                spot("trend-note", spots["trend-note"], h.div),
                classes="stack",
            )
        live = Live(visit, lambda: _look(visit, window), self._spots, then=self._renew, every=_EVERY)
        live.knows(spots)

    def _named(self, *names: Message) -> list[str]:
        return [self._visit.say(one) for one in names]

    def _chart(self, title: Message, options: dict[str, Any]) -> ui.echart:
        say = self._visit.say
        with ui.element("figure").classes("card trend"):
            show(h.figcaption(".strong")[say(title)])
            made = ui.echart(options, renderer="svg").classes("trend-chart")
            told_ = say(lazy_gettext("{title}, over the last hours; the table below has the same numbers"), title=title)
            return made.props(f'role=img aria-label="{told_}"')

    def _renew(self, trend: Trend) -> None:
        if trend is self._shown or self._charts is None:
            return
        self._shown = trend
        amounts, took = _amounts(trend), _took(trend)
        for chart, lines, scale in zip(self._charts, (amounts, took), ({}, _scale(took)), strict=True):
            chart.run_chart_method("setOption", {"series": [{"data": line} for line in lines], "yAxis": scale})

    def _spots(self, trend: Trend) -> dict[str, str]:
        # Ten seconds apart and alike for all: not worth remembering.
        words = self._visit.words
        return {
            "trend-whole": told(_figures(words, trend.whole)),
            "trend-table": told(_table(words, trend)),
            "trend-note": told(_note(words, trend)),
        }


async def _look(visit: Visit, window: Window) -> Trend:
    return await desk().looks.look(("trend", window), lambda: visit.app.overview.trends.look(window))


def _figures(words: Language, whole: Point) -> h.Node:
    say, tell = words.say, words.tell
    pieces = [
        (h.b[tell(whole.submitted)], _SUBMITTED),
        (h.b[tell(whole.ended)], _ENDED),
        (h.b(".long")[_told_duration(words, whole.median)], _MEDIAN),
        (h.b(".long")[_told_duration(words, whole.p95)], _P95),
    ]
    return h.div(".figures")[(h.div(".figure")[piece, h.span[say(name)]] for piece, name in pieces)]


def _told_duration(words: Language, took: timedelta | None) -> str:
    return _NO_TIME if took is None else words.tell(took)


def _table(words: Language, trend: Trend) -> h.Node:
    say = words.say
    columns = [say(one) for one in (lazy_gettext("From"), _SUBMITTED, _ENDED, _MEDIAN, _P95)]
    full = [one for one in reversed(trend.points) if one.submitted or one.ended]
    if not full:
        return h.p(".hint")[say(lazy_gettext("Nothing was submitted and nothing ended in this time."))]
    rows = (
        [
            time(one.begins),
            words.tell(one.submitted),
            words.tell(one.ended),
            _told_duration(words, one.median),
            _told_duration(words, one.p95),
        ]
        for one in full
    )
    return table(say(lazy_gettext("The last hours in numbers")), columns, rows, [1, 2, 3, 4])


def _note(words: Language, trend: Trend) -> h.Node:
    before, after = words.say(
        lazy_gettext("Ends are counted of runs that were submitted since {moment}."), moment="\0"
    ).split("\0")
    return h.p(".hint")[
        before,
        time(trend.since),
        after,
        " ",
        words.say(
            lazy_gettext("There are very many: ends and durations are estimated from a part of them.")
            if trend.estimated
            else lazy_gettext("All of them were looked at.")
        ),
    ]


def _at(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _amounts(trend: Trend) -> tuple[list[Any], list[Any]]:
    # What is not over yet would look like a fall.
    over = trend.points[:-1]
    return [[_at(one.begins), one.submitted] for one in over], [[_at(one.begins), one.ended] for one in over]


def _took(trend: Trend) -> tuple[list[Any], list[Any]]:
    def line(values: Iterable[tuple[datetime, Any]]) -> list[Any]:
        return [[_at(begins), None if took is None else round(took.total_seconds(), 1)] for begins, took in values]

    return (
        line((one.begins, one.median) for one in trend.points),
        line((one.begins, one.p95) for one in trend.points),
    )


def _options(names: Sequence[str], lines: Sequence[list[Any]], kind: Literal["bar", "line"]) -> dict[str, Any]:
    """What ECharts draws: amounts as bars, durations as lines.

    The colours are the theme's own, which its SVG leaves to the browser.
    """
    label = {"color": "var(--muted)", "fontSize": 12}
    line = {"lineStyle": {"color": "var(--line)"}}
    tip = {":valueFormatter": f"seconds => seconds == null ? '{_NO_TIME}' : ({_DURATION})(seconds)"}
    of_kind: dict[str, Any] = (
        {"type": "bar", "barGap": "0%", "barCategoryGap": "25%"}
        if kind == "bar"
        else {"type": "line", "symbol": "circle", "symbolSize": 5, "connectNulls": True}
    )
    return {
        "animation": False,
        "color": ["var(--accent)", "var(--line-2)"],
        "textStyle": {"fontFamily": "system-ui, sans-serif"},
        "grid": {"left": 8, "right": 16, "top": 44, "bottom": 8, "containLabel": True},
        "legend": {"top": 0, "left": 0, "icon": "roundRect", "itemHeight": 4, "itemWidth": 18, "selectedMode": False,
                   "textStyle": {"color": "var(--ink)", "fontSize": 13}},
        "tooltip": {"trigger": "axis", "backgroundColor": "var(--surface)", "borderColor": "var(--line)",
                    "textStyle": {"color": "var(--ink)"}, "axisPointer": {"lineStyle": {"color": "var(--muted)"}},
                    **(tip if kind == "line" else {})},
        "xAxis": {"type": "time", "axisLabel": {**label, "hideOverlap": True}, "splitLine": {"show": False},
                  "axisLine": line, "axisTick": {"show": False}},
        "yAxis": {"type": "value", "min": 0, "splitLine": line,
                  **({"axisLabel": {**label, ":formatter": _DURATION}, **_scale(lines)} if kind == "line"
                     else {"axisLabel": label, "minInterval": 1})},
        "series": [
            {"name": name, "data": data, "lineStyle": {"width": 2.2, "type": dash}, "emphasis": {"disabled": True},
             **of_kind}
            for name, data, dash in zip(names, lines, ("solid", "dashed"), strict=True)
        ],
    }  # fmt: skip


_STEPS = (1, 5, 15, 30, 60, 300, 600, 900, 1800, 3600, 10800, 21600, 43200, 86400, 172800, 604800)
"""Seconds between two lines of a chart."""
_LINES = 4


def _scale(lines: Sequence[list[Any]]) -> dict[str, Any]:
    """Where the lines of a chart with durations are: at such as people would say."""
    most = max((value for line in lines for _, value in line if value is not None), default=0)
    step = next((one for one in _STEPS if one * _LINES >= most), _STEPS[-1])
    return {"interval": step, "max": max(1, math.ceil(most / step)) * step}
