"""What a worker's log tells of the runs it carries on: what operators are told of, and from debug on every entry."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import structlog

from overstap.store.batch import Committed, Settlement

log = structlog.get_logger(__name__)


def narrate(settlements: Iterable[Settlement], committed: Committed) -> None:
    """Log what of a batch was committed."""
    everything = log.is_enabled_for(logging.DEBUG)
    for item in settlements:
        if not everything and not item.notices:
            continue
        run = item.run
        if run.id in committed.lost or any(run.id == claim.run.id for claim in committed.overtaken):
            continue
        for notice in item.notices:
            log.warning(notice.topic.value, run_id=run.id, tenant_id=run.tenant_id, seq=notice.seq, state=run.state)
        for entry in item.entries:
            log.debug(
                entry.kind.value,
                run_id=entry.run_id,
                tenant_id=run.tenant_id,
                seq=entry.seq,
                event_sent=entry.event,
                state=run.state if entry.to_state is None else entry.to_state,
                step=entry.step,
                error=entry.data.get("error"),
            )
