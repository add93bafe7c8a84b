"""`overstap catalog …`: what is sold, and which change is allowed; needs no database."""

from __future__ import annotations

import typer

from overstap.app.catalog_file import load_catalog
from overstap.domain.catalog import Pair
from overstap.entrypoints import shapes, words
from overstap.entrypoints.cli.face import Face, JsonFlag, command

group = typer.Typer(help="The catalog: plans, and which change is allowed.", no_args_is_help=True)


def pairs(face: Face, as_json: JsonFlag = False) -> None:
    """List the changes that are allowed, from which plan to which."""
    catalog = load_catalog(face.settings.catalog)
    if as_json:
        face.json([shapes.pair(pair) for pair in catalog.pairs.values()])
        return
    table = words.table("from", "to")
    for source in dict.fromkeys(pair.source for pair in catalog.pairs.values()):
        targets = [pair for pair in catalog.pairs.values() if pair.source == source]
        table.add_row(source, ", ".join(_target(one) for one in targets))
    face.print(table)


def _target(pair: Pair) -> str:
    return f"{pair.target} (closed: {words.ENGLISH.tell(pair.closed)})" if pair.closed else pair.target


def plans(face: Face, as_json: JsonFlag = False) -> None:
    """List the plans."""
    catalog = load_catalog(face.settings.catalog)
    if as_json:
        face.json([shapes.plan(plan) for plan in catalog.plans.values()])
        return
    table = words.table("plan", "family", "name", "Dutch name", "SKU", f"{catalog.currency}/seat/month#")
    for plan in catalog.plans.values():
        price = f"{plan.monthly_cents / 100:.2f}"
        table.add_row(plan.id, plan.family, plan.name_en, plan.name_nl, plan.sku_part_number or "", price)
    face.print(table)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    command(group, "pairs")(pairs)
    command(group, "plans")(plans)
    app.add_typer(group, name="catalog")
