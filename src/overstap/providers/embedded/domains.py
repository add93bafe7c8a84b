"""A tenant's custom domains: they go before a manual change and come back after it (rules.md R49)."""

from __future__ import annotations

from dataclasses import replace

from overstap.domain.tenant import Domain
from overstap.errors import ProviderRefused
from overstap.providers.embedded.call import Answer, Call

_REMOVE = "remove_domains"


def remove_domains(call: Call) -> Answer:
    """Remove custom domains; where the default one is among them, the initial domain is the default meanwhile.

    Names that the tenant does not have, or not as custom domains, are passed over.
    """
    reference, names = call["reference"], set(call["domains"])
    if call.ledger.is_withdrawn(reference):
        raise ProviderRefused(f"The order of {reference} was called off: its domains stay.")
    removed = [domain for domain in _custom(call) if domain.name in names]
    call.ledger.drop_domains(call.tenant_id, [domain.name for domain in removed])
    if any(domain.default for domain in removed):
        initial = next((domain for domain in call.ledger.domains(call.tenant_id) if not domain.custom), None)
        if initial is not None:
            _make_default(call, initial.name)
    return Answer({"domains": [{"name": domain.name, "default": domain.default} for domain in removed]})


def add_domains(call: Call) -> Answer:
    """Add again what was removed under a reference; what came back by itself meanwhile stays as it is.

    The domain that was the default is so again, unless another custom domain has become it.
    """
    reference = call["reference"]
    gone = [
        domain
        for done in call.ledger.operations(call.tenant_id, _REMOVE)
        if done.request["reference"] == reference
        for domain in done.response["domains"]
    ]
    there = {domain.name for domain in call.ledger.domains(call.tenant_id)}
    missing = [domain for domain in gone if domain["name"] not in there]
    for domain in missing:
        call.ledger.put_domain(call.tenant_id, Domain(domain["name"], custom=True, default=False))
    default = next((domain["name"] for domain in missing if domain["default"]), None)
    if default is not None and not any(domain.default for domain in _custom(call)):
        _make_default(call, default)
    return Answer({"domains": [domain["name"] for domain in missing]})


def _custom(call: Call) -> list[Domain]:
    return [domain for domain in call.ledger.domains(call.tenant_id) if domain.custom]


def _make_default(call: Call, name: str) -> None:
    for domain in call.ledger.domains(call.tenant_id):
        if domain.default != (domain.name == name):
            call.ledger.put_domain(call.tenant_id, replace(domain, default=domain.name == name))
