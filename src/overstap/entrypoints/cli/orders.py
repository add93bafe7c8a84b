"""`submit` and `signal`: what changes a run from outside; and `verify`."""

from __future__ import annotations

import os
import pwd
from typing import Annotated

import typer

from overstap.app.portal import By
from overstap.domain.change import PlanChange, Route
from overstap.domain.findings import NotEligible
from overstap.entrypoints import shapes, words
from overstap.entrypoints.cli.face import (
    ActingOption,
    BillingOption,
    Face,
    JsonFlag,
    LocaleOption,
    PaymentOption,
    PlanArgument,
    SeatsOption,
    SubscriptionArgument,
    TenantArgument,
    command,
    find_tenant,
    run_id,
    whole,
)
from overstap.workflow.priority import Priority


def actor_of(acting_upn: str | None) -> str:
    """Who does something, as it is written down: the tenant's admin, else whoever sits at the terminal."""
    return f"admin:{acting_upn}" if acting_upn else operator()


def asked_by(acting_upn: str | None, reason: str, key: str | None) -> By:
    """Who asks for something beside a change, and why, as the command line tells it."""
    return By(actor_of(acting_upn), reason, acting_upn, key)


def operator() -> str:
    """Who sits at the terminal, as the journal names it: whose account it is, whatever LOGNAME or USER say.

    An account without a name, as in some containers, is called by its number: two of them are two people.
    """
    uid = os.getuid()
    try:
        return f"operator:{pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"operator:uid-{uid}"


def submit(
    face: Face,
    tenant: TenantArgument,
    subscription: SubscriptionArgument,
    plan: PlanArgument,
    seats: SeatsOption = None,
    payment: PaymentOption = None,
    billing: BillingOption = None,
    acting_upn: ActingOption = None,
    key: Annotated[
        str | None, typer.Option(metavar="KEY", help="The same key again gives the same run, never a second one.")
    ] = None,
    manual: Annotated[
        bool, typer.Option("--manual", help="The manual way, for what the wizard does not do: people do some steps.")
    ] = False,
    acknowledged: Annotated[
        bool, typer.Option("--acknowledge", help="You know that there is no way back from another family.")
    ] = False,
    priority: Annotated[
        Priority, typer.Option(help="Its place among other due runs: ten minutes ahead, or behind.")
    ] = Priority.NORMAL,
    locale: LocaleOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Order a plan change."""
    with face.app() as app:
        change = PlanChange(
            tenant_id=find_tenant(app.service, tenant).id,
            subscription_id=subscription.strip().lower(),
            target_plan=plan.strip().lower(),
            seats=seats,
            payment_method=payment,
            billing_frequency=billing,
            acting_upn=acting_upn,
            route=Route.MANUAL if manual else Route.WIZARD,
            acknowledged=acknowledged,
        )
        try:
            stored, is_new = app.service.submit(
                change, key=key, actor=actor_of(acting_upn), locale=locale, priority=priority
            )
        except NotEligible as error:
            if "acknowledgement_missing" in {finding.code for finding in error.findings}:
                error.add_note("`overstap submit --acknowledge …` acknowledges it.")
            raise
        if as_json:
            face.json(whole(app, stored))
            return
        run = stored.run
        face.tell(f"{run.id}  {words.title(run)}  {words.change(run)}  {run.state}")
        if is_new and manual:
            face.tell("A worker checks the order next; then people have their turn: overstap tasks list")
            if acknowledged and acting_upn is None:
                face.tell("To another family an admin has to acknowledge it: --acknowledge counts with --as UPN.")
        elif is_new:
            face.tell("A worker checks the order and places it next; the change then goes on by itself.")
        else:
            face.tell("This key was used before for the same change: this is that run, nothing new was ordered.")
        face.tell(f"Follow it: overstap runs watch {run.id}")


def signal(
    face: Face,
    run: Annotated[str, typer.Argument(metavar="ID", help="Id of the run.")],
    event: Annotated[str, typer.Argument(metavar="EVENT", help="credit_approved, credit_declined or cancel.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; it goes into the journal.")],
    as_json: JsonFlag = False,
) -> None:
    """Send a run something from outside: a credit decision, or cancel."""
    with face.app() as app:
        stored = app.service.signal(run_id(run), event, reason=reason, actor=operator())
        if as_json:
            face.json(whole(app, stored))
            return
        inbox = f"the inbox of run {stored.run.id} ({stored.run.state})"
        face.tell(f"{event} is in {inbox}; it is applied once the run awaits it.")


def verify(face: Face, as_json: JsonFlag = False) -> None:
    """Check that everything that must always hold does hold, over the whole database."""
    with face.app() as app:
        report = app.verify()
    if as_json:
        face.json(shapes.report(report))
    else:
        table = words.table("rule", "what must hold", "looked at#", "breaches#")
        for check in report.checks:
            style = "red" if check.breaches else None
            table.add_row(check.rule, check.law, str(check.looked_at), str(len(check.breaches)), style=style)
        face.print(table)
        for check in report.checks:
            for breach in check.breaches:
                face.tell(f"{check.rule}: {breach}")
        breaches = sum(len(check.breaches) for check in report.checks)
        face.tell("Everything holds." if report.ok else f"{breaches} breach{'es' if breaches > 1 else ''} found.")
    if not report.ok:
        raise typer.Exit(1)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    command(app, "submit")(submit)
    command(app, "signal")(signal)
    command(app, "verify")(verify)
