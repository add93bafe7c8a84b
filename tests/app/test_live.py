"""Followers of the journals: each hears all there is, once, and none waits for another."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from overstap.app.live import Follower, Live
from overstap.errors import DatabaseUnavailable
from overstap.store.database import Database
from overstap.store.feed import FedEntry, Feed
from overstap.store.runs import Runs
from overstap.store.wakeup import Listener
from overstap.workflow.decide import submit
from overstap.workflow.definition import Definition, load_definition

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ERRAND = """
workflow: errand
version: 1
chart:
  states: {walking: {initial: true, transitions: [{event: arrived, target: home}]}, home: {final: true}}
states:
  walking: {steps: [walk], on_done: arrived}
"""


@pytest.fixture(scope="module")
def definition(tmp_path_factory: pytest.TempPathFactory) -> Definition:
    path = tmp_path_factory.mktemp("workflows") / "errand.v1.yaml"
    path.write_text(ERRAND, encoding="utf-8")
    return load_definition(path, None)


@pytest.fixture
def submitted(database: Database, definition: Definition) -> Callable[[int], None]:
    """Submits the run `r<number>` of tenant `t<number>`."""
    order = {"subscription_id": "s", "target_plan": "e3"}

    def submit_one(number: int) -> None:
        Runs(database).insert(submit(definition, f"r{number:03}", f"t{number}", order, "operator", NOON), None)

    return submit_one


class CountedFeed(Feed):
    """Counts the reads."""

    reads = 0

    def read(self, *arguments: Any, **named: Any) -> Any:
        self.reads += 1
        return super().read(*arguments, **named)


@pytest.fixture
def feed(database: Database) -> CountedFeed:
    return CountedFeed(database)


@pytest.fixture
def listeners(database: Database) -> Iterator[list[Listener]]:
    opened: list[Listener] = []
    yield opened
    for one in opened:
        one.close()


@pytest.fixture
def play(feed: Feed, database: Database, listeners: list[Listener]) -> Callable[..., Any]:
    """Plays a scene with followers, in an event loop of its own."""

    def listen(wake: Callable[[], None]) -> Listener:
        listeners.append(Listener(database, wake, lambda _: None))
        return listeners[-1]

    def play_one(scene: Callable[[Live], Awaitable[Any]], kept: int = 2000) -> Any:
        async def act() -> Any:
            async with asyncio.timeout(30):
                return await scene(Live(feed, listen, kept=kept))

        return asyncio.run(act())

    return play_one


async def heard(follower: Follower, count: int) -> list[str]:
    """The runs of so many entries."""
    told: list[FedEntry] = []
    while len(told) < count:
        told += await follower.next(10)
    return [one.entry.run_id for one in told]


def test_followers_hear_what_comes_and_only_what_they_asked_for(
    feed: Feed, submitted: Callable[[int], None], play: Callable[..., Any]
) -> None:
    async def scene(live: Live) -> tuple[list[str], ...]:
        start = await asyncio.to_thread(feed.end)
        async with (
            live.follow(start) as everything,
            live.follow(start, tenant_id="t2") as tenant,
            live.follow(start, run_id="r003") as run,
        ):
            for number in (1, 2, 3):
                await asyncio.to_thread(submitted, number)
            return await heard(everything, 3), await heard(tenant, 1), await heard(run, 1)

    assert (["r001", "r002", "r003"], ["r002"], ["r003"]) == play(scene)


def test_a_hundred_followers_at_the_end_share_one_reader(
    feed: CountedFeed, submitted: Callable[[int], None], play: Callable[..., Any]
) -> None:
    async def scene(live: Live) -> list[list[str]]:
        start = await asyncio.to_thread(feed.end)

        async def follow() -> list[str]:
            async with live.follow(start) as follower:
                return await heard(follower, 1)

        tasks = [asyncio.create_task(follow()) for _ in range(100)]
        async with live.follow(start):
            await asyncio.sleep(0.3)
            before = feed.reads
            await asyncio.to_thread(submitted, 1)
            told = await asyncio.gather(*tasks)
        assert feed.reads - before < 10
        return told

    assert [["r001"]] * 100 == play(scene)


def test_one_that_is_behind_what_is_kept_reads_on_by_itself_and_then_with_the_others(
    feed: CountedFeed, submitted: Callable[[int], None], play: Callable[..., Any]
) -> None:
    async def scene(live: Live) -> tuple[list[str], list[str]]:
        start = await asyncio.to_thread(feed.end)
        async with live.follow(start) as slow, live.follow(start) as quick:
            for number in range(30):
                await asyncio.to_thread(submitted, number)
            first = await heard(quick, 30)
            assert live.kept_after(slow.position) is None
            assert len(live.kept_after(live.floor) or ()) <= 10
            late = await heard(slow, 30)
            assert live.kept_after(slow.position) == []
            return first, late

    first, late = play(scene, kept=5)
    assert [f"r{number:03}" for number in range(30)] == first == late


def test_nothing_is_lost_or_twice_where_a_follower_changes_from_reading_to_listening(
    feed: Feed, submitted: Callable[[int], None], play: Callable[..., Any]
) -> None:
    async def scene(live: Live) -> list[list[str]]:
        start = await asyncio.to_thread(feed.end)

        async def follow(pause: float) -> list[str]:
            told: list[str] = []
            async with live.follow(start) as follower:
                while len(told) < 60:
                    told += [one.entry.run_id for one in await follower.next(1)]
                    await asyncio.sleep(pause)
            return told

        def write() -> None:
            for number in range(60):
                submitted(number)

        followers = [asyncio.create_task(follow(pause)) for pause in (0, 0.01, 0.03, 0.1)]
        await asyncio.to_thread(write)
        return list(await asyncio.gather(*followers))

    assert [[f"r{number:03}" for number in range(60)]] * 4 == play(scene, kept=7)


def test_a_worker_that_tells_nobody_is_heard_all_the_same(
    feed: Feed, submitted: Callable[[int], None], database: Database
) -> None:
    class Deaf:
        def fileno(self) -> None:
            return None

        def heard(self) -> bool:
            return False

        def close(self) -> None: ...

    async def scene() -> list[str]:
        live = Live(feed, lambda _: Deaf())
        async with asyncio.timeout(10), live.follow(await asyncio.to_thread(feed.end)) as follower:
            await follower.next(0.1)
            await asyncio.to_thread(submitted, 1)
            return await heard(follower, 1)

    assert ["r001"] == asyncio.run(scene())


def test_nobody_looks_while_nobody_follows(
    feed: CountedFeed, play: Callable[..., Any], listeners: list[Listener]
) -> None:
    async def scene(live: Live) -> None:
        for _ in range(2):
            async with live.follow(await asyncio.to_thread(feed.end)) as follower:
                await follower.next(0.1)
            await asyncio.sleep(0)
            reads = feed.reads
            await asyncio.sleep(0.6)
            assert reads == feed.reads

    play(scene)
    assert 2 == len(listeners)
    for one in listeners:
        one._thread.join(5)
        assert not one._thread.is_alive()


def test_followers_end_at_once_when_it_closes_from_any_thread(feed: Feed, play: Callable[..., Any]) -> None:
    async def scene(live: Live) -> list[list[FedEntry]]:
        start = await asyncio.to_thread(feed.end)
        async with live.follow(start) as one, live.follow(start) as other:
            threading.Timer(0.1, live.close).start()
            async with asyncio.timeout(5):
                return list(await asyncio.gather(one.next(60), other.next(60)))

    assert [[], []] == play(scene)


def test_a_database_that_is_away_for_a_while_is_gone_on_with(
    feed: Feed, submitted: Callable[[int], None], play: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("overstap.app.live._AWAY_SECONDS", 0.05)
    away = threading.Event()

    def unless_away(ask: Callable[..., Any]) -> Callable[..., Any]:
        def asked(*given: Any) -> Any:
            answer = ask(*given)
            if away.is_set():  # looked at after the answer: a look that had begun before is away, too
                raise DatabaseUnavailable("it is away")
            return answer

        return asked

    async def scene(live: Live) -> list[str]:
        start = await asyncio.to_thread(feed.end)
        monkeypatch.setattr(feed, "end", unless_away(feed.end))
        monkeypatch.setattr(feed, "read", unless_away(feed.read))
        async with live.follow(start) as follower:
            away.set()
            await asyncio.to_thread(submitted, 1)
            assert [] == await follower.next(0.5)
            away.clear()
            return await heard(follower, 1)

    assert ["r001"] == play(scene)
