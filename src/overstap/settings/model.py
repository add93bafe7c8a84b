"""What can be set; `config/overstap.toml` says why each setting is as it is."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from overstap.clock import format_duration
from overstap.settings.api import ApiSettings, SignInSettings, WebhookSettings
from overstap.settings.kinds import Duration, Moment, PositiveDuration, Section, Several, ShippedPath, Urls, Zone
from overstap.settings.limits import LimitSettings

_PACKAGE = Path(__file__).parents[1]
_SHIPPED = {
    "settings": Path("config", "overstap.toml"),
    "catalog": Path("config", "catalog.toml"),
    "demo": Path("config", "demo"),
    "workflows": Path("workflows"),
}


def data_path(kind: Literal["settings", "catalog", "demo", "workflows"]) -> Path:
    """Where a file or folder that comes with Overstap is: inside the installed package, else in the source tree."""
    inside = _PACKAGE / "_data" / _SHIPPED[kind]
    return inside if inside.exists() else _PACKAGE.parents[1] / _SHIPPED[kind]


TOGETHER: Literal["together"] = "together"
"""The type of an error of several settings that do not go together; its `fields` names them."""

CreditAnswers = Literal["limit", "never"]

_LAST_PORT = 65535


class WorkerSettings(Section):
    """How a worker claims and works (design §4); all durations are machine time.

    Attributes:
        metrics_host, metrics_port: where Prometheus finds the figures of the first process; the others have the ports
            after it. 0 for nowhere.
    """

    processes: int = Field(default=1, ge=1)
    batch: int = Field(default=1000, ge=1)
    threads: int = Field(default=8, ge=1)
    lease: PositiveDuration = timedelta(seconds=60)
    tick: PositiveDuration = timedelta(seconds=1)
    heartbeat: PositiveDuration = timedelta(seconds=5)
    grace: Duration = timedelta(seconds=20)
    call_limit: PositiveDuration = timedelta(seconds=20)
    metrics_host: str = Field(default="127.0.0.1", min_length=1)
    metrics_port: int = Field(default=0, ge=0, le=65535)

    @model_validator(mode="after")
    def _a_call_ends_well_within_its_claim(self) -> Self:
        if self.call_limit * 2 >= self.lease:
            raise PydanticCustomError(
                TOGETHER,
                "call_limit ({call_limit}) must be shorter than half the lease ({lease}): "
                "a call that outlives its claim is done twice",
                {
                    "call_limit": format_duration(self.call_limit),
                    "lease": format_duration(self.lease),
                    "fields": ("call_limit", "lease"),
                },
            )
        return self

    @model_validator(mode="after")
    def _each_process_has_a_port_for_its_metrics(self) -> Self:
        if self.metrics_port and self.metrics_port + self.processes - 1 > _LAST_PORT:
            raise ValueError(
                f"the metrics of {self.processes} processes go from port {self.metrics_port} on past {_LAST_PORT}: "
                "take a lower metrics_port"
            )
        return self


class RulesSettings(Section):
    """What the rules leave to be set (rules.md R2, R11, R15, R19, R33).

    Attributes:
        portal_lock: what a migration closes: the whole `portal`, or its page `subscriptions` only.
    """

    wizard_users: int = Field(default=300, ge=1)
    legacy_users: int = Field(default=25, ge=1)
    credit_threshold: Decimal = Field(default=Decimal("2500.00"), ge=0, decimal_places=2)
    keep_old_billing: bool = False
    portal_lock: Literal["portal", "subscriptions"] = "portal"

    @property
    def credit_threshold_cents(self) -> int:
        """The cost per month from which a credit check is needed, in cents."""
        return int(self.credit_threshold * 100)


class ReplaySettings(Section):
    """How replays are planned, approved and rehearsed (design §5)."""

    valid_for: PositiveDuration = timedelta(hours=1)
    approve_runs: int = Field(default=100, ge=0)
    approve_amount: Decimal = Field(default=Decimal("10000.00"), ge=0, decimal_places=2)
    rehearse_runs: int = Field(default=1000, ge=1)

    @property
    def approve_cents(self) -> int:
        """The monthly cost of all changes together above which a second person approves, in cents."""
        return int(self.approve_amount * 100)


class TaskSettings(Section):
    """How people are asked to do what the manual way needs of them."""

    remind_after: PositiveDuration = timedelta(days=7)


class Fault(Section):
    """Something that goes wrong at the embedded provider, for demos and tests.

    Attributes:
        operation: the provider's operation that it hits.
        tenant: the id of the only tenant that it hits; None hits all.
        kind: `slow` answers after `time`; `fails` says no before doing anything; `hangs` never answers; `late` does the
            work and answers after `time`; `lost` does the work and its answer never comes; `refuses` says no for good.
        times: how many calls it hits; None hits all.
        lasting: it is over so long after the first call that it hit, clock time; None for never.
        time: how long `slow` and `late` take, machine time.
        after: how many calls go well first.
    """

    operation: str = Field(min_length=1)
    kind: Literal["slow", "fails", "hangs", "late", "lost", "refuses"]
    tenant: str | None = None
    times: int | None = Field(default=None, ge=1)
    lasting: Duration | None = None
    time: Duration = timedelta(0)
    after: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _slow_takes_time(self) -> Self:
        if self.kind in {"slow", "late"} and not self.time:
            raise ValueError(f'a fault of kind {self.kind!r} needs a time, like time = "5s"')
        return self


class TenantOverride(Section):
    """What is otherwise for one tenant of the embedded provider; None leaves it as it is for all."""

    move_time: Duration | None = None
    credit_delay: Duration | None = None
    credit_answers: CreditAnswers | None = None


class EmbeddedSettings(Section):
    """How the embedded provider behaves; its durations are clock time."""

    move_chunk: int = Field(default=25, ge=1)
    move_time: Duration = timedelta(0)
    licence_chunk: int = Field(default=50, ge=1)
    credit_delay: Duration = timedelta(days=1)
    credit_answers: CreditAnswers = "limit"
    faults: tuple[Fault, ...] = ()
    tenants: dict[str, TenantOverride] = Field(default_factory=dict)

    def of(self, tenant_id: str) -> EmbeddedSettings:
        """The same settings with what is otherwise for one tenant filled in."""
        override = self.tenants.get(tenant_id)
        return self.model_copy(update=override.model_dump(exclude_none=True)) if override else self


class OperatorSettings(Section):
    """What operators are shown and told.

    Attributes:
        stuck_after: failed tries in a row of a step from which its run counts as stuck.
    """

    stuck_after: int = Field(default=5, ge=1)


class SavedFilter(Section):
    """A filter of runs under a name; each field as in `domain.run_filter.RunFilter`, None leaves it open."""

    state: Several | None = None
    status: Several | None = None
    tenant: str | None = Field(default=None, min_length=1)
    plan: str | None = Field(default=None, min_length=1)
    workflow: str | None = Field(default=None, min_length=1)
    version: int | None = Field(default=None, ge=1)
    stuck: bool | None = None
    escalated: bool | None = None
    overdue: bool | None = None
    held: bool | None = None
    error: str | None = Field(default=None, min_length=1)
    older_than: Duration | None = None
    since: Moment | None = None
    until: Moment | None = None


class NotificationSettings(Section):
    """Who is told of what needs an operator, and how often; durations are machine time.

    Attributes:
        urls: Apprise URLs; they may hold passwords and are never shown.
        interval: at most one message of each topic within it.
        max_age: what happened while no worker had a URL is told only when it is younger.
    """

    urls: Urls = ()
    interval: Duration = timedelta(minutes=5)
    locale: Literal["en", "nl"] = "en"
    timezone: Zone = "UTC"
    max_age: PositiveDuration = timedelta(days=1)

    @property
    def zone(self) -> ZoneInfo:
        """The zone that times are told in."""
        return ZoneInfo(self.timezone)


class LogSettings(Section):
    """What is logged, and how it looks."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"


class Settings(BaseSettings):
    """All settings, checked; made by `load_settings`, or with plain defaults by `Settings()`.

    Attributes:
        database_url: `sqlite:///FILE` or `postgresql://USER@HOST/NAME`; a relative file starts at the working folder.
        workflows_dir, catalog_file, demo_dir: None takes what comes with Overstap.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="OVERSTAP_", env_nested_delimiter="__", env_ignore_empty=True
    )

    database_url: str = Field(default="sqlite:///var/overstap.db", min_length=1)
    workflows_dir: ShippedPath = None
    catalog_file: ShippedPath = None
    demo_dir: ShippedPath = None
    worker: WorkerSettings = WorkerSettings()
    limits: LimitSettings = LimitSettings()
    rules: RulesSettings = RulesSettings()
    tasks: TaskSettings = TaskSettings()
    replay: ReplaySettings = ReplaySettings()
    embedded: EmbeddedSettings = EmbeddedSettings()
    operators: OperatorSettings = OperatorSettings()
    filters: dict[str, SavedFilter] = Field(default_factory=dict)
    notifications: NotificationSettings = NotificationSettings()
    api: ApiSettings = ApiSettings()
    sign_in: SignInSettings = SignInSettings()
    webhooks: WebhookSettings = WebhookSettings()
    logs: LogSettings = LogSettings()

    @property
    def workflows(self) -> Path:
        """The folder of the workflow files."""
        return self.workflows_dir or data_path("workflows")

    @property
    def catalog(self) -> Path:
        """The catalog file."""
        return self.catalog_file or data_path("catalog")

    @property
    def demo(self) -> Path:
        """The folder of the sample tenants, one folder each."""
        return self.demo_dir or data_path("demo")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is given: `load_settings` merges the sources itself, so that an error can name the one at fault."""
        return (init_settings,)
