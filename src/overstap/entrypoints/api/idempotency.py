"""Requests with an idempotency key are done once, and get the same answer each time (ADR 20)."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Coroutine
from hashlib import sha256
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from overstap.entrypoints.api.access import Access
from overstap.entrypoints.api.call import Call
from overstap.entrypoints.api.errors import BadRequest, KeyReused
from overstap.entrypoints.api.problems import of_error
from overstap.errors import Conflict
from overstap.store.kept_answers import KeptAnswer

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_PATIENCE_SECONDS = 10.0
"""How long the second of two requests with one key waits for the answer to the first."""
_LOOK_SECONDS = 0.05
_NEVER_KEPT = frozenset({401, 403, 408, 413, 415, 429})


async def once(request: Request, call: Call, access: Access, key: str, handle: Handler) -> Response:
    """Do a request with an idempotency key, or give the answer again that it got before.

    Raises:
        BadRequest: when the key is no key.
        KeyReused: when it was used for another request.
        Conflict: when another request with this key is still being done.
    """
    if not _KEY.fullmatch(key):
        raise BadRequest(400, "bad_idempotency_key", "An Idempotency-Key has 1 to 200 visible ASCII characters.")
    answers, scope = call.app.kept_answers, call.principal.namespace
    told = f"{request.method} {request.url.path}?{request.url.query}\n".encode() + await request.body()
    digest = sha256(told).hexdigest()
    known = await _known(call, access, scope, key, digest)
    if known is not None:
        return _again(known, key, digest)
    try:
        # Where this is broken off the row stays: its thread may still do it.
        response = await handle(request)
    except Exception as error:  # noqa: BLE001 - kept as the answer, or told
        response = of_error(request, error)
    if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or response.status_code in _NEVER_KEPT:
        await run_in_threadpool(answers.forget, scope, key)
        return response
    headers = [[name, value] for name, value in response.headers.items() if name != "content-length"]
    answer = KeptAnswer(digest, response.status_code, headers, _without(access.secret, bytes(response.body)))
    first = await run_in_threadpool(answers.keep, scope, key, answer)
    return response if first == answer else _again(first, key, digest)


def _without(secret: str | None, body: bytes) -> bytes:
    """An answer as it is kept: what is told once is not in it."""
    told = None if secret is None else orjson.loads(body)
    return orjson.dumps({**told, secret: None}) if isinstance(told, dict) and secret in told else body


async def _known(call: Call, access: Access, scope: str, key: str, digest: str) -> KeptAnswer | None:
    """The answer that is kept, once there is one; None when it is the caller's to do."""
    limit = time.monotonic() + _PATIENCE_SECONDS
    while True:
        kept = await run_in_threadpool(call.app.kept_answers.begin, scope, key, digest, repeatable=access.repeatable)
        if kept is None or kept.status is not None or kept.request != digest:
            return kept
        if time.monotonic() > limit:
            raise Conflict(
                f"A request with the Idempotency-Key {key!r} is still being done, or the server ended while it was. "
                "Look whether it was done; if it was not, send it with a new key."
            )
        await asyncio.sleep(_LOOK_SECONDS)


def _again(kept: KeptAnswer, key: str, digest: str) -> Response:
    if kept.request != digest:
        raise KeyReused(f"The Idempotency-Key {key!r} was used for another request; take a new one.")
    return Response(kept.body, kept.status or HTTPStatus.OK, {**dict(kept.headers), "Idempotent-Replayed": "true"})
