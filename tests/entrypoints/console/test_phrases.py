"""Texts with moments and HTML in their places."""

from __future__ import annotations

from datetime import UTC, datetime

import htpy as h

from overstap.entrypoints.console.parts import phrase
from overstap.language import Sentence, language, lazy_gettext

ENGLISH = language("en")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def written(text: str, **params: object) -> str:
    return str(h.fragment[phrase(ENGLISH, lazy_gettext(text), **params)])


def test_a_moment_is_left_to_the_readers_browser_wherever_it_stands() -> None:
    inner = Sentence.of(lazy_gettext("at {at}"), at=NOON)
    for made in (written("It came {when}.", when=inner), written("It came at {at}.", at=NOON)):
        assert 'It came at <time datetime="2026-03-02T12:00:00.000+00:00" data-as="moment">' in made
        assert made.endswith("</time>.")


def test_html_stays_html_and_text_stays_text() -> None:
    assert "<b>x</b> said &lt;i&gt;no&lt;/i&gt;" == written("{who} said {what}", who=h.b["x"], what="<i>no</i>")


def test_no_text_can_pretend_to_be_a_place() -> None:
    assert "7: <b>x</b>, <b>x</b>, and 9" != written("{a}: {b}", a="\ue0007\ue000", b=[h.b["x"], "\ue0009\ue000"])
    assert "7: <b>x</b>" == written("{a}: {b}", a="\ue0007\ue000", b=h.b["x"])
