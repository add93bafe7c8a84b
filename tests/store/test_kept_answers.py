"""What is done once for a key, whoever asks, and what is forgotten when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from overstap.clock import VirtualClock
from overstap.store.database import Database
from overstap.store.kept_answers import KeptAnswer, KeptAnswers

HOUR = timedelta(hours=1)
ANSWER = KeptAnswer("digest", 201, [["location", "/x"]], b"{}")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(datetime(2026, 3, 2, tzinfo=UTC))


@pytest.fixture
def kept(database: Database, clock: VirtualClock) -> KeptAnswers:
    return KeptAnswers(database, clock)


def test_a_request_is_for_the_first_one_to_do_and_its_answer_for_all(kept: KeptAnswers) -> None:
    assert kept.begin("anna", "key", "digest", repeatable=False) is None
    waiting = kept.begin("anna", "key", "digest", repeatable=False)
    assert waiting is not None
    assert waiting.status is None
    assert ANSWER == kept.keep("anna", "key", ANSWER)
    assert ANSWER == kept.begin("anna", "key", "digest", repeatable=False)
    assert kept.begin("berend", "key", "digest", repeatable=False) is None


def test_what_works_once_works_once(kept: KeptAnswers) -> None:
    assert not kept.is_spent("link", "one")
    assert [True, False, False] == [kept.spend("link", "one", keep=HOUR) for _ in range(3)]
    assert kept.is_spent("link", "one")
    assert kept.spend("link", "another", keep=HOUR)
    assert kept.spend("session", "one", keep=HOUR)


def test_what_was_used_up_stays_so_for_as_long_as_it_has_to(kept: KeptAnswers, clock: VirtualClock) -> None:
    kept.spend("session", "one", keep=8 * HOUR)

    clock.advance(8 * HOUR)
    kept.prune(timedelta(minutes=1))
    assert kept.is_spent("session", "one")

    clock.advance(HOUR)
    kept.prune(timedelta(minutes=1))
    assert not kept.is_spent("session", "one")
