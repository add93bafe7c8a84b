"""What is asked of outside systems at most; `config/overstap.toml` says how to write it."""

from __future__ import annotations

from pydantic import Field

from overstap.settings.kinds import Interval, Section


class TenantLimit(Section):
    """How fast the steps of one tenant may reach any one provider; machine time.

    Attributes:
        rate: None for any rate.
        burst: how many may be started at one moment after a rest.
    """

    rate: Interval = None
    burst: int = Field(default=1, ge=1)


class ProviderLimit(TenantLimit):
    """How much the steps of all tenants together may ask of one provider.

    Attributes:
        at_once: steps under way at a time over all workers; None for any number.
    """

    at_once: int | None = Field(default=None, ge=1)


class LimitSettings(Section):
    """What is asked of outside systems at most, by all workers of the database together; nothing is limited unless set.

    Attributes:
        providers: by the provider's name.
    """

    providers: dict[str, ProviderLimit] = Field(default_factory=dict)
    tenants: TenantLimit = TenantLimit()
