"""Acceptance of one action of an offline replay: the document to store, or the reason for its refusal.

A refusal does not affect other actions. A refused action is stored as final and uses up its number in the
lane; one that needs a newer server is left for later.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from adapters.commands.document import Key, Origin, State, fingerprint, fresh, target_of
from adapters.commands.json_limits import flaws
from adapters.commands.verdict_updates import final_on_arrival
from adapters.devices.batch import DISCARD, Batch, Entry, Result
from adapters.mongo.client import Document
from adapters.operators.resolutions import CHOICES
from api.http.body import fault_of
from api.http.problem import Fault
from domain.conflicts import effective_time
from domain.fields import Instant, Sha256, instant
from tasks.catalogue import Catalogue
from tasks.command import Spec

MAX_BYTES = 16 * 1024
"""Of one action."""

_YEARS_MS = 100 * 365 * 86_400_000

ActionId = Annotated[
    str, Meta(min_length=16, max_length=255, pattern=r"^[!-~]+$(?!\n)", description="visible ASCII")
]
Lane = Annotated[
    str, Meta(pattern=r"^[a-z_]{1,40}:[A-Za-z0-9_-]{1,64}$(?!\n)", description="the target: work_order:<id>")
]


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The members that give an action its place in a lane; without them it cannot be stored."""

    id: ActionId
    lane: Lane
    lane_seq: Annotated[int, Meta(ge=1, le=2**53)]


class Kind(Header, frozen=True, kw_only=True):
    """The members that tell whether this server can read the rest."""

    v: Annotated[int, Meta(ge=1, le=1_000_000)]
    type: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=100,
            pattern=r"^[a-z0-9_.]+$(?!\n)",
            description="a command, such as work_order.start",
        ),
    ]


class Action(Kind, frozen=True, kw_only=True):
    """One action of a device. Unknown members are ignored."""

    payload: dict[str, Any] = {}
    base_version: Annotated[int, Meta(ge=0, le=10**15)] | None = None
    occurred_at: Instant
    clock_offset_ms: Annotated[int, Meta(ge=-_YEARS_MS, le=_YEARS_MS)] | None = None
    needs: Annotated[tuple[Sha256, ...], Meta(max_length=20)] = ()
    resolves: ActionId | None = None


class _DeviceVerb(msgspec.Struct, frozen=True):
    """An action that is not a command: discarding, or a decision on a conflict."""

    type: str
    schema_version: int = 1

    def blobs(self, payload: Any) -> list[str]:  # noqa: ARG002 - the interface of a command's spec
        """Always empty: a verb names an action, not files."""
        return []


_header = msgspec.json.Decoder(Header)
_kind = msgspec.json.Decoder(Kind)
_action = msgspec.json.Decoder(Action)
_plain = msgspec.json.Decoder()
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class ActionReader:
    """Reads the actions of one batch, which carries their user, device and time of receipt."""

    def __init__(
        self,
        catalogue: Catalogue,
        batch: Batch,
        *,
        keys_kept: timedelta,
        new_id: Callable[[], str],
        request_id: str,
    ) -> None:
        self._catalogue = catalogue
        self._batch = batch
        self._keys_kept = keys_kept
        self._new_id = new_id
        self._request_id = request_id

    def read(self, raw: bytes) -> Entry | Result:
        """The entry to store for one action; a final result if it has no legible place in a lane."""
        try:
            header = _header.decode(raw)
        except _UNREADABLE as error:
            return Result(id=_legible_id(raw), status="rejected", error=_invalid(_fault(error)))
        try:
            return self._read(raw)
        except _Refused as refused:
            return self._refused(header, refused)

    def _read(self, raw: bytes) -> Entry:
        if len(raw) > MAX_BYTES:
            raise _Refused(_invalid(Fault("", "too_large", f"an action has at most {MAX_BYTES} bytes")))
        try:
            kind = _kind.decode(raw)
            # Before the rest is read: only a server that knows this version can check its form.
            if unknown := self._unknown_here(kind):
                return unknown
            action = _action.decode(raw)
        except _UNREADABLE as error:
            raise _Refused(_invalid(_fault(error))) from None
        if flaw := next(flaws(action.payload), None):
            raise _Refused(_invalid(_within_payload(Fault(*flaw))))
        if action.type == DISCARD or action.type in CHOICES:
            return self._device_verb(action)
        return self._command(action)

    def _unknown_here(self, kind: Kind) -> Entry | None:
        """The entry for an action of an unknown type or version; None if this server knows it."""
        spec = self._catalogue.get(kind.type)
        if kind.type == DISCARD or kind.type in CHOICES or (spec and kind.v <= spec.schema_version):
            return None
        what = f"{kind.type} version {kind.v}" if spec else kind.type
        code = "unknown_version" if spec else "unknown_type"
        return _entry(kind, None, fault={"code": code, "message": f"{what} is not known here yet"})

    def _device_verb(self, action: Action) -> Entry:
        """The entry for a discard or a decision, which is final on acceptance."""
        is_choice = action.type in CHOICES
        if is_choice and action.resolves is None:
            raise _Refused(_invalid(Fault("/resolves", "missing_field", f"{action.type} names a conflict")))
        document = self._document(_DeviceVerb(action.type), action, action.payload)
        final = self._final(document, "applied" if is_choice else "cancelled")
        return _entry(action, final, resolves=action.resolves if is_choice else None)

    def _command(self, action: Action) -> Entry:
        """The entry for a command, checked as online."""
        spec = self._catalogue[action.type]
        if spec.internal:
            raise _Refused(
                {"code": "unknown_command", "message": f"there is no command {action.type}"}, action
            )
        self._check(action, spec)
        return _entry(action, self._document(spec, action, action.payload), resolves=action.resolves)

    def _check(self, action: Action, spec: Spec) -> None:
        """Raises: _Refused: the payload is not valid for this command, or its target is not this lane."""
        try:
            typed = msgspec.convert(action.payload, spec.payload, strict=True)
        except msgspec.ValidationError as error:
            raise _Refused(_invalid(_within_payload(fault_of(str(error), spec.payload))), action) from None
        target = spec.target_id(typed, self._batch.user_id)
        if target is None:
            fault = Fault("/payload/id", "missing_field", "what a device creates brings its own id")
            raise _Refused(_invalid(fault), action)
        if target_of(spec, target) != action.lane:
            fault = Fault("/lane", "lane_mismatch", f"this is about {target_of(spec, target)}")
            raise _Refused(_invalid(fault, code="lane_mismatch"), action)

    def _refused(self, header: Header, refused: _Refused) -> Entry:
        """The entry for a refused action, stored as final: it uses up its number in the lane."""
        action = refused.action
        kind = _DeviceVerb(action.type, action.v) if action else _DeviceVerb("unreadable")
        document = self._document(kind, action or header, action.payload if action else {})
        return _entry(header, self._final(document, "rejected", refused.error), fault=refused.error)

    def _document(self, kind: Spec | _DeviceVerb, header: Header, payload: Document) -> Document:
        batch = self._batch
        action = header if isinstance(header, Action) else None
        base_version = action.base_version if action else None
        return fresh(
            kind,
            id=self._new_id(),
            tenant_id=batch.tenant_id,
            target=header.lane,
            payload=payload,
            origin=self._origin(header.lane_seq, action),
            key=Key(batch.user_id, header.id, fingerprint(kind.type, payload, base_version)),
            accepted_at=batch.received_at,
            queue="offline",
            base_version=base_version,
            needs=action.needs if action else (),
        )

    def _origin(self, lane_seq: int, action: Action | None) -> Origin:
        batch = self._batch
        origin = Origin(
            via="offline",
            user_id=batch.user_id,
            request_id=self._request_id,
            device_id=batch.device_id,
            outbox=batch.outbox,
            lane_seq=lane_seq,
        )
        if action is None:
            return origin
        claimed, offset = instant(action.occurred_at), timedelta(milliseconds=action.clock_offset_ms or 0)
        effective = effective_time(claimed, offset, batch.received_at)
        return replace(
            origin,
            occurred_at=claimed,
            clock_offset_ms=action.clock_offset_ms,
            effective_at=effective.at,
            clock_suspect=effective.is_suspect,
        )

    def _final(self, document: Document, state: State, error: Document | None = None) -> Document:
        return final_on_arrival(
            document, state, error=error, at=self._batch.received_at, keys_kept=self._keys_kept
        )


def _entry(
    header: Header, document: Document | None, *, resolves: str | None = None, fault: Document | None = None
) -> Entry:
    return Entry(
        id=header.id,
        lane=header.lane,
        lane_seq=header.lane_seq,
        document=document,
        resolves=resolves,
        fault=fault,
    )


class _Refused(Exception):
    """The action is refused for good. `action`: the decoded action, if its payload may be stored."""

    def __init__(self, error: Document, action: Action | None = None) -> None:
        super().__init__(error["message"])
        self.error = error
        self.action = action


def _invalid(fault: Fault, *, code: str = "invalid_payload") -> Document:
    return {"code": code, "message": fault.message, "errors": [msgspec.to_builtins(fault)]}


def _within_payload(fault: Fault) -> Fault:
    return Fault(f"/payload{fault.path}", fault.code, fault.message)


def _fault(error: Exception) -> Fault:
    if isinstance(error, msgspec.ValidationError):
        return fault_of(str(error), Action)
    return Fault("", "malformed_json", "this action is not JSON that can be kept")


_ID = re.compile(r"[!-~]{1,255}")


def _legible_id(raw: bytes) -> Any:
    """The action's id if it is legible; else None, and the device goes by the position in the batch."""
    try:
        id = _plain.decode(raw).get("id")
    except (*_UNREADABLE, AttributeError):
        return None
    return id if isinstance(id, str) and _ID.fullmatch(id) else None
