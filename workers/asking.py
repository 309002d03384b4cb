"""What a schedule asks for, as a command."""

from __future__ import annotations

from datetime import datetime

import msgspec

from adapters.commands import Key, Origin, fingerprint, fresh, target_of
from adapters.mongo import Document
from schedules.declaration import Asked
from tasks.catalogue import Catalogue

SCOPE = "schedule"


def command_for(asked: Asked, *, by: str, catalogue: Catalogue, id: str, now: datetime) -> Document:
    """The fresh command that the schedule `by` asks for."""
    spec = catalogue[asked.type]
    target_id = spec.target_id(msgspec.convert(asked.payload, spec.payload), None)
    assert target_id is not None, f"{asked.type}: a schedule names what it is about"
    return fresh(
        spec,
        id=id,
        tenant_id=asked.tenant_id,
        target=target_of(spec, target_id),
        payload=asked.payload,
        origin=Origin(via="schedule", request_id=by),
        key=Key(SCOPE, asked.key, fingerprint(spec.type, asked.payload, None)),
        accepted_at=now,
        queue="time",
    )
