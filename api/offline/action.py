"""One action of an offline replay, as the door judges it: what to store, or why it is refused.

Nothing here is fatal to its neighbours. What is refused for good is stored as final, and uses its number in
the lane up; what this server does not know yet is left for later.
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
from adapters.commands.verdicts import settled
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
    """What must be legible for an action to have a place in its lane."""

    id: ActionId
    lane: Lane
    lane_seq: Annotated[int, Meta(ge=1, le=2**53)]


class Kind(Header, frozen=True, kw_only=True):
    """What says whether this server knows how to read the rest."""

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
    """One thing that a device did. Members that this server does not know are passed over."""

    payload: dict[str, Any] = {}
    base_version: Annotated[int, Meta(ge=0, le=10**15)] | None = None
    occurred_at: Instant
    clock_offset_ms: Annotated[int, Meta(ge=-_YEARS_MS, le=_YEARS_MS)] | None = None
    needs: Annotated[tuple[Sha256, ...], Meta(max_length=20)] = ()
    resolves: ActionId | None = None


class _Verb(msgspec.Struct, frozen=True):
    """What a device may say besides commands."""

    type: str
    schema_version: int = 1

    def blobs(self, payload: Any) -> list[str]:  # noqa: ARG002 - as a command's spec is asked
        """None: the verb is about an action, not about files."""
        return []


_header = msgspec.json.Decoder(Header)
_kind = msgspec.json.Decoder(Kind)
_action = msgspec.json.Decoder(Action)
_plain = msgspec.json.Decoder()
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Doorkeeper:
    """Judges the actions of one batch, which says whose they are and when they came."""

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

    def judge(self, raw: bytes) -> Entry | Result:
        """The verdict of the door on one action; final on one that cannot be read."""
        try:
            header = _header.decode(raw)
        except _UNREADABLE as error:
            return Result(id=_legible_id(raw), status="rejected", error=_invalid(_fault(error)))
        try:
            return self._judge(raw)
        except _Refused as refused:
            return self._refused(header, refused)

    def _judge(self, raw: bytes) -> Entry:
        if len(raw) > MAX_BYTES:
            raise _Refused(_invalid(Fault("", "too_large", f"an action has at most {MAX_BYTES} bytes")))
        try:
            kind = _kind.decode(raw)
            # Before the rest is read: its form is for a server that knows it to judge.
            if later := self._later(kind):
                return later
            action = _action.decode(raw)
        except _UNREADABLE as error:
            raise _Refused(_invalid(_fault(error))) from None
        if flaw := next(flaws(action.payload), None):
            raise _Refused(_invalid(_within_payload(Fault(*flaw))))
        if action.type == DISCARD or action.type in CHOICES:
            return self._said(action)
        return self._asked(action)

    def _later(self, kind: Kind) -> Entry | None:
        """What a newer server is to judge; None: this one can."""
        spec = self._catalogue.get(kind.type)
        if kind.type == DISCARD or kind.type in CHOICES or (spec and kind.v <= spec.schema_version):
            return None
        what = f"{kind.type} version {kind.v}" if spec else kind.type
        code = "unknown_version" if spec else "unknown_type"
        return _entry(kind, None, fault={"code": code, "message": f"{what} is not known here yet"})

    def _said(self, action: Action) -> Entry:
        """What a device says besides commands: settled here."""
        is_choice = action.type in CHOICES
        if is_choice and action.resolves is None:
            raise _Refused(_invalid(Fault("/resolves", "missing_field", f"{action.type} names a conflict")))
        document = self._document(_Verb(action.type), action, action.payload)
        final = self._ended(document, "applied" if is_choice else "cancelled")
        return _entry(action, final, resolves=action.resolves if is_choice else None)

    def _asked(self, action: Action) -> Entry:
        """A command, in the same terms as online."""
        spec = self._catalogue[action.type]
        if spec.internal:
            raise _Refused(
                {"code": "unknown_command", "message": f"there is no command {action.type}"}, action
            )
        self._check(action, spec)
        return _entry(action, self._document(spec, action, action.payload), resolves=action.resolves)

    def _check(self, action: Action, spec: Spec) -> None:
        """Raises: _Refused: the payload is not one of this command, or not about this lane."""
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
        """The action as final, as far as it could be read: its number is used up."""
        action = refused.action
        kind = _Verb(action.type, action.v) if action else _Verb("unreadable")
        document = self._document(kind, action or header, action.payload if action else {})
        return _entry(header, self._ended(document, "rejected", refused.error), fault=refused.error)

    def _document(self, kind: Spec | _Verb, said: Header, payload: Document) -> Document:
        batch = self._batch
        action = said if isinstance(said, Action) else None
        base_version = action.base_version if action else None
        return fresh(
            kind,
            id=self._new_id(),
            tenant_id=batch.tenant_id,
            target=said.lane,
            payload=payload,
            origin=self._origin(said.lane_seq, action),
            key=Key(batch.user_id, said.id, fingerprint(kind.type, payload, base_version)),
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
        happened = effective_time(claimed, offset, batch.received_at)
        return replace(
            origin,
            occurred_at=claimed,
            clock_offset_ms=action.clock_offset_ms,
            effective_at=happened.at,
            clock_suspect=happened.is_suspect,
        )

    def _ended(self, document: Document, state: State, error: Document | None = None) -> Document:
        return settled(document, state, error=error, at=self._batch.received_at, keys_kept=self._keys_kept)


def _entry(
    said: Header, document: Document | None, *, resolves: str | None = None, fault: Document | None = None
) -> Entry:
    return Entry(
        id=said.id,
        lane=said.lane,
        lane_seq=said.lane_seq,
        document=document,
        resolves=resolves,
        fault=fault,
    )


class _Refused(Exception):
    """For good. `action`: what of it may be stored."""

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
    """The action's id, if that much can be read; None: the device goes by its place in the batch."""
    try:
        id = _plain.decode(raw).get("id")
    except (*_UNREADABLE, AttributeError):
        return None
    return id if isinstance(id, str) and _ID.fullmatch(id) else None
