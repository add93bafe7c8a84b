"""The pages of a tenant's admins: licences, the wizard, the status of a change (rules.md C)."""

from types import ModuleType

PAGES: tuple[ModuleType, ...] = ()
"""The modules that have pages; importing one registers them."""
