"""Hash chains: what breaks one, and which record is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overstap.workflow.breaches import Breach, Link, Tip, What, first_breach
from overstap.workflow.chain import BEGINNING, canonical, entry_record, link, sealed
from overstap.workflow.run import JournalEntry, Kind

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ENTRY = JournalEntry("R1", 4, NOON, Kind.WAIT, "late", "a", "b", "walk", "operator:ada", {"why": "é", "n": 1.0})


def hashed(entry: JournalEntry, previous: str = BEGINNING) -> str:
    return link(previous, entry_record(entry))


def chain(length: int) -> list[Link]:
    links: list[Link] = []
    for seq in range(1, length + 1):
        record = {"seq": seq, "at": NOON + timedelta(seconds=seq), "data": {"told": f"number {seq}"}}
        links.append(Link(seq, record, link(links[-1].hash if links else BEGINNING, record)))
    return links


def tip(links: list[Link]) -> Tip:
    return Tip(links[-1].seq, links[-1].hash, "the run", newest=True)


def numbered(links: list[Link]) -> list[Link]:
    """The same, put under numbers without gaps."""
    return [
        Link(seq, None if one.record is None else {**one.record, "seq": seq}, one.hash)
        for seq, one in enumerate(links, start=1)
    ]


def forged(one: Link, **changes: Any) -> Link:
    return replace(one, record={**(one.record or {}), **changes})


def rehashed(links: list[Link], first: int) -> list[Link]:
    """The chain with new hashes from a record on."""
    made = list(links[: first - 1])
    for one in links[first - 1 :]:
        made.append(replace(one, hash=link(made[-1].hash if made else BEGINNING, one.record or {})))
    return made


def test_a_hash_is_sha_256_over_the_hash_before_it_and_plain_json() -> None:
    told = (
        '{"actor":"operator:ada","at":"2026-03-02T12:00:00.000000+00:00","data":{"n":1,"why":"é"},"event":"late",'
        '"from_state":"a","kind":"wait","run_id":"R1","seq":4,"step":"walk","to_state":"b"}'
    )

    assert told == canonical(entry_record(ENTRY)).decode()
    assert sha256(("ab" * 32 + told).encode()).hexdigest() == hashed(ENTRY, "ab" * 32)


@pytest.mark.parametrize(
    "change",
    [
        {"run_id": "R2"}, {"seq": 5}, {"at": NOON + timedelta(microseconds=1)}, {"kind": Kind.RETRY}, {"event": None},
        {"from_state": "b"}, {"to_state": "a"}, {"step": ""}, {"actor": "worker"}, {"data": {"why": "e", "n": 1}},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_each_part_of_an_entry_counts(change: dict[str, Any]) -> None:
    assert hashed(ENTRY) != hashed(replace(ENTRY, **change))


def test_the_hash_before_it_counts() -> None:
    assert hashed(ENTRY, "0" * 64) != hashed(ENTRY, "1" * 64)


def test_a_moment_counts_and_not_its_time_zone() -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=-3)))

    assert hashed(ENTRY) == hashed(replace(ENTRY, at=elsewhere))


@pytest.mark.parametrize(
    ("given", "comes_back"),
    [(1e16, 10**16), (-0.0, 0), (1.2345678901234568e18, 1234567890123456800), (1e20, 1e20), (2.5, 2.5), (True, True)],
)
def test_a_number_is_told_as_any_database_gives_it_back(given: float, comes_back: float) -> None:
    assert canonical({"at": NOON, "data": [given]}) == canonical({"at": NOON, "data": [comes_back]})


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    FLOATS | st.integers(-(2**63), 2**64 - 1) | st.booleans() | st.none() | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)


@given(VALUES)
def test_the_canonical_form_read_and_told_again_is_the_same(value: Any) -> None:
    once = canonical({"at": NOON, "data": value})

    assert once == canonical({**json.loads(once), "at": NOON})


@given(st.lists(FLOATS.filter(lambda value: not value.is_integer()) | st.integers(-(2**63), 2**64 - 1) | TEXTS), TEXTS)
def test_the_canonical_form_is_what_plain_python_writes_but_for_whole_floats(values: list[Any], key: str) -> None:
    record = {"at": "2026-03-02T12:00:00.000000+00:00", "data": {f"_{key}": values, "é": {"z": values, "a": 1}}}
    plain = json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    assert plain == canonical({**record, "at": NOON}).decode()


@given(TEXTS, st.none() | TEXTS, st.integers(1, 2**31), st.dictionaries(TEXTS, VALUES))
def test_a_new_entry_is_sealed_as_any_reader_links_it(run_id: str, word: str | None, seq: int, data: Any) -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=9)))

    entry = sealed("ab" * 32, run_id, seq, elsewhere, Kind.TRANSITION, word, "a", word, None, "worker", data)

    assert link("ab" * 32, entry_record(entry)) == entry.hash


@pytest.mark.parametrize("value", [1e16, 4.0, 0.0, 2.5e300, 1e-7, 0.1, 123456789.25])
def test_a_float_is_told_alike_wherever_it_stands(value: float) -> None:
    alone = canonical({"at": NOON, "data": value})
    other = canonical({"at": NOON, "data": 0})

    told = alone.decode().removeprefix(other.decode().rpartition("0}")[0]).removesuffix("}")

    assert f'{told},"x",{told}' in canonical({"at": NOON, "data": [value, "x", value]}).decode()
    assert f'"k":{told}' in canonical({"at": NOON, "data": {"k": value, "l": []}}).decode()


def test_a_whole_chain_holds() -> None:
    links = chain(6)

    assert first_breach(links, [tip(links), replace(tip(links[:3]), newest=False)]) is None
    assert first_breach([], []) is None


DAMAGES: dict[str, tuple[What, int, Callable[[list[Link]], list[Link]]]] = {
    "one changed": (What.CHANGED, 3, lambda c: [*c[:2], forged(c[2], data={}), *c[3:]]),
    "the first changed": (What.CHANGED, 1, lambda c: [forged(c[0], data={}), *c[1:]]),
    "the last changed": (What.CHANGED, 6, lambda c: [*c[:5], forged(c[5], data={})]),
    "a hash changed": (What.CHANGED, 3, lambda c: [*c[:2], replace(c[2], hash="f" * 64), *c[3:]]),
    "the last hash changed": (What.CHANGED, 6, lambda c: [*c[:5], replace(c[5], hash="f" * 64)]),
    "one that cannot be read": (What.CHANGED, 3, lambda c: [*c[:2], replace(c[2], record=None), *c[3:]]),
    "one that was never JSON": (What.CHANGED, 3, lambda c: [*c[:2], forged(c[2], data=b""), *c[3:]]),
    "all changed with new hashes": (What.CHANGED, 6, lambda c: rehashed([forged(c[0], data={}), *c[1:]], 1)),
    "the first removed": (What.REMOVED, 1, lambda c: c[1:]),
    "one removed": (What.REMOVED, 3, lambda c: [*c[:2], *c[3:]]),
    "two removed": (What.REMOVED, 3, lambda c: [*c[:2], *c[4:]]),
    "one removed, the rest renumbered": (What.REMOVED, 3, lambda c: numbered([*c[:2], *c[3:]])),
    "two removed, the rest renumbered": (What.REMOVED, 2, lambda c: numbered([c[0], *c[3:]])),
    "the last but one removed, the last renumbered": (What.REMOVED, 5, lambda c: numbered([*c[:4], c[5]])),
    "the last removed": (What.TRUNCATED, 6, lambda c: c[:5]),
    "the last three removed": (What.TRUNCATED, 4, lambda c: c[:3]),
    "all removed": (What.TRUNCATED, 1, lambda _: []),
    "one put in": (What.INSERTED, 3, lambda c: numbered([*c[:2], forged(c[0], data={}), *c[2:]])),
    "a copy put in": (What.INSERTED, 5, lambda c: numbered([*c[:4], c[1], *c[4:]])),
    "two put in at the front": (What.INSERTED, 1, lambda c: numbered([*(forged(one, data={}) for one in c[4:]), *c])),
    "one put in before the first": (What.INSERTED, 0, lambda c: [forged(replace(c[0], seq=0), seq=0), *c]),
    "one added": (What.INSERTED, 7, lambda c: numbered([*c, forged(c[0], data={})])),
    "one added with a right hash": (What.INSERTED, 7, lambda c: rehashed(numbered([*c, c[0]]), 7)),
    "neighbours swapped": (What.REORDERED, 3, lambda c: numbered([*c[:2], c[3], c[2], *c[4:]])),
    "two swapped": (What.REORDERED, 2, lambda c: numbered([c[0], c[4], *c[2:4], c[1], c[5]])),
    "the first and the last swapped": (What.REORDERED, 1, lambda c: numbered([c[5], *c[1:5], c[0]])),
    "one moved to the end": (What.REORDERED, 2, lambda c: numbered([c[0], *c[2:], c[1]])),
    "the last moved forward": (What.REORDERED, 2, lambda c: numbered([c[0], c[5], *c[1:5]])),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_was_done_to_a_chain_is_told_with_the_first_record(damage: str) -> None:
    what, seq, do = DAMAGES[damage]
    links = chain(6)

    found = first_breach(do(links), [tip(links)])

    assert found is not None
    assert (what, seq) == (found.what, found.seq), found.why


def test_a_record_changed_with_a_new_hash_is_named_beside_the_one_that_no_longer_follows() -> None:
    links = chain(6)
    links[2] = rehashed([*links[:2], forged(links[2], data={})], 3)[2]

    found = first_breach(links, [tip(links)])

    assert (
        Breach(
            What.CHANGED, 4, "its hash is not that of what it holds; or else number 3 was changed and got a new hash"
        )
        == found
    )


def test_an_end_that_is_put_back_too_is_missed_by_who_knew_more() -> None:
    links = chain(6)
    before = replace(tip(links[:5]), newest=False, source="checkpoint 2")

    found = first_breach(links[:3], [tip(links[:3]), before])

    assert Breach(What.TRUNCATED, 4, "numbers 4 to 5 are gone, and checkpoint 2 has number 5") == found


def test_new_hashes_throughout_are_found_by_the_earliest_that_knew_another() -> None:
    links = chain(6)
    before = [replace(tip(links[:number]), newest=False, source=f"checkpoint {number}") for number in (5, 3, 1)]
    rewritten = rehashed([*links[:1], forged(links[1], data={}), *links[2:]], 2)

    found = first_breach(rewritten, [tip(rewritten), *before])

    assert found is not None
    assert (What.CHANGED, 3) == (found.what, found.seq)
    assert "checkpoint 3 has another hash" in found.why


@given(st.integers(1, 8), st.data())
def test_no_single_change_goes_unseen(length: int, data: st.DataObject) -> None:
    links = chain(length)
    known = [tip(links)]
    at = data.draw(st.integers(0, length - 1))
    match data.draw(st.sampled_from(["change", "remove", "insert", "truncate"])):
        case "change":
            links[at] = forged(links[at], data={"told": "a lie"})
        case "remove":
            del links[at]
        case "insert":
            links = numbered([*links[:at], forged(links[at], data={"told": "a lie"}), *links[at:]])
        case _:
            del links[at:]

    found = first_breach(links, known)

    assert found is not None
    assert at + 1 == found.seq
