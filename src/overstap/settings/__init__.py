"""What can be set, and where it is read: command line, then environment, then the file, then the default."""

from overstap.settings.api import ApiSettings, SignInSettings, WebhookSettings
from overstap.settings.limits import LimitSettings, ProviderLimit, TenantLimit
from overstap.settings.load import load_settings
from overstap.settings.model import (
    CreditAnswers,
    EmbeddedSettings,
    Fault,
    LogSettings,
    NotificationSettings,
    OperatorSettings,
    ReplaySettings,
    RulesSettings,
    SavedFilter,
    Settings,
    TenantOverride,
    WorkerSettings,
    data_path,
)

__all__ = [
    "ApiSettings",
    "CreditAnswers",
    "EmbeddedSettings",
    "Fault",
    "LimitSettings",
    "LogSettings",
    "NotificationSettings",
    "OperatorSettings",
    "ProviderLimit",
    "ReplaySettings",
    "RulesSettings",
    "SavedFilter",
    "Settings",
    "SignInSettings",
    "TenantLimit",
    "TenantOverride",
    "WebhookSettings",
    "WorkerSettings",
    "data_path",
    "load_settings",
]
