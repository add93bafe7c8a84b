"""`overstap audit`: what an operator sees of the chains, and what may be handed in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from overstap.store.database import Database

Cli = Callable[..., Any]


@pytest.fixture
def run(cli: Cli, order: tuple[str, ...]) -> str:
    """A change that has completed."""
    made = cli(*order, "--json")
    assert made.code == 0
    assert cli("worker", "--until-idle").code == 0
    return str(made.json["id"])


def tamper(url: str, statement: str, **values: Any) -> None:
    database = Database(url)
    with database.write() as connection:
        assert connection.execute(text(statement), values).rowcount > 0
    database.close()


def test_a_record_that_holds_is_said_to_and_what_that_is_worth(cli: Cli, run: str, tmp_path: Path) -> None:
    head = tmp_path / "head.json"

    plain = cli("audit", "verify")
    shown = cli("audit", "checkpoint", "--head", str(head))
    against = cli("audit", "verify", "--against", str(head))

    assert (0, "") == (plain.code, plain.err)
    assert "Every chain holds: " in plain.out
    assert "Only a head that was kept elsewhere tells whether an end is missing." in plain.out
    assert json.loads(head.read_text(encoding="utf-8")) == shown.json
    assert 0 == against.code
    assert f"nothing is missing since {shown.json['at']}" in against.out


def test_what_was_changed_is_told_and_fails_the_command(cli: Cli, run: str, database_url: str) -> None:
    tamper(database_url, "UPDATE journal SET actor = 'admin:eve' WHERE run_id = :run AND seq = 2", run=run)

    told = cli("audit", "verify")
    as_json = cli("audit", "verify", "--json")

    assert 1 == told.code == as_json.code
    assert told.out.startswith(f"run {run}, entry 2 was changed: ")
    assert "1 chain is broken; looked at " in told.out
    [finding] = as_json.json["findings"]
    assert ("run", run, 2, "changed") == tuple(finding[name] for name in ("chain", "run_id", "seq", "what"))
    assert (False, 1, 1) == (as_json.json["ok"], as_json.json["breaches"], as_json.json["looked_at"]["runs"])


def test_an_end_that_was_cut_off_shows_beside_an_export_that_was_kept(
    cli: Cli, run: str, database_url: str, tmp_path: Path
) -> None:
    out = tmp_path / "audit.jsonl"
    exported = cli("audit", "export", "--out", str(out))
    lines = out.read_text(encoding="utf-8").splitlines()
    assert exported.out == f"{out}: {len(lines) - 1} records, and the head of checkpoint 1.\n"

    for table in ("checkpoint_head", "checkpoint"):
        tamper(database_url, f"DELETE FROM {table}")
    told = cli("audit", "verify", "--against", str(out))

    assert 1 == told.code
    assert told.out.startswith("checkpoint 1 and what follows it was cut off: ")


def test_verify_looks_at_the_chain_of_each_run_too(cli: Cli, run: str, database_url: str) -> None:
    tamper(database_url, "UPDATE journal SET actor = 'admin:eve' WHERE run_id = :run AND seq = 2", run=run)

    told = cli("verify")

    assert 1 == told.code
    assert f"design §4: run {run}, entry 2 was changed: " in told.out


def test_an_export_goes_to_standard_output_and_is_nothing_but_json_lines(cli: Cli, run: str) -> None:
    told = [json.loads(line) for line in cli("audit", "export").out.splitlines()]

    assert [run] == list({one["entry"]["run_id"] for one in told if "entry" in one})
    assert {"format", "database", "checkpoint", "at", "digest", "runs", "acts"} == told[-1]["head"].keys()
    assert [list(told[-1])] == [
        list(json.loads(line)) for line in cli("audit", "export", "--since", "0s").out.splitlines()
    ]
    assert len(told) == len(cli("audit", "export", "--since", "36500d").out.splitlines())
    assert len(told) == len(cli("audit", "export", "--since", "2026-01-01").out.splitlines())


def test_a_file_is_written_whole_or_not_at_all(cli: Cli, run: str, database_url: str, tmp_path: Path) -> None:
    out = tmp_path / "audit.jsonl"
    out.write_text("as it was", encoding="utf-8")
    if database_url.startswith("sqlite"):
        tamper(database_url, "UPDATE journal SET data = 'hm' WHERE seq = 2")
        assert 1 == cli("audit", "export", "--out", str(out)).code
        assert "as it was" == out.read_text(encoding="utf-8")
    else:
        assert 0 == cli("audit", "export", "--out", str(out)).code
        assert "as it was" != out.read_text(encoding="utf-8")
    assert [out] == [path for path in tmp_path.iterdir() if path.name.startswith(("audit", ".audit"))]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is no JSON with a head in it"),
        (b"{}\nnot json", "is no JSON with a head in it"),
        (b"\xff\xfe", "is no JSON with a head in it"),
        (b"[1]", "is no JSON with a head in it"),
        (b"{}", "is no head of the audit's chains: database: "),
        (b'{"head": 4}', "is no head of the audit's chains: "),
        (b'{"format": 2}', "is no head of the audit's chains: format: "),
    ],
)
def test_a_file_that_is_no_head_is_refused(cli: Cli, tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "head.json"
    path.write_bytes(content)

    told = cli("audit", "verify", "--against", str(path))

    assert 2 == told.code
    assert f"{path} {reason}" in told.err


@pytest.mark.parametrize(
    ("name", "value"), [("checkpoint", 0), ("checkpoint", "1"), ("digest", "f"), ("runs", None), ("more", 1)]
)
def test_a_head_with_a_part_that_is_wrong_is_refused_with_its_name(
    cli: Cli, tmp_path: Path, name: str, value: Any
) -> None:
    path = tmp_path / "head.json"
    path.write_text(json.dumps(cli("audit", "checkpoint").json | {name: value}), encoding="utf-8")

    told = cli("audit", "verify", "--against", str(path))

    assert 2 == told.code
    assert f"is no head of the audit's chains: {name}: " in told.err


def test_the_head_of_another_database_is_refused(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "head.json"
    path.write_text(json.dumps(cli("audit", "checkpoint").json | {"database": "other"}), encoding="utf-8")

    told = cli("audit", "verify", "--against", str(path))

    assert 2 == told.code
    assert "The head is of database other" in told.err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("verify", "--against", "/no/such/file"), "/no/such/file cannot be read: No such file"),
        (("verify", "--against", "/"), "/ cannot be read: Is a directory"),
        (("export", "--out", "/no/such/file"), "/no/such/file cannot be written: No such file"),
        (("checkpoint", "--head", "/no/such/file"), "/no/such/file cannot be written: No such file"),
        (("export", "--out", "x", "--head", "x"), "give --head another file"),
        (("export", "--since", "yesterday"), "'yesterday' is neither a moment, such as"),
        (("export", "--since", "9999999999999999w"), "is neither a moment, such as"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, tuple) else "",
)
def test_what_cannot_be_used_is_refused(cli: Cli, arguments: tuple[str, ...], reason: str) -> None:
    told = cli("audit", *arguments)

    assert 2 == told.code
    assert reason in told.err
