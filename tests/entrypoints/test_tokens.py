"""`overstap tokens`: shown once, kept as a hash, revoked at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from overstap.app.principals import NotAuthenticated, Role
from overstap.bootstrap import open_app
from overstap.settings import Settings
from overstap.store.database import Database
from overstap.store.tokens import TokenBook

if TYPE_CHECKING:
    from tests.entrypoints.conftest import Cli

BAKERY = "fc02e7ee-86ce-5ef3-b6a3-802cdf1b084d"
JAN = "jan.devries@bakkerijdevries.onmicrosoft.com"
WHY = ("--reason", "to be tested")


def test_a_token_is_shown_once_and_kept_nowhere(cli: Cli, database_url: str) -> None:
    text = cli("tokens", "create", "ci", "--role", "operator", *WHY).out.splitlines()[0]

    with open_app(Settings(database_url=database_url)) as app:
        assert ("ci", frozenset({Role.OPERATOR})) == (app.tokens.recognise(text).name, app.tokens.recognise(text).roles)
    listed = cli("tokens", "list", "--json")
    assert text.rpartition("_")[2] not in listed.out
    (told,) = listed.json
    assert (True, True) == (told["valid"], told["last_used_at"] is not None)
    database = Database(database_url)
    assert text.rpartition("_")[2] not in str(TokenBook(database).all())
    database.close()


def test_a_revoked_token_opens_nothing(cli: Cli, database_url: str) -> None:
    text = cli("tokens", "create", "ci", "--role", "viewer", *WHY, "--json").json["token"]

    assert 0 == cli("tokens", "revoke", "ci", *WHY).code

    with open_app(Settings(database_url=database_url)) as app, pytest.raises(NotAuthenticated):
        app.tokens.recognise(text)
    assert "revoked" in cli("tokens", "list").out
    assert 4 == cli("tokens", "create", "ci", "--role", "viewer", *WHY).code
    assert 3 == cli("tokens", "revoke", "nobody", *WHY).code


@pytest.mark.parametrize(
    ("code", "more"),
    [
        (2, ("--role", "tenant_admin")),
        (2, ("--role", "operator", "--tenant", BAKERY, "--as", JAN)),
        (2, ("--role", "tenant_admin", "--role", "viewer", "--tenant", BAKERY, "--as", JAN)),
        (1, ("--role", "tenant_admin", "--tenant", BAKERY, "--as", "eve@example.com")),
        (3, ("--role", "tenant_admin", "--tenant", "nowhere", "--as", JAN)),
        (2, ("--role", "viewer", "--valid-for", "0s")),
    ],
)
def test_what_does_not_go_together_makes_no_token(cli: Cli, code: int, more: tuple[str, ...]) -> None:
    assert code == cli("tokens", "create", "odd", *more, *WHY).code
    assert [] == cli("tokens", "list", "--json").json


def test_a_tenants_token_acts_in_the_name_of_its_admin(cli: Cli, database_url: str) -> None:
    made = cli("tokens", "create", "jan", "--role", "tenant_admin", "--tenant", BAKERY, "--as", JAN, *WHY, "--json")

    with open_app(Settings(database_url=database_url)) as app:
        somebody = app.tokens.recognise(made.json["token"])
    assert (BAKERY, f"admin:{JAN}") == (somebody.tenant_id, somebody.actor)
    assert somebody.sees(BAKERY)
    assert not somebody.sees("another")
