"""Users to pick from, and what is done with those that are picked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import htpy as h
from nicegui import ui

from overstap.domain.tenant import User
from overstap.entrypoints.console.acting import Act
from overstap.entrypoints.console.customer import asking
from overstap.entrypoints.console.visit import Visit
from overstap.errors import Refused
from overstap.language import Message, lazy_gettext

MOST = 500
"""Users shown at most; a search finds the others."""
_MORE = lazy_gettext("These are the first {count}; search for the others by name.")
_NOBODY = lazy_gettext("Pick at least one user first.")


def picker(visit: Visit, name: str, label: str, users: Sequence[User]) -> h.Node:
    """Boxes to tick, one for each user.

    Args:
        name: of the boxes; `pick` reads them by it.
        label: what the list is, for who cannot see it.
    """
    shown = users[:MOST]
    return [
        h.ul(".people", aria_label=label, tabindex="0")[
            (
                h.li[
                    h.label(".check")[
                        h.input(type="checkbox", name=name, value=one.id),
                        h.span[one.display_name, h.span(".faint")[one.upn]],
                    ]
                ]
                for one in shown
            )
        ],
        h.p(".hint")[visit.say(_MORE, count=MOST)] if len(users) > MOST else None,
    ]


def pick(
    visit: Visit,
    command: str,
    label: Message,
    name: str,
    users: Sequence[User],
    preview: Callable[[str], str],
    perform: Callable[[list[str], str], Any],
) -> None:
    """Put an act that is done to the users whose boxes are ticked.

    Args:
        name: of the boxes.
        preview: what it will do to users by these names.
        perform: does it, given their ids and the reason.
    """
    names = {one.id: one.display_name for one in users}
    picked: list[str] = []

    async def look() -> h.Node:
        boxes = f"document.querySelectorAll('input[name={name}]:checked')"
        given = await ui.run_javascript(f"return [...{boxes}].map((box) => box.value)", timeout=5)
        picked[:] = [one for one in given if one in names]
        _ensure_some()
        return h.p[preview(visit.words.tell([names[one] for one in picked]))]

    def act(reason: str) -> Any:
        _ensure_some()
        return perform(list(picked), reason)

    def _ensure_some() -> None:
        if not picked:
            raise Refused(visit.say(_NOBODY))

    done = asking.in_words(visit, act)
    Act(
        visit=visit, command=command, label=label, perform=done, ask_preview=look, reason=asking.gives_reason(visit)
    ).put()
