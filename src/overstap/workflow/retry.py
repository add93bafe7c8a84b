"""How long to wait before a failed step is tried again: exponential backoff with jitter."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from overstap.workflow.definition import RetryPolicy


def backoff(policy: RetryPolicy, attempt: int, salt: str) -> timedelta:
    """The pause after a failed attempt.

    Args:
        attempt: which failure in a row this was, from 1 on.
        salt: what spreads the pauses of many runs; the same salt gives the same pause, so that decisions stay pure.

    Returns:
        `first * factor ** (attempt - 1)`, at most `most`, spread by plus or minus `jitter` of itself.
    """
    seconds = policy.first.total_seconds()
    most = policy.most.total_seconds()
    for _ in range(attempt - 1):  # a power would overflow for a run that failed a thousand times
        seconds *= policy.factor
        if seconds >= most:
            break
    digest = hashlib.blake2b(f"{salt}:{attempt}".encode(), digest_size=8).digest()
    spread = int.from_bytes(digest, "big") / 2**63 - 1.0
    return timedelta(seconds=min(seconds, most) * (1.0 + policy.jitter * spread))
