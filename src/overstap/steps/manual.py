"""What the manual way does by itself besides ordering and migrating: its branches and the domains (rules.md §G)."""

from __future__ import annotations

from overstap.domain.catalog import ChangeKind
from overstap.domain.ports import Provider
from overstap.workflow.outcome import Done, Outcome, StepContext

_WAY_BACK = frozenset({ChangeKind.SAME_FAMILY, ChangeKind.FROM_STANDALONE})


def choose_preparation(context: StepContext) -> Outcome:
    """Ask for an acknowledgement where no way back is known, unless an admin gave it with the order (R48)."""
    if context.input.get("kind") in _WAY_BACK:
        return Done("no_acknowledgement_needed")
    given = context.input.get("acknowledged") and context.input.get("acting_upn")
    return Done("acknowledged" if given else "acknowledgement_needed")


def look_for_domains(provider: Provider, context: StepContext) -> Done:
    """See whether there are custom domains, which have to be removed first (R49)."""
    domains = [domain.name for domain in provider.tenant(context.tenant_id).domains if domain.custom]
    return Done("domains_to_remove" if domains else "no_domains", {"domains": domains})


def look_again_for_domains(provider: Provider, context: StepContext) -> Outcome:
    """Ask once more where a custom domain has come that nobody was asked to free (R49)."""
    found = look_for_domains(provider, context)
    new = set(found.data["domains"]) - set(context.data["domains"])
    return Done("domains_to_remove", found.data) if new else Done()


def remove_domains(context: StepContext) -> Outcome:
    """Remove the custom domains that were freed, so that nothing of the old plan uses them (R49)."""
    names = context.data["domains"]
    if not names:
        return Done()
    request = {"tenant_id": context.tenant_id, "reference": context.run_id, "domains": names}
    removed = context.effect("remove_domains", request)["domains"]
    return Done(data={"domains_off": [domain["name"] for domain in removed]})


def choose_ending(context: StepContext) -> Outcome:
    """Go on with the domains where some were removed (R49)."""
    return Done("domains_to_return" if context.data.get("domains_off") else None)


def add_domains(context: StepContext) -> Outcome:
    """Add again what this run removed (R49).

    The provider is asked wherever there were domains to remove: a removal may have worked without an answer.
    """
    if context.data.get("domains"):
        context.effect("add_domains", {"tenant_id": context.tenant_id, "reference": context.run_id})
    return Done(data={"domains_off": []})


def report_missing_domains(context: StepContext) -> Outcome:
    """Tell the operators that domains which were removed have not come back in time (R49)."""
    domains = context.data["domains_off"]
    text = (
        f"The plan change {context.run_id} of tenant {context.tenant_id} is done, but {', '.join(domains)} "
        "has not been added again. The task stays open for a while; see what holds it up."
    )
    context.effect("notify", {"tenant_id": context.tenant_id, "run_id": context.run_id, "text": text})
    return Done()
