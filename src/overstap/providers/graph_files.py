"""The files of a tenant's export, one model each: Microsoft Graph's answers, and what Graph does not know.

Keys that Graph adds are ignored; in `commerce.json`, which people write, an unknown key is an error.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Generic, NoReturn, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool
from pydantic.alias_generators import to_camel

from overstap.domain.reading import Count, Guid, Moment, Text, TextOrNothing, expected, place, read_model
from overstap.domain.tenant import AdminRole, BillingFrequency, PaymentMethod
from overstap.errors import BadInput

M = TypeVar("M", bound=BaseModel)
Item = TypeVar("Item")

FILES = (
    "organization.json",
    "subscribedSkus.json",
    "subscriptions.json",
    "users.json",
    "domains.json",
    "healthOverviews.json",
    "commerce.json",
)
_CENT = Decimal("0.01")
_MOST = Decimal(10**12)
_MARKS = ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))


def _cents(value: object) -> int:
    """An amount in currency units as cents; never rounded."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise expected("an amount such as 1500 or 1500.50")
    amount = Decimal(value)
    if not 0 <= amount <= _MOST or amount != amount.quantize(_CENT):
        raise expected(f"an amount from 0 to {_MOST} with at most two decimals")
    return int(amount * 100)


class Graph(BaseModel):
    """An object as Graph answers it."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)  # type: ignore[pydantic-alias]


class Page(BaseModel, Generic[M]):
    """What Graph answers to a question for a list."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    value: list[M]


class Organization(Graph):
    """`GET /organization`."""

    id: Guid
    display_name: Text
    preferred_language: TextOrNothing | None = None


class PrepaidUnits(Graph):
    """How many licences of a SKU can be used."""

    enabled: Count


class SubscribedSku(Graph):
    """`GET /subscribedSkus`."""

    sku_id: Guid
    sku_part_number: Text
    consumed_units: Count
    prepaid_units: PrepaidUnits


class ServiceStatus(Graph):
    """How far one service of a subscription is set up."""

    provisioning_status: Text


class DirectorySubscription(Graph):
    """`GET /directory/subscriptions`."""

    id: Guid
    commerce_subscription_id: Guid
    sku_id: Guid
    sku_part_number: Text
    status: Text
    is_trial: StrictBool
    total_licenses: Count
    created_date_time: Moment
    service_status: list[ServiceStatus]


class AssignedLicense(Graph):
    """One licence of a user."""

    sku_id: Guid


class User(Graph):
    """`GET /users`."""

    id: Guid
    user_principal_name: Text
    display_name: TextOrNothing | None = None
    assigned_licenses: list[AssignedLicense]


class DomainEntry(Graph):
    """`GET /domains`."""

    id: Text
    is_initial: StrictBool
    is_default: StrictBool


class HealthOverview(Graph):
    """`GET /admin/serviceAnnouncement/healthOverviews`."""

    id: Text
    service: Text
    status: Text


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CommerceEntry(_Strict):
    """How one subscription is paid."""

    payment_method: PaymentMethod
    billing_frequency: BillingFrequency
    legacy: StrictBool


class CommerceAdmin(_Strict):
    """A person who may order."""

    user_principal_name: Text = Field(alias="userPrincipalName")
    role: AdminRole


class Commerce(_Strict):
    """`commerce.json`; the credit limit is given in currency units and kept in cents."""

    subscriptions: dict[Guid, CommerceEntry]
    credit_limit: Annotated[int, BeforeValidator(_cents)]
    admins: list[CommerceAdmin]


def read_list(folder: Path, name: str, item: type[M]) -> list[M]:
    """Read the list that a Graph answer holds under `value`.

    Raises:
        BadInput: naming file, place and what was expected.
    """
    path = folder / name
    values = _read_json(path)
    if isinstance(values, dict) and values.get("@odata.nextLink"):
        raise BadInput(
            f"{path}: {place('$', ('@odata.nextLink',))}: the list goes on at another page; "
            f"put the values of all pages into this file"
        )
    page: type[Page[M]] = Page[item]  # type: ignore[valid-type]
    return read_model(page, values, str(path), "$").value


def read_commerce(folder: Path) -> Commerce:
    """Read `commerce.json`.

    Raises:
        BadInput: naming file, place and what was expected.
    """
    path = folder / "commerce.json"
    return read_model(Commerce, _read_json(path), str(path), "$")


def refuse_repeated(path: Path, key: str, items: Iterable[Item], key_of: Callable[[Item], str]) -> None:
    """Refuse a list in which two items have the same key, in any letter case.

    Raises:
        BadInput: naming both places.
    """
    seen: dict[str, int] = {}
    for index, item in enumerate(items):
        value = key_of(item)
        first = seen.setdefault(value.casefold(), index)
        if first != index:
            raise BadInput(f"{path}: $.value[{index}].{key}: {value!r} is given at $.value[{first}] already")


def _read_json(path: Path) -> Any:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file; an export has {', '.join(FILES)}") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from error
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            raise BadInput(f"{path}: expected UTF-8, found {encoding}; save the file as UTF-8")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BadInput(
            f"{path}: line {line}: expected UTF-8, found byte 0x{raw[error.start]:02x}; save the file as UTF-8"
        ) from error
    return _parse(path, text)


def _parse(path: Path, text: str) -> Any:
    def no_number(word: str) -> NoReturn:
        raise BadInput(f"{path}: expected JSON, found {word}, which is no number in JSON")

    def no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) < len(pairs):
            keys = [key for key, _ in pairs]
            repeated = next(key for key in keys if keys.count(key) > 1)
            raise BadInput(f"{path}: the key {repeated!r} is given twice in one object")
        return values

    try:
        return json.loads(text, parse_float=Decimal, parse_constant=no_number, object_pairs_hook=no_repeats)
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}: line {error.lineno} column {error.colno}: no valid JSON: {error.msg}") from error
    except (RecursionError, ValueError) as error:
        raise BadInput(f"{path}: no JSON that can be read: it is nested too deeply or has an endless number") from error
