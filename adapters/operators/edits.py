"""Checks a payload that somebody gives in place of a stored command's own."""

from __future__ import annotations

import msgspec

from adapters.commands import json_limits
from adapters.commands.document import target_of
from adapters.mongo.client import Document
from tasks.command import Payload, Spec


class OtherTarget(Exception):
    """The payload names another entity: that would be another command."""

    def __init__(self, target: str) -> None:
        super().__init__(f"the command is about {target}, and stays with it")


def revalidated(spec: Spec, payload: Document, target: str, *, user_id: str | None) -> Payload:
    """The decoded payload, checked as on acceptance, for the same target as before.

    Raises: Unstorable, msgspec.ValidationError, OtherTarget.
    """
    json_limits.check(payload)
    decoded = msgspec.convert(payload, spec.payload)
    entity_id = spec.target_id(decoded, user_id)
    if entity_id is not None and target_of(spec, entity_id) != target:
        raise OtherTarget(target)
    return decoded
