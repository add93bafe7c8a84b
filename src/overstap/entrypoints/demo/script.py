"""The demo's script: which tenant orders what, what goes wrong on the way, and how fast the clock runs."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from overstap.errors import BadInput
from overstap.providers.graph_export import TenantExport, read_export

FILE = "demo.toml"


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Pacing(_Entry):
    """How fast the clock runs.

    Attributes:
        speed: clock seconds per machine second while something is under way.
        leap: while everything is parked the rest of the wait shrinks e-fold in so many machine seconds.
        encore: clock seconds per machine second once everything has ended, for those who stay and look around.
    """

    speed: float = Field(default=300, gt=0)
    leap: float = Field(default=0.8, gt=0)
    encore: float = Field(default=60, gt=0)


class Order(_Entry):
    """A change that the demo orders; `tenant` is the name of its folder."""

    tenant: str
    to: str
    acknowledged: bool = False
    manual: bool = False


class _File(_Entry):
    clock: Pacing = Pacing()
    worker: dict[str, Any] = {}
    embedded: dict[str, Any] = {}
    changes: list[Order] = Field(min_length=1)
    encore: list[Order] = []
    guest: str | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """The script with all its tenants read.

    Attributes:
        orders: in the order of the file, each with its tenant's export.
        encore: what is ordered for those who stay once all of that has ended.
        guest: the tenant whose administrator visitors may be; None where the script names none.
        settings: what the demo sets otherwise, as `load_settings` takes it; tenants by their ids.
    """

    pacing: Pacing
    tenants: list[TenantExport]
    orders: list[tuple[Order, TenantExport]]
    encore: list[tuple[Order, TenantExport]]
    guest: TenantExport | None
    settings: dict[str, Any]


def read_script(folder: Path) -> Script:
    """Read the script and the tenants beside it.

    Args:
        folder: has `demo.toml`, and one folder for each tenant.

    Raises:
        BadInput: naming file, place and what was expected.
    """
    file = folder / FILE
    try:
        given = _File.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise BadInput(f"{file}: {error.strerror}; the demo's script is expected there") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{file}: expected a TOML file in UTF-8: {error}") from None
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise BadInput(f"{file}: {'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}") from None
    exports = {path.name: read_export(path) for path in sorted(folder.iterdir()) if path.is_dir()}

    def known(slug: str) -> TenantExport:
        if slug not in exports:
            raise BadInput(f"{file}: there is no tenant {slug!r} beside it; tenants are {', '.join(exports)}")
        return exports[slug]

    embedded = dict(given.embedded)
    embedded["tenants"] = {known(slug).id: values for slug, values in embedded.get("tenants", {}).items()}
    embedded["faults"] = [
        {**fault, "tenant": known(fault["tenant"]).id} if "tenant" in fault else fault
        for fault in embedded.get("faults", [])
    ]
    return Script(
        pacing=given.clock,
        tenants=list(exports.values()),
        orders=[(order, known(order.tenant)) for order in given.changes],
        encore=[(order, known(order.tenant)) for order in given.encore],
        guest=None if given.guest is None else known(given.guest),
        settings={"worker": given.worker, "embedded": embedded},
    )
