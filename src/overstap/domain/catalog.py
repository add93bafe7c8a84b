"""What is sold and which change is allowed: families, plans and pairs (rules.md §H and §I)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID, uuid5

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, StrictStr

from overstap.domain.reading import Count, Guid, Text, expected, place, read_model
from overstap.errors import BadInput, NotFound

_STAND_INS = UUID("5f0c6c1e-0d1f-4d5c-9e0a-0365a7c4b1de")
_STANDALONE = "standalone"


class ChangeKind(StrEnum):
    """The three kinds of change (rules.md R1)."""

    SAME_FAMILY = "same_family"
    FROM_STANDALONE = "from_standalone"
    OTHER_FAMILY = "other_family"


@dataclass(frozen=True, slots=True)
class Sku:
    """What a plan is sold as: part number, e.g. `STANDARDPACK`, and id (a GUID in lower case)."""

    part_number: str
    id: str


@dataclass(frozen=True, slots=True)
class Family:
    """A set of plans, e.g. `enterprise`."""

    id: str
    name_en: str
    name_nl: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Something that is sold by the seat.

    Attributes:
        id: stable, used everywhere, e.g. `e3`.
        variants_nl: other Dutch names under which the plan goes.
        sku_part_number: as Microsoft names it; None when public tables disagree.
        sku_id: a GUID in lower case; None when it is not known.
        monthly_cents: price per seat and month, in cents of the catalog's currency.
        seat_limit: the most seats that the plan is sold with; None without such a limit.
    """

    id: str
    family: str
    name_en: str
    name_nl: str
    variants_nl: tuple[str, ...]
    sku_part_number: str | None
    sku_id: str | None
    monthly_cents: int
    seat_limit: int | None

    @property
    def sku(self) -> Sku:
        """The SKU of the plan; where a part of it is not known, a stand-in made of the plan's id (`EDUCATION_A1`)."""
        return Sku(
            part_number=self.sku_part_number or self.id.upper().replace("-", "_"),
            id=self.sku_id or str(uuid5(_STAND_INS, self.id)),
        )


@dataclass(frozen=True, slots=True)
class Pair:
    """A change that the wizard offers (rules.md §H).

    Attributes:
        closed: why it is closed, by locale; None while it is open.
    """

    source: str
    target: str
    closed: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Catalog:
    """All that is sold, in the order of the file.

    Attributes:
        version: which edition of the file this is; a run remembers it.
        currency: ISO 4217 code of all prices.
        plans: by id.
        pairs: by ids of source and target plan.
    """

    version: int
    currency: str
    families: tuple[Family, ...]
    plans: Mapping[str, Plan]
    pairs: Mapping[tuple[str, str], Pair]
    _by_sku: Mapping[str, Plan] = field(repr=False, compare=False)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], file: str = "catalog.toml") -> Catalog:
        """Check and take over what a catalog file holds.

        Args:
            values: as a TOML reader gives them.
            file: how messages name the file.

        Raises:
            BadInput: naming file, place and what was expected.
        """
        given = read_model(_CatalogFile, values, file)
        problem = _contradiction(given)
        if problem:
            raise BadInput(f"{file}: {problem}")
        plans = {plan.id: _plan(plan) for plan in given.plans}
        by_sku = {plan.sku.part_number.casefold(): plan for plan in plans.values()}
        by_sku |= {plan.sku.id: plan for plan in plans.values()}
        pairs = {(pair.source, pair.target): _pair(pair) for pair in given.pairs}
        families = tuple(Family(known.id, known.name_en, known.name_nl) for known in given.families)
        return cls(given.version, given.currency, families, plans, pairs, by_sku)

    def plan(self, plan_id: str) -> Plan:
        """The plan with that id.

        Raises:
            NotFound: naming the plans that there are.
        """
        try:
            return self.plans[plan_id]
        except KeyError:
            raise NotFound(f"No plan is called {plan_id!r}; plans are {', '.join(self.plans)}.") from None

    def family_of(self, plan_id: str | None) -> str | None:
        """The family of a plan, None for one that is not sold here."""
        plan = self.plans.get(plan_id or "")
        return plan.family if plan else None

    def plan_of_sku(self, sku_part_number: str | None, sku_id: str | None = None) -> Plan | None:
        """The plan that is sold as this SKU, None when the catalog does not know it; the id decides, then the name."""
        return self._by_sku.get((sku_id or "").lower()) or self._by_sku.get((sku_part_number or "").casefold())

    def pair(self, source: str, target: str) -> Pair | None:
        """The listed change between two plans, open or closed; None when it is not listed (rules.md R5)."""
        return self.pairs.get((source, target))

    def targets(self, source: str) -> tuple[Plan, ...]:
        """The plans that a plan may change to at present (rules.md R24): closed pairs are left out."""
        return tuple(
            self.plans[pair.target] for pair in self.pairs.values() if pair.source == source and not pair.closed
        )

    def kind(self, source: str, target: str) -> ChangeKind:
        """Which kind of change it is (rules.md R1); from a standalone plan it is always `FROM_STANDALONE`.

        Raises:
            NotFound: when there is no such plan.
        """
        old, new = self.plan(source).family, self.plan(target).family
        if old == _STANDALONE:
            return ChangeKind.FROM_STANDALONE
        return ChangeKind.SAME_FAMILY if old == new else ChangeKind.OTHER_FAMILY


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _FamilyEntry(_Strict):
    id: Text
    name_en: Text
    name_nl: Text


class _PlanEntry(_Strict):
    id: Text
    family: Text
    name_en: Text
    name_nl: Text
    variants_nl: list[Text] = []
    sku_part_number: Text | None = None
    sku_id: Guid | None = None
    monthly_cents: Count
    seat_limit: Annotated[StrictInt, Field(ge=1)] | None = None


class _Reason(_Strict):
    nl: Text
    en: Text


def _in_each_language(value: object) -> object:
    if isinstance(value, str):
        return dict.fromkeys(_Reason.model_fields, value)
    if isinstance(value, dict):
        return value
    raise expected("a text, or one for each language such as {nl = …, en = …}")


class _PairEntry(_Strict):
    source: Text = Field(alias="from")
    target: Text = Field(alias="to")
    closed: Annotated[_Reason | None, BeforeValidator(_in_each_language)] = None


class _CatalogFile(_Strict):
    version: Annotated[StrictInt, Field(ge=1)]
    currency: Annotated[StrictStr, Field(pattern="^[A-Z]{3}$")]
    families: list[_FamilyEntry]
    plans: list[_PlanEntry]
    pairs: list[_PairEntry]


def _plan(given: _PlanEntry) -> Plan:
    return Plan(
        id=given.id,
        family=given.family,
        name_en=given.name_en,
        name_nl=given.name_nl,
        variants_nl=tuple(given.variants_nl),
        sku_part_number=given.sku_part_number,
        sku_id=given.sku_id,
        monthly_cents=given.monthly_cents,
        seat_limit=given.seat_limit,
    )


def _pair(given: _PairEntry) -> Pair:
    return Pair(given.source, given.target, given.closed.model_dump() if given.closed else None)


def _contradiction(given: _CatalogFile) -> str | None:
    """The first place where entries do not fit each other, None when all do."""
    families = [family.id for family in given.families]
    plans = [plan.id for plan in given.plans]
    skus = [_plan(plan).sku for plan in given.plans]
    return (
        _repeated("families", "id", families)
        or _repeated("plans", "id", plans)
        or _repeated("plans", "sku_part_number", [sku.part_number.casefold() for sku in skus])
        or _repeated("plans", "sku_id", [sku.id for sku in skus])
        or _stranger("plans", "family", "family", [plan.family for plan in given.plans], families)
        or _stranger("pairs", "from", "plan", [pair.source for pair in given.pairs], plans)
        or _stranger("pairs", "to", "plan", [pair.target for pair in given.pairs], plans)
        or _repeated("pairs", None, [(pair.source, pair.target) for pair in given.pairs])
        or _standstill(given)
    )


def _repeated(table: str, key: str | None, values: list[Any]) -> str | None:
    for index, value in enumerate(values):
        if value in values[:index]:
            steps = (table, index, key) if key else (table, index)
            first = place("", (table, values.index(value)))
            return f"{place('', steps)}: the same is given in {first} already"
    return None


def _stranger(table: str, key: str, what: str, values: list[str], known: list[str]) -> str | None:
    for index, value in enumerate(values):
        if value not in known:
            plural = "families" if what == "family" else f"{what}s"
            return f"{place('', (table, index, key))}: no {what} is called {value!r}; {plural} are {', '.join(known)}"
    return None


def _standstill(given: _CatalogFile) -> str | None:
    for index, pair in enumerate(given.pairs):
        if pair.source == pair.target:
            return f"{place('', ('pairs', index))}: a plan does not change to itself"
    return None
