"""`overstap replay …`: plan a replay, look at it, approve it, do exactly that, and see what came of it (design §5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer

from overstap.app.replay_planning import FATES, REPEATED, Wish
from overstap.app.replay_receipt import Line, Receipt
from overstap.bootstrap import App
from overstap.entrypoints import replay_shapes as shapes
from overstap.entrypoints import words
from overstap.entrypoints.cli.face import Face, JsonFlag, command, run_id
from overstap.entrypoints.cli.filters import Chosen, takes_filter
from overstap.entrypoints.cli.orders import operator
from overstap.entrypoints.cli.replay_progress import follow
from overstap.errors import BadInput
from overstap.store.replays import ReplayItem, ReplayPlan
from overstap.workflow.pauses import Pause
from overstap.workflow.replay import DeadlinePolicy, Outcome, Result

group = typer.Typer(help="Replays: plan first, then exactly that.", no_args_is_help=True)

PlanArgument = Annotated[str, typer.Argument(metavar="PLAN", help="Id of the plan.")]
WhyOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept with what was done.")]
_SHOWN = 40
_TOLD = {
    Result.PASSED: "passed the step",
    Result.SAME_ERROR: "stuck again (same error)",
    Result.NEW_ERROR: "stuck again (new error)",
    Result.LEFT: "left the step",
    Result.UNDER_WAY: "still at it",
}


@takes_filter
def plan(
    face: Face,
    chosen: Chosen,
    runs: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Ids of runs, instead of a filter.")] = None,
    *,
    deadline: Annotated[
        str, typer.Option(metavar="WHAT", help="keep, reset or extend:DURATION: what becomes of their deadlines.")
    ],
    step: Annotated[
        str | None,
        typer.Option("--from", metavar="STEP", help="Back to this step, or STATE/STEP; where it sticks if left out."),
    ] = None,
    resolve: Annotated[
        str | None, typer.Option(metavar="HOW", help="lookup: look unknown effects up at the provider.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Write the plan of a replay, and show it; nothing else is changed."""
    if resolve not in {None, "lookup"}:
        raise BadInput(f"--resolve {resolve!r}: write lookup; nothing else resolves an unknown effect.")
    policy = DeadlinePolicy.parse(deadline)
    with face.app() as app:
        wanted = chosen.filter(app)
        if runs and not wanted.is_empty:
            raise BadInput("Give the ids of runs or a filter, not both.")
        wish = Wish(policy, step, resolve=resolve is not None)
        made, _ = app.replays.plan([run_id(one) for one in runs] if runs else wanted, wish, actor=operator())
        receipt = app.replays.receipt(made.id)
        paused = _paused(app, receipt)
    if as_json:
        face.json(shapes.receipt(receipt))
        return
    _header(face, receipt)
    _verdicts(face, [line.item for line in receipt.lines])
    if any(line.item.will_run for line in receipt.lines):
        words.paused(face.tell, paused)
        _next(face, receipt.plan)
    else:
        face.tell("Nothing of it would run; the verdicts say why, and what to do instead.")


def list_(face: Face, as_json: JsonFlag = False) -> None:
    """List the plans, the newest first."""
    with face.app() as app:
        found = app.replays.all()
    if as_json:
        face.json([shapes.listed(*one) for one in found])
        return
    if not found:
        face.tell("No plans yet; `overstap replay plan` makes one.")
        return
    table = words.table("plan", "made", "by", "will run#", "skipped#", "valid until", "approved by", "run by")
    for made, will_run, skipped in found:
        approved = made.approved_by or ("nobody yet" if made.needs_approval else "not needed")
        moments = (words.when(made.at), made.actor, str(will_run), str(skipped), words.when(made.valid_until))
        table.add_row(made.id, *moments, approved, made.executed_by or "nobody yet")
    face.print(table)


def show(face: Face, plan: PlanArgument, as_json: JsonFlag = False) -> None:
    """Show a plan, who approved and ran it, and what came of each run."""
    with face.app() as app:
        receipt = app.replays.receipt(run_id(plan))
    _show(face, receipt, as_json=as_json)


def approve(face: Face, plan: PlanArgument, reason: WhyOption, as_json: JsonFlag = False) -> None:
    """Approve a plan as a second person."""
    with face.app() as app:
        made = app.replays.approve(run_id(plan), actor=operator(), reason=reason)
    if as_json:
        face.json(shapes.plan_summary(made))
        return
    face.tell(f"Plan {made.id} is approved by {made.approved_by}.")
    _next(face, made)


def run(
    face: Face,
    plan: PlanArgument,
    reason: WhyOption,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait for what comes of it.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Do what a plan says and nothing else, and wait for what comes of it."""
    with face.app() as app:
        known = run_id(plan)
        first = app.replays.run(known, actor=operator(), reason=reason)
        if not as_json and not first:
            face.tell("This plan was run before: nothing is done again, this is its receipt.")
        if not as_json:
            words.paused(face.tell, _paused(app, app.replays.receipt(known)))
        receipt = app.replays.receipt(known) if no_wait else follow(app, face.out, known, quiet=as_json)
    _show(face, receipt, as_json=as_json)
    if not receipt.passed and not no_wait:
        raise typer.Exit(1)


def rehearse(face: Face, plan: PlanArgument, as_json: JsonFlag = False) -> None:
    """Play a plan on a copy, and say what would happen; nothing real is touched."""
    if face.settings.logs.level != "error":
        face.override(logs={"level": "warning"})  # where its runs go on the copy is no news to anybody
    with face.app() as app:
        known = run_id(plan)
        played = app.rehearsals.play(known)
        paused = _paused(app, app.replays.receipt(known))
    if as_json:
        face.json([shapes.rehearsed(one) for one in played])
        return
    table = words.table("run", "what would come of it", "state then", "new effects")
    for one in played[:_SHOWN]:
        new = Counter(operation for _, operation in one.done_anew)
        effects = ", ".join(f"{count} {operation}" for operation, count in new.items()) or "none"
        state = "" if one.state is None else words.state(one.state)
        table.add_row(one.run_id, _said(one.outcome, one.skipped), state, effects)
    face.print(table)
    _more(face, len(played))
    face.tell(
        "Rehearsed on a copy, at most an hour long. Effects that the ledger knows were answered from it; new ones were"
    )
    face.tell("played against a copy of the provider's books, without its faults: the real one may answer otherwise.")
    face.tell("Pauses were not looked at: on the copy nothing is paused.")
    words.paused(face.tell, paused)


def _show(face: Face, receipt: Receipt, *, as_json: bool) -> None:
    if as_json:
        face.json(shapes.receipt(receipt))
        return
    _header(face, receipt)
    if receipt.plan.executed_at is None:
        _verdicts(face, [line.item for line in receipt.lines])
        _next(face, receipt.plan)
        return
    table = words.table("run", "tenant", "state now", "receipt")
    for line in receipt.lines[:_SHOWN]:
        state = "" if line.state is None else words.state(line.state)
        table.add_row(line.item.run_id, _tenant(line.item), state, _said(line.outcome, line.skipped))
    face.print(table)
    _more(face, len(receipt.lines))
    counted = Counter(_short(line) for line in receipt.lines)
    face.tell(", ".join(f"{count} {what}" for what, count in counted.most_common()) + ".")


def _paused(app: App, receipt: Receipt) -> list[Pause]:
    """What is paused now, and would keep runs that a plan replays from going on."""
    items = [line.item for line in receipt.lines if line.item.will_run]
    return app.operators.pauses_in({item.detail["workflow"] for item in items if "workflow" in item.detail})


def _header(face: Face, receipt: Receipt) -> None:
    made = receipt.plan
    sums = shapes.totals([line.item for line in receipt.lines])
    face.tell(f"Plan {made.id}, by {made.actor}, at {words.when(made.at)}, valid until {words.when(made.valid_until)}")
    asked = ", ".join(f"{name}={value}" for name, value in made.options.items() if value not in (None, {}))
    face.tell(f"asked for: {asked}")
    euros = f"{sums['monthly_cents'] / 100:,.2f} a month"
    face.tell(f"touches: {sums['runs']} runs, {sums['users']} users, {sums['seats']} seats, {euros}")
    face.tell(f"digest: {made.digest}")
    if made.approved_by is not None:
        face.tell(f"approved: by {made.approved_by} at {words.when(made.approved_at)}: {made.approved_why}")
    if made.executed_by is not None:
        face.tell(f"run: by {made.executed_by} at {words.when(made.executed_at)}: {made.executed_why}")
    face.tell()


def _verdicts(face: Face, items: Sequence[ReplayItem]) -> None:
    table = words.table("run", "tenant", "verdict", "goes on at", "deadline", "not repeated", "repeated", "users#")
    for item in items[:_SHOWN]:
        detail = item.detail
        place = f"{detail['place']['state']}/{detail['step']}" if "place" in detail else ""
        verdict = "will run" if item.why is None else f"skipped: {item.why}"
        users = str(detail["touched"]["users"])
        deadline = _when(detail.get("deadline_at"))
        effects = (_effects(item, repeated=False), _effects(item, repeated=True))
        table.add_row(item.run_id, _tenant(item), verdict, place, deadline, *effects, users)
    face.print(table)
    _more(face, len(items))


def _effects(item: ReplayItem, *, repeated: bool) -> str:
    """Its effects that are asked for again, or those that are not, by why."""
    fates = Counter(effect["fate"] for effect in item.detail["effects"] if (effect["fate"] in REPEATED) is repeated)
    return "; ".join(f"{count} {FATES[fate]}" for fate, count in fates.items())


def _next(face: Face, made: ReplayPlan) -> None:
    if made.needs_approval and made.approved_by is None:
        face.tell(f"A second person approves it: overstap replay approve {made.id} --reason TEXT")
    face.tell(f"Rehearse it: overstap replay rehearse {made.id}")
    face.tell(f"Run it: overstap replay run {made.id} --reason TEXT")


def _more(face: Face, count: int) -> None:
    if count > _SHOWN:
        face.tell(f"… and {count - _SHOWN} more; --json shows all.")


def _when(moment: str | None) -> str:
    return "" if moment is None else words.when(datetime.fromisoformat(moment))


def _tenant(item: ReplayItem) -> str:
    return str(item.detail["tenant_name"] or item.detail["tenant_id"])


def _said(outcome: Outcome | None, skipped: str | None) -> str:
    if outcome is None:
        return f"skipped: {skipped}" if skipped else "not run yet"
    told = _TOLD[outcome.result]
    if outcome.result is Result.LEFT:
        return f"{told} by {outcome.why}"
    return told if outcome.result is Result.PASSED or outcome.why is None else f"{told}: {outcome.why}"


def _short(line: Line) -> str:
    if line.outcome is not None:
        return _TOLD[line.outcome.result]
    return "skipped" if line.skipped else "not run yet"


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    command(group, "plan")(plan)
    command(group, "list")(list_)
    command(group, "show")(show)
    command(group, "approve")(approve)
    command(group, "run")(run)
    command(group, "rehearse")(rehearse)
    app.add_typer(group, name="replay")
