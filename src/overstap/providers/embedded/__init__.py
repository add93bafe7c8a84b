"""The local system of record: orders, subscriptions, seats, billing and a credit bureau in own tables."""
