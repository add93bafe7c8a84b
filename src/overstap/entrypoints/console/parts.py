"""What pages are made of: small pieces of HTML that look the same everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import urlencode

import htpy as h
from nicegui import ui

from overstap.language import Language, Message, Sentence, lazy_gettext

As = Literal["moment", "second", "ago", "age", "left", "clock"]
Tone = Literal["plain", "good", "info", "warn", "bad"]

_TONES: Mapping[str, Tone] = {
    "credit_check": "warn",
    "acknowledgement": "warn",
    "backup": "warn",
    "domain_removal": "warn",
    "domain_return": "warn",
    "migrating": "info",
    "licenses_reassigned": "info",
    "adding_domains": "info",
    "escalated": "bad",
    "domain_overdue": "bad",
    "rolling_back": "bad",
    "failed": "bad",
    "completed": "good",
}
"""Of states; others have none."""

NOTHING = lazy_gettext("—")
_PLACE = "\ue000"
"""Around the number of a piece of HTML, while the text around it is made; nobody writes it."""


def show(*pieces: h.Node, classes: str = "") -> ui.html:
    """Put HTML on the page; htpy has escaped all that was given to it."""
    made = ui.html(str(h.fragment[pieces]), sanitize=False)
    made.classes("piece " + classes)
    return made


def time(moment: datetime | None, as_: As = "moment") -> h.Node:
    """A moment in the reader's zone, the exact value on hover; the browser writes and renews it.

    Args:
        as_: `moment` with its date, `second` to the second, `clock` without its date; `ago`, `age` or `left` as a
            duration from now, on the clock that the database lives by.
    """
    if moment is None:
        return h.span(".faint")["—"]
    exact = moment.astimezone(UTC)
    return h.time(datetime=exact.isoformat(timespec="milliseconds"), data_as=as_)[f"{exact:%Y-%m-%d %H:%M:%S} UTC"]


def phrase(words: Language, message: Message, **params: object) -> h.Node:
    """A text whose moments stand in the reader's zone, and in whose places there may be HTML.

    Args:
        params: as `Language.say` takes them, or HTML.
    """
    pieces: list[h.Node] = []

    def kept(value: object) -> object:
        if isinstance(value, Sentence):
            return Sentence(value.message, {name: kept(one) for name, one in value.params.items()})
        if isinstance(value, (list, tuple)):
            return [kept(one) for one in value]
        if isinstance(value, str):
            return value.replace(_PLACE, "")
        if isinstance(value, datetime):
            value = time(value)
        if not isinstance(value, h.BaseElement | h.Fragment):
            return value
        pieces.append(value)
        return f"{_PLACE}{len(pieces) - 1}{_PLACE}"

    text = words.say(message, **{name: kept(value) for name, value in params.items()})
    return [pieces[int(part)] if odd % 2 else part for odd, part in enumerate(text.split(_PLACE))]


def duration(words: Language, took: timedelta) -> h.Node:
    """A duration with its two largest units, below a second in milliseconds."""
    short = timedelta(0) < took < timedelta(seconds=1)
    return h.span(".duration")[f"{round(took / timedelta(milliseconds=1))} ms" if short else words.tell(took)]


def with_node(words: Language, message: Message, node: h.Node, **params: object) -> h.Node:
    """A message in which something that is no text, such as a time, stands at `{node}`."""
    before, after = words.say(message, node="\0", **params).split("\0")
    return [before, node, after]


def chip(text: str, tone: Tone = "plain") -> h.Element:
    """A word that stands out, in its colour."""
    return h.span(f".chip.{tone}")[text]


def tone(state: str) -> Tone:
    """A state's colour."""
    return _TONES.get(state, "plain")


def state(name: str) -> h.Element:
    """A state's name in its colour."""
    return chip(name, tone(name))


def facts(pairs: Iterable[tuple[str, h.Node]]) -> h.Element:
    """Names with their values, under each other."""
    return h.dl(".facts")[(h.div[h.dt[name], h.dd[value]] for name, value in pairs)]


def table(
    caption: str, columns: Sequence[str], rows: Iterable[Sequence[h.Node]], numbers: Sequence[int] = ()
) -> h.Node:
    """A table that scrolls sideways by itself where it is too wide, also by keyboard.

    Args:
        caption: what it is a table of, for who cannot see it.
        numbers: the columns that hold numbers.
    """
    classes = dict.fromkeys(numbers, "number")
    return h.div(".scrolls", tabindex="0", role="region", aria_label=caption)[
        h.table[
            h.caption(".unseen")[caption],
            h.thead[h.tr[(h.th(scope="col", class_=classes.get(n))[name] for n, name in enumerate(columns))]],
            h.tbody[(h.tr[(h.td(class_=classes.get(n))[cell] for n, cell in enumerate(row))] for row in rows)],
        ]
    ]


def empty(title: str, hint: str, *more: h.Node) -> h.Element:
    """What stands where nothing is: that nothing is, and what makes something be there."""
    return h.div(".empty")[h.p(".strong")[title], h.p[hint], more]


def problem(text: str, *more: h.Node) -> h.Element:
    """Something that went wrong, in its place."""
    return h.div(".problem", role="alert")[h.p[text], more]


def note(text: h.Node, tone: Tone = "info") -> h.Element:
    """Something worth knowing."""
    return h.div(f".note.{tone}")[text]


def address(path: str, **query: object) -> str:
    """A path with its query; None and "" are left out, and lists are given one by one."""
    given = {name.rstrip("_"): value for name, value in query.items() if value not in (None, "", (), [])}
    return path + ("?" + urlencode(given, doseq=True) if given else "")


def link_button(text: str, href: str, *, main: bool = False) -> h.Element:
    """A link that looks like a button."""
    return h.a(".button.main" if main else ".button", href=href)[text]


def choice(words: Language, name: str, label: str, options: Iterable[tuple[str, str]], chosen: str | None) -> h.Element:
    """A labelled select of a form; its first option is none of them."""
    return h.label(".field")[
        h.span[label],
        h.select(name=name)[
            h.option(value="")[words.say(ANY)],
            (h.option(value=value, selected=value == chosen)[text] for value, text in options),
        ],
    ]


ANY: Message = lazy_gettext("any")
