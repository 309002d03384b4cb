"""`Work` for one command: its own overlay over what the batch holds. A refusal leaves the batch untouched."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar, cast

import msgspec

from adapters.commands.changes import Created, Ref
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
from adapters.mongo.client import Document, document_id
from domain.entity import Entity, Entry
from domain.errors import Missing, Rejected
from domain.identity.actor import Actor
from domain.kinds import ENTITIES, ROW
from workers.drain import entity_documents
from workers.drain.case import Case
from workers.drain.effects import Effects
from workers.drain.entity_documents import Draft, plain
from workers.drain.snapshot import Snapshot, decoded

E = TypeVar("E", bound=Entity)


class _Beside(NamedTuple):
    """A new entity beside the target, with rows of its ledger and its event, already in the store's terms:
    what the store cannot hold fails here, before anything of the command is in the batch."""

    entity: Entity
    draft: Draft
    rows: list[Document]
    size: int
    event: str
    data: Document


class Overlay:
    """Implements tasks.work.Work. Nothing reaches the batch but what `effects` returns."""

    def __init__(self, snapshot: Snapshot, case: Case, actor: Actor) -> None:
        command = case.command
        self._snapshot = snapshot
        self._case = case
        self._command = command
        self._actor = actor
        self._tenant: str = command["tenant_id"]
        self._id: str = command["target"].partition(":")[2]
        self._kind = ENTITIES[case.spec.kind]
        self._saved: Entity | None = None
        self._read: dict[str, Document] = {}
        self._rows: dict[str, tuple[bool, Document]] = {}
        self._emitted: list[tuple[str, Document]] = []
        self._follow_ups: list[Document] = []
        self._guards: set[Ref] = set()
        self._beside: dict[Ref, _Beside] = {}
        self._warnings: list[Document] = []
        if command["origin"].get("clock_suspect"):
            self.warn("clock_suspect", "the device's clock is off by more than 2 minutes")

    # -- what a handler sees ------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        return self._case.now

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
            raise TypeError(
                f"{self._case.spec.type} has a {self._case.spec.kind} as its target, not a {kind.kind}"
            )
        return cast("E | None", self._saved) or cast("E | None", self.before())

    def load(self, kind: type[E]) -> E:
        entity = self.find(kind)
        if entity is None:
            raise Missing(kind.kind, self._id)
        return entity

    def peek(self, kind: type[E], id: str) -> E | None:
        slot = self._snapshot.slot((kind.collection, document_id(self._tenant, id)))
        return cast("E | None", decoded(slot, kind))

    def require(self, kind: type[E], id: str, *, path: str | None = None) -> E:
        entity = self.peek(kind, id)
        if entity is None:
            raise Missing(kind.kind, id, path=path)
        self._guards.add((kind.collection, document_id(self._tenant, id)))
        return entity

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
            raise TypeError(f"{self._case.spec.type} may write {self._command['target']} only")
        self._saved = entity

    def record(self, entry: Entry) -> None:
        row_id = document_id(self._tenant, entry.id)
        pending = self._pending(row_id)
        old = pending[1] if pending else self._read.get(row_id)
        row = (old or {}) | entity_documents.row(entry, self._tenant, self._command["target"])
        self._rows[row_id] = (pending[0] if pending else old is None, row)

    def create(self, entity: Entity, event: str, rows: Sequence[Entry] = (), **data: Any) -> None:
        ref: Ref = (entity.collection, document_id(self._tenant, entity.id))
        if ref == self._case.ref:
            raise TypeError(f"{self._case.spec.type} saves its own target")
        draft, target = entity_documents.new(entity, self._tenant, at=self.now), f"{entity.kind}:{entity.id}"
        ledger = [entity_documents.row(row, self._tenant, target) for row in rows]
        size = len(msgspec.json.encode(draft.document))
        self._beside.setdefault(ref, _Beside(entity, draft, ledger, size, event, plain(data)))

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
        self._warnings.append({"code": code, "message": message, "params": msgspec.to_builtins(params)})

    # -- what the fold does with it -----------------------------------------------------------------------

    def before(self) -> Entity | None:
        """The target as this command found it."""
        return decoded(self._case.slot, self._kind)

    @property
    def saved(self) -> Entity | None:
        """The target as the handler leaves it; None: it left it alone."""
        return self._saved

    def effects(self) -> Effects:
        """What the command does, once its handler has run."""
        draft, before = self._draft(), self._case.slot.document
        document = draft.document if draft else None
        version: int | None = (document or before or {}).get("version")
        events = self._events(draft or Draft({}), version)
        created: dict[Ref, tuple[Created, Entity]] = {}
        for ref, beside in self._beside.items():
            if self._snapshot.is_absent(ref):
                events.append(self._event_beside(beside, len(events)))
                entity = msgspec.structs.replace(beside.entity, version=beside.draft.document["version"])
                created[ref] = (
                    Created(
                        document=beside.draft.document,
                        rows=beside.rows,
                        size=beside.size,
                        event_id=events[-1]["_id"],
                    ),
                    entity,
                )
        return Effects(
            document=document,
            entity=msgspec.structs.replace(self._saved, version=version) if self._saved and draft else None,
            fields=draft.fields if draft else (),
            paths=draft.paths if draft else (),
            rows=self._rows,
            created=created,
            follow_ups=self._follow_ups,
            guards=self._guards,
            events=events,
            warnings=self._warnings,
            version=version,
        )

    def _draft(self) -> Draft | None:
        """The target's new document; None: it stays as it is."""
        old = self._case.slot.document
        if old is None and self._saved is not None:
            return entity_documents.new(self._saved, self._tenant, at=self.now)
        if old is not None and (self._saved is not None or self._rows):
            contended = self._snapshot.contended[self._kind.kind]
            return entity_documents.changed(old, self.before(), self._saved, contended, at=self.now)
        return None

    def _events(self, draft: Draft, version: int | None) -> list[Document]:
        serial = self._command.get("events", 0)
        emitted = self._emitted or [("command.applied", {})]
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

    def _event_beside(self, beside: _Beside, earlier: int) -> Document:
        return event(
            self._command,
            self._command.get("events", 0) + earlier,
            beside.event,
            target=f"{beside.entity.kind}:{beside.entity.id}",
            at=self.now,
            version=beside.draft.document["version"],
            paths=beside.draft.paths,
            data=beside.data,
        )
