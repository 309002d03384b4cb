"""The wire form of a replay: the request's envelope, and the results and receipts of the response."""

from __future__ import annotations

from typing import Annotated, get_args

import msgspec
from msgspec import Meta

from adapters.devices.batch import Result, Status
from adapters.mongo.client import Document
from api.http import body
from api.http.openapi import TIME, schema_of
from api.http.problem import Fault, Problem
from api.offline.action import Action
from api.views.receipts import RECEIPT, outcome
from domain.fields import Instant, Word
from domain.ids import Id

MOST_ACTIONS = 50

DeviceId = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9._:-]{1,64}$(?!\n)",
        description="1 to 64 of A-Z a-z 0-9 . _ : - which the device made once, and keeps",
    ),
]


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope. Unknown members are ignored."""

    batch_id: Id
    device_id: DeviceId
    app_version: Word
    sent_at: Instant
    queue_depth: Annotated[int, Meta(ge=0, le=10**9)] | None = None
    oldest_age_s: Annotated[int, Meta(ge=0, le=10**10)] | None = None
    actions: list[msgspec.Raw]

    @property
    def device_report(self) -> Document:
        """What the device reports about itself."""
        names = ("app_version", "sent_at", "queue_depth", "oldest_age_s")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


_envelope = msgspec.json.Decoder(Replay)


def read_envelope(raw: bytes) -> Replay:
    """The decoded envelope. Raises: Problem 413, 422: the device must send a smaller or corrected one."""
    try:
        envelope = _envelope.decode(raw)
    except msgspec.ValidationError as error:
        raise _malformed(body.fault_of(str(error), Replay)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(Fault("", "malformed_json", f"the envelope is not JSON: {error}")) from None
    if len(envelope.actions) > MOST_ACTIONS:
        fault = Fault("/actions", "too_many", f"a batch has at most {MOST_ACTIONS} actions")
        raise Problem(413, "too_many_actions", fault.message, faults=[fault])
    return envelope


def _malformed(fault: Fault) -> Problem:
    return Problem(422, "invalid_envelope", fault.message, faults=[fault])


def result_view(result: Result, events: dict[str, list[Document]]) -> Document:
    """One result for the device; `events` by command id, for duplicates."""
    view: Document = {"id": result.id, "status": result.status}
    if result.command is not None:
        view["command_id"] = result.command["_id"]
    if result.status == "duplicate" and result.command is not None:
        view["outcome"] = outcome(result.command, events.get(result.command["_id"], []))
    if result.expected_lane_seq is not None:
        view["expected_lane_seq"] = result.expected_lane_seq
    if result.error is not None:
        view |= {name: result.error[name] for name in ("code", "message", "errors") if name in result.error}
    return view


ENVELOPE: Document = schema_of(Replay)
ENVELOPE["properties"]["actions"] = {"type": "array", "maxItems": MOST_ACTIONS, "items": schema_of(Action)}

RESULTS: Document = {
    "type": "object",
    "required": ["batch_id", "server_time", "results"],
    "properties": {
        "batch_id": {"type": "string"},
        "server_time": TIME,
        "results": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "status"],
                "properties": {
                    "id": {"type": ["string", "null"]},
                    "status": {"enum": list(get_args(Status))},
                    "command_id": {"type": "string"},
                    "outcome": {"type": "object"},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                    "errors": {"type": "array"},
                    "expected_lane_seq": {"type": "integer"},
                },
            },
        },
    },
}

RECEIPTS: Document = {
    "type": "object",
    "required": ["batch_id", "received_at", "results"],
    "properties": {
        "batch_id": {"type": "string"},
        "received_at": TIME,
        "results": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "status"],
                "properties": {"status": {"type": "string"}, "receipt": RECEIPT},
            },
        },
    },
}
