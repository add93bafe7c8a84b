"""Overstap carries a customer from one subscription plan to another, durably."""

__version__ = "0.1.0"
