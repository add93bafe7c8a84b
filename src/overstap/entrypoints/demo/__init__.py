"""The demo: a fresh database, the sample tenants, every ending of a plan change, in less than a minute."""
