"""Tenants from real exports: what is read, and how a wrong file is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overstap.domain.tenant import Admin, AdminRole, BillingFrequency, Domain, PaymentMethod, ServiceHealth
from overstap.errors import BadInput
from overstap.providers.graph_export import ExportedSku, ExportedSubscription, TenantExport, read_export

ORG = "10000000-0000-0000-0000-000000000001"
E1 = "18181a46-0d4e-45cd-891e-60aabd171b4e"
FLOW = "f30db892-07e9-47e9-837c-80727f46fd3d"
OLD = "20000000-0000-0000-0000-000000000001"
NEW = "20000000-0000-0000-0000-000000000002"
FREE = "20000000-0000-0000-0000-000000000003"


def user_id(number: int) -> str:
    return f"40000000-0000-0000-0000-{number:012}"


def bought(commerce_id: str, sku: str = E1, part: str = "STANDARDPACK", **facts: Any) -> dict[str, Any]:
    return {
        "id": commerce_id.replace("2", "3", 1),
        "commerceSubscriptionId": commerce_id,
        "skuId": sku,
        "skuPartNumber": part,
        "status": "Enabled",
        "isTrial": False,
        "totalLicenses": 2,
        "createdDateTime": "2013-05-01T09:30:00Z",
        "nextLifecycleDateTime": None,
        "serviceStatus": [{"servicePlanName": "EXCHANGE_S_STANDARD", "provisioningStatus": "Success"}],
        **facts,
    }


def paid(method: str = "card") -> dict[str, Any]:
    return {"payment_method": method, "billing_frequency": "monthly", "legacy": False}


def person(number: int, *skus: str) -> dict[str, Any]:
    return {
        "id": user_id(number),
        "userPrincipalName": f"user{number}@x.example",
        "displayName": f"User {number}",
        "assignedLicenses": [{"skuId": sku, "disabledPlans": []} for sku in skus],
    }


def export() -> dict[str, dict[str, Any]]:
    """A whole export: two subscriptions of E1 with two seats each, one of a SKU no catalog knows, six users."""
    return {
        "organization.json": {"value": [{"id": ORG, "displayName": "Bakkerij De Vries", "preferredLanguage": "nl-NL"}]},
        "subscribedSkus.json": {
            "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#subscribedSkus",
            "value": [
                {"skuId": E1, "skuPartNumber": "STANDARDPACK", "consumedUnits": 5, "prepaidUnits": {"enabled": 4}},
                {"skuId": FLOW, "skuPartNumber": "FLOW_FREE", "consumedUnits": 1, "prepaidUnits": {"enabled": 100}},
            ],
        },
        "subscriptions.json": {
            "value": [
                bought(NEW, createdDateTime="2014-01-01T00:00:00+01:00"),
                bought(OLD),
                bought(FREE, FLOW, "FLOW_FREE", totalLicenses=100, createdDateTime="2017-01-01T00:00:00Z"),
            ]
        },
        "users.json": {"value": [person(1, E1, FLOW), *(person(number, E1) for number in (2, 3, 4, 5)), person(6)]},
        "domains.json": {
            "value": [
                {"id": "x.onmicrosoft.com", "isInitial": True, "isDefault": False},
                {"id": "x.example", "isInitial": False, "isDefault": True},
            ]
        },
        "healthOverviews.json": {
            "value": [
                {"id": "Exchange", "service": "Exchange Online", "status": "ServiceOperational"},
                {"id": "OrgLiveID", "service": "Identity Service", "status": "serviceRestored"},
            ]
        },
        "commerce.json": {
            "subscriptions": {OLD: paid("invoice"), NEW: paid(), FREE: paid()},
            "credit_limit": 1500.50,
            "admins": [{"userPrincipalName": "user1@x.example", "role": "global_admin"}],
        },
    }


def write(folder: Path, files: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, values in files.items():
        folder.joinpath(name).write_text(json.dumps(values), encoding="utf-8")
    return folder


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., TenantExport]:
    """Reads the whole export, spoilt as asked."""

    def spoilt(spoil: Callable[[dict[str, Any]], Any] = lambda _: None) -> TenantExport:
        files = export()
        spoil(files)
        return read_export(write(tmp_path / "export", files))

    return spoilt


@pytest.mark.rule("R7")
def test_an_export_is_read_whole(read: Callable[..., TenantExport]) -> None:
    tenant = read()

    assert (ORG, "Bakkerij De Vries", "nl", 150_050) == (tenant.id, tenant.name, tenant.locale, tenant.credit_limit)
    assert tenant.domains == (
        Domain("x.onmicrosoft.com", custom=False, default=False),
        Domain("x.example", custom=True, default=True),
    )
    assert tenant.services == (
        ServiceHealth("Exchange Online", "ServiceOperational", healthy=True),
        ServiceHealth("Identity Service", "serviceRestored", healthy=False),
    )
    assert tenant.admins == (Admin("user1@x.example", AdminRole.GLOBAL_ADMIN),)
    assert len(tenant.users) == 6
    assert tenant.subscriptions[0] == ExportedSubscription(
        id=OLD,
        graph_id="30000000-0000-0000-0000-000000000001",
        sku_id=E1,
        sku_part_number="STANDARDPACK",
        seats=2,
        status="Enabled",
        is_trial=False,
        provisioned=True,
        payment_method=PaymentMethod.INVOICE,
        billing_frequency=BillingFrequency.MONTHLY,
        legacy=False,
        created_at=datetime(2013, 5, 1, 9, 30, tzinfo=UTC),
    )


def test_an_unknown_sku_is_kept(read: Callable[..., TenantExport]) -> None:
    tenant = read()

    assert ExportedSku(FLOW, "FLOW_FREE", enabled=100, consumed=1) in tenant.skus
    assert "FLOW_FREE" in [held.sku_part_number for held in tenant.subscriptions]


def test_licences_fill_the_oldest_subscription_first_and_overflow_the_last(read: Callable[..., TenantExport]) -> None:
    assert read().assignments == (
        (user_id(1), OLD),
        (user_id(1), FREE),
        (user_id(2), OLD),
        (user_id(3), NEW),
        (user_id(4), NEW),
        (user_id(5), NEW),
    )


def test_a_subscription_that_ended_gets_no_licence_while_another_is_active(read: Callable[..., TenantExport]) -> None:
    tenant = read(lambda files: files["subscriptions.json"]["value"][1].update(status="Deleted"))

    assert {NEW} == {held for user, held in tenant.assignments if held != FREE}


def test_the_only_subscription_of_a_sku_gets_its_licences_in_any_status(
    read: Callable[..., TenantExport],
) -> None:
    tenant = read(lambda files: files["subscriptions.json"]["value"][2].update(status="Suspended"))

    assert (user_id(1), FREE) in tenant.assignments


def test_a_licence_without_any_subscription_is_kept_with_its_user(read: Callable[..., TenantExport]) -> None:
    stranger = "00000000-0000-0000-0000-00000000000f"
    tenant = read(lambda files: files["users.json"]["value"].append(person(7, stranger)))

    assert tenant.users[-1].licences == (stranger,)
    assert user_id(7) not in {user for user, _ in tenant.assignments}


@pytest.mark.parametrize(
    ("language", "locale"), [("nl", "nl"), ("NL-be", "nl"), ("en", "en"), ("de-DE", "en"), (None, "en"), ("", "en")]
)
def test_the_locale_is_dutch_or_english(read: Callable[..., TenantExport], language: Any, locale: str) -> None:
    assert locale == read(lambda f: f["organization.json"]["value"][0].update(preferredLanguage=language)).locale


@pytest.mark.rule("R6")
@pytest.mark.parametrize("status", ["PendingProvisioning", "PendingActivation", "Error", "success", "Disabled"])
def test_r6_only_success_is_provisioned(read: Callable[..., TenantExport], status: str) -> None:
    def spoil(files: dict[str, Any]) -> None:
        files["subscriptions.json"]["value"][1]["serviceStatus"].append({"provisioningStatus": status})

    assert not read(spoil).subscriptions[0].provisioned


@pytest.mark.parametrize(
    ("amount", "cents"), [(0, 0), (1500, 150_000), (0.1, 10), (1234567.89, 123_456_789), (1e3, 100_000), (10.50, 1050)]
)
def test_a_credit_limit_is_kept_to_the_cent(read: Callable[..., TenantExport], amount: float, cents: int) -> None:
    assert cents == read(lambda files: files["commerce.json"].update(credit_limit=amount)).credit_limit


def test_keys_that_graph_adds_are_ignored(read: Callable[..., TenantExport]) -> None:
    assert read() == read(lambda files: files["users.json"]["value"][0].update(jobTitle="Baker"))


@pytest.mark.parametrize("name", ["Zoë", "\u0418\u0432\u0430\u043d", "Jan\u00a0Smit", "\u200fsomebody", ""])
def test_names_are_kept_as_people_write_them(read: Callable[..., TenantExport], name: str) -> None:
    tenant = read(lambda files: files["users.json"]["value"][0].update(displayName=name))

    assert (name or "user1@x.example") == tenant.users[0].display_name


def test_ids_are_kept_in_lower_case(read: Callable[..., TenantExport]) -> None:
    def spoil(files: dict[str, Any]) -> None:
        files["users.json"]["value"][0]["assignedLicenses"][0]["skuId"] = E1.upper()

    assert read() == read(spoil)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    folder = write(tmp_path / "export", export())
    users = folder / "users.json"
    users.write_bytes(b"\xef\xbb\xbf" + users.read_bytes())

    assert len(read_export(folder).users) == 6


WRONG: list[tuple[str, Callable[[dict[str, Any]], Any]]] = [
    (
        "users.json: $.value[3].assignedLicenses[0].skuId: expected a GUID, found 12",
        lambda f: f["users.json"]["value"][3]["assignedLicenses"][0].update(skuId=12),
    ),
    (
        "users.json: $.value[0].id: expected a GUID, found 'x'",
        lambda f: f["users.json"]["value"][0].update(id="x"),
    ),
    (
        "users.json: $.value[1].displayName: expected a text without control characters",
        lambda f: f["users.json"]["value"][1].update(displayName="a\x00b"),
    ),
    (
        "users.json: $.value[2].userPrincipalName: is missing",
        lambda f: f["users.json"]["value"][2].pop("userPrincipalName"),
    ),
    ("users.json: $.value: expected a list, found an object", lambda f: f["users.json"].update(value={})),
    ("users.json: $.value: is missing", lambda f: f["users.json"].pop("value")),
    ("users.json: $: expected an object, found a list", lambda f: f.update({"users.json": []})),
    (
        f"users.json: $.value[5].id: '{user_id(1)}' is given at $.value[0] already",
        lambda f: f["users.json"]["value"][5].update(id=user_id(1)),
    ),
    (
        "users.json: $.value[5].userPrincipalName: 'USER1@x.example' is given at $.value[0] already",
        lambda f: f["users.json"]["value"][5].update(userPrincipalName="USER1@x.example"),
    ),
    (
        "users.json: $['@odata.nextLink']: the list goes on at another page",
        lambda f: f["users.json"].update({"@odata.nextLink": "https://graph.microsoft.com/v1.0/users?$skiptoken=x"}),
    ),
    (
        "organization.json: $.value: expected exactly one organisation, found 2",
        lambda f: f["organization.json"]["value"].append({"id": NEW, "displayName": "Other"}),
    ),
    (
        "organization.json: $.value: expected exactly one organisation, found 0",
        lambda f: f["organization.json"]["value"].clear(),
    ),
    (
        "organization.json: $.value[0].displayName: expected a text that is not empty, found ''",
        lambda f: f["organization.json"]["value"][0].update(displayName=""),
    ),
    (
        "subscribedSkus.json: $.value[0].prepaidUnits.enabled: expected a whole number, found '4'",
        lambda f: f["subscribedSkus.json"]["value"][0]["prepaidUnits"].update(enabled="4"),
    ),
    (
        f"subscribedSkus.json: $.value[1].skuId: '{E1}' is given at $.value[0] already",
        lambda f: f["subscribedSkus.json"]["value"][1].update(skuId=E1),
    ),
    (
        "subscriptions.json: $.value[0].totalLicenses: expected a number from 0 on, found -1",
        lambda f: f["subscriptions.json"]["value"][0].update(totalLicenses=-1),
    ),
    (
        "subscriptions.json: $.value[0].totalLicenses: expected a whole number, found true",
        lambda f: f["subscriptions.json"]["value"][0].update(totalLicenses=True),
    ),
    (
        "subscriptions.json: $.value[0].isTrial: expected true or false, found null",
        lambda f: f["subscriptions.json"]["value"][0].update(isTrial=None),
    ),
    (
        "subscriptions.json: $.value[0].createdDateTime: expected a moment with its time zone",
        lambda f: f["subscriptions.json"]["value"][0].update(createdDateTime="2014-05-01T00:00:00"),
    ),
    (
        "subscriptions.json: $.value[0].createdDateTime: expected a moment such as 2014-05-01T09:30:00Z, found 7",
        lambda f: f["subscriptions.json"]["value"][0].update(createdDateTime=7),
    ),
    (
        f"subscriptions.json: $.value[1].commerceSubscriptionId: '{NEW}' is given at $.value[0] already",
        lambda f: f["subscriptions.json"]["value"][1].update(commerceSubscriptionId=NEW),
    ),
    (
        "domains.json: $.value[1].id: 'X.ONMICROSOFT.COM' is given at $.value[0] already",
        lambda f: f["domains.json"]["value"][1].update(id="X.ONMICROSOFT.COM"),
    ),
    (
        "healthOverviews.json: $.value[0].status: is missing",
        lambda f: f["healthOverviews.json"]["value"][0].pop("status"),
    ),
    (
        f"commerce.json: $.subscriptions['{ORG}']: subscriptions.json has no subscription with this",
        lambda f: f["commerce.json"]["subscriptions"].update({ORG: paid()}),
    ),
    (
        f"commerce.json: $.subscriptions: {OLD} (STANDARDPACK) is missing; say how it is paid",
        lambda f: f["commerce.json"]["subscriptions"].pop(OLD),
    ),
    (
        "commerce.json: $.subscriptions.s1: expected a GUID, found 's1'",
        lambda f: f["commerce.json"]["subscriptions"].update(s1=paid()),
    ),
    (
        f"commerce.json: $.subscriptions['{OLD}'].payment_method: expected one of 'card', 'invoice', 'prepaid' or",
        lambda f: f["commerce.json"]["subscriptions"][OLD].update(payment_method="cash"),
    ),
    (
        f"commerce.json: $.subscriptions['{OLD}'].discount: is not known here; known are billing_frequency, legacy",
        lambda f: f["commerce.json"]["subscriptions"][OLD].update(discount=5),
    ),
    (
        "commerce.json: $.limit: is not known here; known are admins, credit_limit, subscriptions",
        lambda f: f["commerce.json"].update(limit=5),
    ),
    (
        "commerce.json: $.admins[0].role: expected one of 'global_admin' or 'admin', found 'owner'",
        lambda f: f["commerce.json"]["admins"][0].update(role="owner"),
    ),
    (
        "commerce.json: $.credit_limit: expected an amount such as 1500 or 1500.50, found '1500'",
        lambda f: f["commerce.json"].update(credit_limit="1500"),
    ),
    (
        "commerce.json: $.credit_limit: expected an amount from 0 to 1000000000000 with at most two decimals, found -1",
        lambda f: f["commerce.json"].update(credit_limit=-1),
    ),
    (
        "with at most two decimals, found 10.005",
        lambda f: f["commerce.json"].update(credit_limit=10.005),
    ),
]


@pytest.mark.parametrize(("message", "spoil"), WRONG, ids=[message for message, _ in WRONG])
def test_a_wrong_file_is_told_with_file_place_and_expectation(
    read: Callable[..., TenantExport], message: str, spoil: Callable[[dict[str, Any]], Any]
) -> None:
    with pytest.raises(BadInput) as error:
        read(spoil)

    assert message in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"value": [\n  {"id": }\n]}', "users.json: line 2 column 10: no valid JSON"),
        (b"", "users.json: line 1 column 1: no valid JSON"),
        (b'{"value":\n ["\xe9"]}', "users.json: line 2: expected UTF-8, found byte 0xe9"),
        ('{"value": []}'.encode("utf-16"), "users.json: expected UTF-8, found UTF-16"),
        (b'{"value": [], "value": []}', "users.json: the key 'value' is given twice in one object"),
        (b'{"value": [NaN]}', "users.json: expected JSON, found NaN"),
        (b"[" * 200_000, "users.json: no JSON that can be read"),
        (b'{"value": [' + b"9" * 5000 + b"]}", "users.json: no JSON that can be read"),
    ],
    ids=["syntax", "empty", "latin-1", "utf-16", "doubled key", "not a number", "too deep", "endless number"],
)
def test_a_file_that_is_no_json_is_told(tmp_path: Path, content: bytes, message: str) -> None:
    folder = write(tmp_path / "export", export())
    (folder / "users.json").write_bytes(content)

    with pytest.raises(BadInput) as error:
        read_export(folder)

    assert message in str(error.value)


@pytest.mark.parametrize("name", list(export()))
def test_every_file_is_needed(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path / "export", export())
    (folder / name).unlink()

    with pytest.raises(BadInput) as error:
        read_export(folder)

    assert f"{folder / name}: there is no such file; an export has organization.json, " in str(error.value)


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no such folder"):
        read_export(tmp_path / "nowhere")


def test_many_mistakes_are_told_together_up_to_ten(read: Callable[..., TenantExport]) -> None:
    def spoil(files: dict[str, Any]) -> None:
        files["users.json"]["value"] = [{**person(number), "id": number} for number in range(12)]

    with pytest.raises(BadInput) as error:
        read(spoil)

    lines = str(error.value).splitlines()
    assert len(lines) == 11
    assert lines[-1].endswith("users.json: and 2 more")


def leaves(value: Any, steps: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [steps, *(place for step, part in inside for place in leaves(part, (*steps, step)))]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(), part, max_size=3),
    max_leaves=4,
)


@given(place=st.sampled_from([place for place in leaves(export()) if place]), value=ANYTHING)
def test_whatever_stands_in_a_file_it_is_read_or_told_where_it_is_wrong(place: tuple[Any, ...], value: Any) -> None:
    files: Any = export()
    spot = files
    for step in place[:-1]:
        spot = spot[step]
    spot[place[-1]] = value

    with TemporaryDirectory() as folder:
        write(Path(folder), files)
        told = ""
        try:
            read_export(Path(folder))
        except BadInput as error:
            told = str(error)

    assert told == "" or any(name in told for name in (place[0], "commerce.json"))
