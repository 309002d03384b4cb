"""`Work` for one command: its own overlay over what the batch holds. A refusal leaves the batch untouched."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar, cast

import msgspec

from adapters.commands.document import (
    FOLLOW_UP,
    MAX_DEPTH,
    Key,
    Origin,
    effective_at,
    event,
    fingerprint,
    fresh,
    target_of,
)
from adapters.commands.verdicts import Created, Ref
from adapters.mongo.client import Document, document_id
from domain.entity import Entity, Entry
from domain.errors import Missing, Rejected
from domain.identity.actor import Actor
from domain.kinds import ENTITIES, ROW
from tasks.command import Spec
from workers.drain import entity_documents as drafts
from workers.drain.entity_documents import Draft, plain
from workers.drain.snapshot import Slot, Snapshot, decode

E = TypeVar("E", bound=Entity)


class _Beside(msgspec.Struct, frozen=True):
    """A new entity beside the target, with rows of its ledger and what is told of it, in the store's terms:
    what has none is found out before anything of the command is in the snapshot."""

    ref: Ref
    entity: Entity
    draft: Draft
    rows: list[Document]
    size: int
    event: str
    data: Document


class Overlay:
    """Implements tasks.work.Work. Nothing reaches the snapshot before `merge`."""

    def __init__(self, snapshot: Snapshot, command: Document, spec: Spec, actor: Actor) -> None:
        self._snapshot = snapshot
        self._command = command
        self._spec = spec
        self._actor = actor
        self._tenant: str = command["tenant_id"]
        self._id: str = command["target"].partition(":")[2]
        self._kind = ENTITIES[spec.kind]
        self._ref: Ref = (self._kind.collection, document_id(self._tenant, self._id))
        self._saved: Entity | None = None
        self._draft: Draft | None = None
        self._read: dict[str, Document] = {}
        self._rows: dict[str, tuple[bool, Document]] = {}
        self._emitted: list[tuple[str, Document]] = []
        self._follow_ups: list[Document] = []
        self._guards: set[Ref] = set()
        self._beside: list[_Beside] = []
        self.warnings: list[Document] = []
        if command["origin"].get("clock_suspect"):
            self.warn("clock_suspect", "the device's clock is off by more than 2 minutes")

    # -- what a handler sees ------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        return self._snapshot.now

    @property
    def occurred_at(self) -> datetime:
        return effective_at(self._command["origin"], self.now)

    @property
    def is_measured(self) -> bool:
        return bool(self._command["origin"]["via"] == "offline")

    @property
    def seen_version(self) -> int | None:
        return self._command.get("base_version")

    @property
    def actor(self) -> Actor:
        return self._actor

    @property
    def command_id(self) -> str:
        return cast(str, self._command["_id"])

    @property
    def target_id(self) -> str:
        return self._id

    def new_id(self) -> str:
        return self._snapshot.new_id()

    def number(self, kind: type[Entity]) -> int:
        return self._snapshot.number(self._tenant, kind.kind)

    def find(self, kind: type[E]) -> E | None:
        if kind is not self._kind:
            raise TypeError(f"{self._spec.type} has a {self._spec.kind} as its target, not a {kind.kind}")
        return cast("E | None", self._saved) or self.peek(kind, self._id)

    def load(self, kind: type[E]) -> E:
        found = self.find(kind)
        if found is None:
            raise Missing(kind.kind, self._id)
        return found

    def peek(self, kind: type[E], id: str) -> E | None:
        slot = self._snapshot.slot((kind.collection, document_id(self._tenant, id)))
        return cast("E | None", _entity(slot, kind))

    def require(self, kind: type[E], id: str, *, path: str | None = None) -> E:
        found = self.peek(kind, id)
        if found is None:
            raise Missing(kind.kind, id, path=path)
        self._guards.add((kind.collection, document_id(self._tenant, id)))
        return found

    def entry(self, id: str) -> Entry | None:
        row_id = document_id(self._tenant, id)
        pending = self._pending(row_id)
        row = pending[1] if pending else self._snapshot.fetch(("entries", row_id))
        if row is None or row["target"] != self._command["target"]:
            return None
        self._read[row_id] = row
        return cast(Entry, msgspec.convert(row, ROW))

    def _pending(self, row_id: str) -> tuple[bool, Document] | None:
        return self._rows.get(row_id) or self._snapshot.changes.entries.get(row_id)

    def save(self, entity: Entity) -> None:
        if type(entity) is not self._kind or entity.id != self._id:
            raise TypeError(f"{self._spec.type} may write {self._command['target']} only")
        self._saved = entity

    def record(self, entry: Entry) -> None:
        row_id = document_id(self._tenant, entry.id)
        pending = self._pending(row_id)
        old = pending[1] if pending else self._read.get(row_id)
        row = (old or {}) | drafts.row(entry, self._tenant, self._command["target"])
        self._rows[row_id] = (pending[0] if pending else old is None, row)

    def create(self, entity: Entity, event: str, rows: Sequence[Entry] = (), **data: Any) -> None:
        ref: Ref = (entity.collection, document_id(self._tenant, entity.id))
        if ref == self._ref:
            raise TypeError(f"{self._spec.type} saves its own target")
        draft, target = drafts.new(entity, self._tenant, at=self.now), f"{entity.kind}:{entity.id}"
        ledger = [drafts.row(row, self._tenant, target) for row in rows]
        size = len(msgspec.json.encode(draft.document))
        self._beside.append(_Beside(ref, entity, draft, ledger, size, event, plain(data)))

    def emit(self, event: str, **data: Any) -> None:
        self._emitted.append((event, plain(data)))

    def follow_up(self, type: str, payload: dict[str, Any], *, step: str) -> None:
        spec = self._snapshot.catalogue[type]
        body = msgspec.to_builtins(payload)
        parsed = msgspec.convert(body, spec.payload)
        origin = msgspec.convert(self._command["origin"], Origin)
        if origin.depth >= MAX_DEPTH:
            raise Rejected("too_deep", f"follow-ups may follow one another at most {MAX_DEPTH} deep")
        self._follow_ups.append(
            fresh(
                spec,
                id=self.new_id(),
                tenant_id=self._tenant,
                target=target_of(spec, spec.target_id(parsed, None) or self.new_id()),
                payload=body,
                origin=self._descend(origin),
                key=Key(FOLLOW_UP, f"{self.command_id}:{step}", fingerprint(type, body, None)),
                accepted_at=self.now,
                queue=self._command["queue"],
            )
        )

    def _descend(self, origin: Origin) -> Origin:
        return Origin(
            via=FOLLOW_UP,
            request_id=origin.request_id,
            traceparent=origin.traceparent,
            outbox=origin.outbox,
            occurred_at=origin.occurred_at,
            effective_at=origin.effective_at,
            parent=self.command_id,
            depth=origin.depth + 1,
            root=origin.root or self.command_id,
        )

    def warn(self, code: str, message: str, **params: Any) -> None:
        self.warnings.append({"code": code, "message": message, "params": msgspec.to_builtins(params)})

    # -- what the fold does with it -----------------------------------------------------------------------

    def seal(self) -> frozenset[str]:
        """The handler is done: work out the new document. Returns the paths that it changes."""
        old = self._snapshot.slot(self._ref).document
        if old is None and self._saved is not None:
            self._draft = drafts.new(self._saved, self._tenant, at=self.now)
        elif old is not None and (self._saved is not None or self._rows):
            contended = self._snapshot.contended[self._kind.kind]
            self._draft = drafts.changed(old, self.before(), self._saved, contended, at=self.now)
        return frozenset(self._draft.paths if self._draft else ())

    def before(self) -> Entity | None:
        """The target as this command found it."""
        return _entity(self._snapshot.slot(self._ref), self._kind)

    @property
    def saved(self) -> Entity | None:
        """The target as the handler leaves it; None: it left it alone."""
        return self._saved

    def merge(self) -> tuple[list[Document], int | None]:
        """Put all of it into the snapshot, once sealed. Returns the events and the entity's new version."""
        changes = self._snapshot.changes
        if self._draft is not None:
            saved, document = self._saved, self._draft.document
            entity = msgspec.structs.replace(saved, version=document["version"]) if saved else None
            self._snapshot.put(self._ref, document, entity, fields=self._draft.fields)
        changes.entries |= self._rows
        changes.follow_ups += self._follow_ups
        changes.guards |= self._guards
        parent = self._command["origin"].get("parent")
        if parent and self.warnings:
            changes.warned.setdefault(parent, []).extend(self.warnings)
        events = self._events(self.current_version())
        for beside in self._beside:
            told = self._put(beside, self._command.get("events", 0) + len(events))
            events += [told] if told else []
        return events, self.current_version()

    def _put(self, beside: _Beside, serial: int) -> Document | None:
        """Put it into the snapshot. Returns what is told of it; None: it is there already."""
        draft, version = beside.draft, beside.draft.document["version"]
        told = event(
            self._command,
            serial,
            beside.event,
            target=f"{beside.entity.kind}:{beside.entity.id}",
            at=self.now,
            version=version,
            paths=draft.paths,
            data=beside.data,
        )
        created = Created(document=draft.document, rows=beside.rows, size=beside.size, event_id=told["_id"])
        entity = msgspec.structs.replace(beside.entity, version=version)
        return told if self._snapshot.create(beside.ref, created, entity) else None

    def _events(self, version: int | None) -> list[Document]:
        serial = self._command.get("events", 0)
        emitted = self._emitted or [("command.applied", {})]
        draft = self._draft or Draft({})
        return [
            event(
                self._command,
                serial + n,
                name,
                at=self.now,
                version=version,
                paths=draft.paths,
                was=draft.was,
                data=data,
            )
            for n, (name, data) in enumerate(emitted)
        ]

    @property
    def follow_up_count(self) -> int:
        return len(self._follow_ups)

    def current_version(self) -> int | None:
        document = self._snapshot.slot(self._ref).document
        return document["version"] if document else None


def _entity(slot: Slot, kind: type[Entity]) -> Entity | None:
    if slot.entity is None and slot.document is not None:
        slot.entity = decode(slot.document, kind)
    return slot.entity
