"""What Overstap does: the service (every command), the worker and its ticker."""
