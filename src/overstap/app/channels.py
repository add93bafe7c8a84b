"""The ways to operators: Apprise, one channel for each URL of the settings.

Apprise is loaded only where something is sent: it takes a fifth of a second. It reaches out to nothing but what its
URLs name, keeps nothing on disk, and its own log stays inside: URLs have passwords in them.
"""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pydantic import SecretStr

from overstap.errors import BadInput
from overstap.workflow.notable import Topic

if TYPE_CHECKING:
    from apprise import Apprise
    from apprise.plugins.base import NotifyBase

CALL_SECONDS = 30.0
"""How long one channel may take for one message."""
_COMPLAINTS = {"WARNING", "ERROR", "CRITICAL"}
_FAILURES = {Topic.PARKED, Topic.COMPENSATION_FAILED}


class Channel(Protocol):
    """One way to operators."""

    @property
    def key(self) -> str:
        """What it is remembered by, the same in every process."""

    @property
    def label(self) -> str:
        """Its service and host, without anything secret."""

    def send(self, title: str, body: str, topic: Topic | None) -> str | None:
        """Send one message; answers what went wrong, None for nothing.

        Args:
            topic: chooses colour and sign where the service has them; None for a test.
        """


@dataclass(frozen=True, slots=True)
class AppriseChannel:
    """A channel that is one Apprise URL."""

    key: str
    label: str
    _apprise: Apprise

    def send(self, title: str, body: str, topic: Topic | None) -> str | None:
        from apprise import NotifyType  # noqa: PLC0415 - see above

        kind = NotifyType.FAILURE if topic in _FAILURES else NotifyType.WARNING if topic else NotifyType.INFO
        try:
            with self._apprise.notify(body=body, title=title, notify_type=kind, body_format="text") as result:
                said = " ".join(entry.message for entry in result.logs() if entry.level in _COMPLAINTS)
                return None if result else said or f"it was not sent ({result.status.name.lower()})"
        except Exception as error:  # noqa: BLE001 - whatever a service's plugin does, the other channels go on
            return f"{type(error).__name__}: {error}"


def open_channels(urls: Sequence[SecretStr]) -> list[Channel]:
    """The channels that some Apprise URLs name.

    Raises:
        BadInput: when one of them cannot be used; it names which one, and nothing of it that may be secret.
    """
    return [_open(number, url.get_secret_value()) for number, url in enumerate(urls)]


def _open(number: int, url: str) -> Channel:
    with warnings.catch_warnings(action="ignore"):  # some of its services look for modules that Python gives up
        from apprise import Apprise, AppriseAsset, OverflowMode  # noqa: PLC0415 - see above
        from apprise.plugins.base import NotifyBase  # noqa: PLC0415

        logging.getLogger("apprise").propagate = False
        asset = AppriseAsset(
            app_id="Overstap",
            app_desc="Overstap",
            app_url="",
            image_url_mask="",
            image_url_logo="",
            async_mode=False,
            storage_mode="memory",
            language="en",
            service_timeout=CALL_SECONDS,
        )
        plugin = Apprise.instantiate(url, asset=asset)
    if not isinstance(plugin, NotifyBase):
        scheme = url.partition("://")[0] if "://" in url else ""
        shown = f"{scheme}://…" if scheme.isalnum() else "it has no service:// at its beginning"
        raise BadInput(
            f"notifications.urls[{number}] ({shown}) is no Apprise URL that can be used. "
            "Apprise's page of that service shows its form; `overstap notifications test` tries each."
        )
    if "overflow=" not in url:
        plugin.overflow_mode = OverflowMode.SPLIT  # else a service with a limit would refuse a long message for ever
    apprise = Apprise(asset=asset)
    apprise.add(plugin)
    return AppriseChannel(hashlib.sha256(url.encode()).hexdigest()[:8], _label(number, plugin), apprise)


def _label(number: int, plugin: NotifyBase) -> str:
    """Which one it is: what comes behind the host, and before an @, may be secret."""
    shown = str(plugin.url(privacy=True))  # type: ignore[no-untyped-call]
    scheme, _, rest = shown.partition("://")
    host = rest.split("?", 1)[0].split("/", 1)[0].rpartition("@")[2]
    return f"urls[{number}] {scheme}://{host}"
