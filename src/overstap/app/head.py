"""The head of all chains: a few lines that are kept elsewhere, so that nobody with the database can change both."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from overstap.errors import BadInput
from overstap.store.checkpoints import Checkpoint


class Head(BaseModel):
    """What the newest checkpoint was when the head was made.

    Attributes:
        database: the id that the first checkpoint gave the database.
        checkpoint: its number.
        at: when it was made, in ISO 8601.
        digest: covers the checkpoint and all before it.
        runs, acts: how many of them it covers, for people.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal[1] = 1
    database: str
    checkpoint: Annotated[int, Field(ge=1)]
    at: str
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    runs: Annotated[int, Field(ge=0)]
    acts: Annotated[int, Field(ge=0)]

    @classmethod
    def of(cls, newest: Checkpoint) -> Self:
        """The head that a checkpoint gives."""
        return cls(
            database=newest.database_id,
            checkpoint=newest.seq,
            at=newest.at.isoformat(),
            digest=newest.digest,
            runs=newest.runs,
            acts=newest.acts,
        )

    @classmethod
    def read(cls, text: bytes, place: str) -> Self:
        """The head in the text of a file; or in an export, whose last line it is.

        Args:
            place: where the text is from, for messages.

        Raises:
            BadInput: when it is no head.
        """
        given = _json(text) or _json(text.strip().rpartition(b"\n")[2])
        if not isinstance(given, dict):
            raise BadInput(f"{place} is no JSON with a head in it; `overstap audit checkpoint --head FILE` writes one.")
        if isinstance(given.get("head"), dict):
            given = given["head"]
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            raise BadInput(f"{place} is no head of the audit's chains: {name}: {first['msg']}.") from None


def _json(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
