"""`eligibility`, `options` and `quote`: one question, one answer, in the customer's language."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from overstap.settings import data_path

Cli = Callable[..., Any]
Rows = Callable[[], dict[str, int]]

BAKERY = "fc02e7ee-86ce-5ef3-b6a3-802cdf1b084d"
PLAN = "f67cc92b-6278-5489-881d-f3ad7cd223ef"
NOBODY = "00000000-0000-4000-8000-000000000000"
KEYS = {"code", "rule", "severity", "params", "sentence", "advice", "href"}


@pytest.fixture
def tenants(cli: Cli) -> Cli:
    """The command line over a database with all sample tenants in it."""
    folders = sorted(str(path) for path in data_path("demo").iterdir() if path.is_dir())
    assert cli("tenants", "import", *folders).code == 0
    return cli


def subscription(cli: Cli, tenant: str) -> str:
    return str(cli("tenants", "show", tenant, "--json").json["subscriptions"][0]["id"])


@pytest.mark.rule("R5", "R47")
@pytest.mark.parametrize(
    ("tenant", "plan", "code", "allowed", "route", "first"),
    [
        ("Bakkerij De Vries", "small-business-premium", 0, True, "wizard", None),
        ("Bakkerij De Vries", "k1", 1, False, "manual", "pair_not_listed"),
        ("Kapper Anna", "midsize", 1, False, "manual", "custom_domain"),
        ("Tuincentrum Groen", "e3", 1, False, "none", "licence_conflict"),
        ("Brightpath Schools Trust", "e3", 1, False, "none", "service_unhealthy"),
    ],
)
def test_eligibility_answers_with_all_findings_and_its_exit_code(
    tenants: Cli, tenant: str, plan: str, code: int, allowed: bool, route: str, first: str | None
) -> None:
    said = tenants("eligibility", tenant, subscription(tenants, tenant), plan, "--json")

    answer = said.json
    assert (code, "") == (said.code, said.err)
    assert {"allowed", "route", "findings"} == answer.keys()
    assert (allowed, route) == (answer["allowed"], answer["route"])
    blockers = [one for one in answer["findings"] if one["severity"] == "blocker"]
    assert first == (blockers[0]["code"] if blockers else None)
    for finding in answer["findings"]:
        assert KEYS == finding.keys()
        assert finding["href"].startswith("/")


def test_submit_refuses_with_the_findings_that_eligibility_told(tenants: Cli, rows: Rows) -> None:
    question = ("Tuincentrum Groen", subscription(tenants, "Tuincentrum Groen"), "e3")
    before = rows()

    told, refused = tenants("eligibility", *question, "--json"), tenants("submit", *question, "--json")

    assert told.json["findings"] == refused.json["error"]["findings"]
    assert (1, 1) == (told.code, refused.code)
    assert before == rows()


@pytest.mark.rule("R40")
def test_submit_refuses_a_second_change_with_the_findings_too_and_names_the_first(tenants: Cli) -> None:
    question = ("Northwind Dental", subscription(tenants, "Northwind Dental"), "e3")
    run = tenants("submit", *question, "--json").json["id"]

    told, refused = tenants("eligibility", *question, "--json"), tenants("submit", *question, "--json")

    error = refused.json["error"]
    assert (4, run, told.json["findings"]) == (refused.code, error["run_id"], error["findings"])
    assert "change_under_way" == error["findings"][0]["code"]


@pytest.mark.rule("R3")
@pytest.mark.parametrize(
    ("upn", "code", "words"),
    [
        (None, 0, "Toegestaan."),
        ("wie@bakkerij.example", 1, "wie@bakkerij.example is geen beheerder van deze organisatie"),
    ],
)
def test_without_an_admin_the_caller_is_an_operator_and_needs_no_role(
    cli: Cli, upn: str | None, code: int, words: str
) -> None:
    acting = [] if upn is None else ["--as", upn]

    said = cli("eligibility", BAKERY, PLAN, "small-business-premium", *acting)

    assert code == said.code
    assert words in said.out


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ([], "kan niet minder licenties hebben (9)"),
        (["--locale", "nl"], "kan niet minder licenties hebben (9)"),
        (["--locale", "en"], "cannot have fewer licences (9)"),
    ],
)
def test_it_speaks_the_language_of_the_tenant_or_the_one_asked_for(cli: Cli, locale: list[str], words: str) -> None:
    for command in ("eligibility", "quote"):
        assert words in cli(command, BAKERY, PLAN, "e3", "--seats", "9", *locale).out
    assert words in cli("submit", BAKERY, PLAN, "e3", "--seats", "9", *locale).err


@pytest.mark.parametrize("command", ["eligibility", "quote"])
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([NOBODY, PLAN, "e3"], 3, "There is no tenant"),
        ([BAKERY, NOBODY, "e3"], 3, "has no subscription"),
        ([BAKERY, PLAN, "e9"], 3, "No plan is called 'e9'"),
        ([BAKERY, PLAN, "e3", "--locale", "fr"], 2, "choose nl or en"),
        ([BAKERY, PLAN, "e3", "--seats", "0"], 2, "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_asked_is_told_with_its_exit_code(
    cli: Cli, command: str, arguments: list[str], code: int, words: str
) -> None:
    said = cli(command, *arguments)

    assert (code, "") == (said.code, said.out)
    assert words in said.err
    assert "Traceback" not in said.err


@pytest.mark.rule("R13", "R23", "R36", "R40")
def test_options_say_geen_opties_with_every_reason(tenants: Cli) -> None:
    said = tenants("options", "Tuincentrum Groen")
    (one,) = tenants("options", "Tuincentrum Groen", "--json").json

    assert said.code == 0
    assert "Abonnementsopties: Geen opties" in said.out
    assert "Licentieconflict: twee gebruikers hebben geldige licenties nodig" in said.out
    assert "Nu oplossen" in said.out
    assert ("Geen opties", None, [], False) == (one["label"], one["href"], one["plans"], one["manual"])
    assert ["licence_conflict"] == [finding["code"] for finding in one["reasons"]]


@pytest.mark.rule("R24")
def test_options_name_the_plans_that_it_may_change_to(tenants: Cli) -> None:
    e1, unknown = tenants("options", "Northwind Dental", "--json").json

    assert ("Change plan", ["e3", "e4"]) == (e1["label"], [plan["id"] for plan in e1["plans"]])
    assert ("No options", ["source_not_listed"], True) == (
        unknown["label"], [finding["code"] for finding in unknown["reasons"]], unknown["manual"]
    )  # fmt: skip


@pytest.mark.rule("R35", "R36", "R37")
def test_while_a_credit_check_is_under_way_there_are_no_options_and_the_run_is_named(tenants: Cli) -> None:
    tenant = "Molenaar Techniek B.V."
    run = tenants("submit", tenant, subscription(tenants, tenant), "e1", "--json").json["id"]
    assert tenants("worker", "--until-idle").code == 0

    (one,) = tenants("options", tenant, "--json").json[:1]

    (reason,) = one["reasons"]
    assert ("credit_check_pending", run, f"/status/{run}") == (
        reason["code"], reason["params"]["run_id"], reason["href"]
    )  # fmt: skip
    assert "Geen opties" in tenants("options", tenant).out


def test_a_closed_pair_shows_its_reason(cli: Cli, tmp_path: Path) -> None:
    text = data_path("catalog").read_text(encoding="utf-8")
    pair = '{from = "small-business", to = "e3"'
    closed = pair + ', closed = {nl = "E3 is uitverkocht", en = "E3 is sold out"}'
    (tmp_path / "catalog.toml").write_text(text.replace(pair, closed), encoding="utf-8")
    shutil.copy(data_path("settings"), tmp_path / "overstap.toml")
    settings = (tmp_path / "overstap.toml").read_text(encoding="utf-8")
    (tmp_path / "overstap.toml").write_text(
        settings.replace('catalog_file = ""', f'catalog_file = "{tmp_path}/catalog.toml"'), encoding="utf-8"
    )

    said = cli("eligibility", BAKERY, PLAN, "e3", "--config", str(tmp_path / "overstap.toml"))

    assert said.code == 1
    assert "E3 is uitverkocht" in said.out


@pytest.mark.rule("R15", "R17", "R18", "R19", "R30", "R31", "R33", "R34", "R35")
def test_a_quote_tells_prices_days_locks_and_time(cli: Cli) -> None:
    arguments = ("quote", BAKERY, PLAN, "small-business-premium", "--seats", "12", "--payment", "invoice")
    said, offer = cli(*arguments), cli(*arguments, "--billing", "annual", "--json").json

    for words in (
        "€ 124,80", "stopt zodra u bestelt", "begint pas wanneer de overstap is voltooid", "maximaal 14 dagen",
        "minder dan 10 minuten", "minder dan 1 minuut", "kredietcontrole (14 dagen): u kunt geen abonnementen",
        "Voorbereiden > Controleren > Betaling > Bestelling voltooien",
    ):  # fmt: skip
        assert words in said.out.replace("\xa0", " ")
    assert (True, "wizard", "same_family", "EUR") == (
        offer["allowed"], offer["route"], offer["kind"], offer["currency"]
    )  # fmt: skip
    assert (12, 12_480, 149_760) == tuple(offer["new"][key] for key in ("seats", "monthly_cents", "billed_cents"))
    assert {"reason": "invoice", "at_most": 14 * 86400.0} == offer["credit_check"]
    assert [["credit_check"], ["migrating", "licenses_reassigned"]] == [one["states"] for one in offer["locks"]]
    assert {"median": 600.0, "ninetieth": 600.0, "measured": 0, "licences": 60.0} == offer["expected"]
    assert ["prepare", "review", "payment", "complete"] == [page["page"] for page in offer["checkout"]]


@pytest.mark.rule("R30")
def test_a_quote_expects_what_was_measured(tenants: Cli) -> None:
    for tenant, plan in (("Bakkerij De Vries", "small-business-premium"), ("Northwind Dental", "e3")):
        assert tenants("submit", tenant, subscription(tenants, tenant), plan).code == 0
    assert tenants("worker", "--until-idle").code == 0

    offer = tenants("quote", "Harbour Logistics Ltd", subscription(tenants, "Harbour Logistics Ltd"), "e4", "--json")

    expected = offer.json["expected"]
    assert 2 == expected["measured"]
    assert 0 < expected["median"] <= expected["ninetieth"] < 600


@pytest.mark.rule("R48")
def test_an_order_to_another_family_has_to_be_acknowledged(tenants: Cli, rows: Rows) -> None:
    order = ("submit", "Bakkerij De Vries", PLAN, "e3")
    before = rows()

    refused = tenants(*order)

    assert (1, before) == (refused.code, rows())
    assert "niet terug kunt gaan" in refused.err
    assert 0 == tenants(*order, "--acknowledge").code


def test_a_run_that_the_rules_stopped_tells_their_findings(tenants: Cli, tmp_path: Path) -> None:
    tenant = "Northwind Dental"
    run = tenants("submit", tenant, subscription(tenants, tenant), "e3", "--json").json["id"]
    sick = tmp_path / "northwind-dental"
    shutil.copytree(data_path("demo") / "northwind-dental", sick)
    health = json.loads((sick / "healthOverviews.json").read_text(encoding="utf-8"))
    health["value"][0]["status"] = "serviceInterruption"
    (sick / "healthOverviews.json").write_text(json.dumps(health), encoding="utf-8")
    assert tenants("tenants", "import", str(sick)).code == 0

    assert tenants("worker", "--until-idle").code == 0

    (finding,) = [
        one for one in tenants("runs", "show", run, "--json").json["findings"] if one["severity"] == "blocker"
    ]
    assert ("service_unhealthy", "R7") == (finding["code"], finding["rule"])
    assert finding["sentence"] in tenants("runs", "show", run).out
    assert finding["sentence"] in tenants("runs", "list").out
