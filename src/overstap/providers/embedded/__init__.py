"""The local system of record: orders, subscriptions, seats, billing and a credit bureau in own tables."""

from overstap.providers.embedded.provider import Embedded

__all__ = ["Embedded"]
