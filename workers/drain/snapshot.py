"""What one batch holds in memory: entities, changed command by command, and all that must be written."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

import msgspec

from adapters.commands.changes import CREATED_BYTES, MOST_CREATED, Changes, Ref, Written
from adapters.commands.document import RUNNABLE, State, TargetQueue
from adapters.commands.unit_of_work import UnitOfWork
from adapters.commands.verdicts import Verdict, is_ending
from adapters.mongo.client import Document, document_id
from domain.entity import Entity
from domain.identity.actor import Actor
from domain.identity.permissions import ROLES, granted
from domain.identity.user import TenantRoles
from domain.kinds import ENTITIES
from tasks.catalogue import Catalogue
from tasks.command import THE_TENANTS, Payload, Spec
from workers.drain.case import DEVICE_BASE, Case, Slot
from workers.drain.effects import Effects
from workers.drain.fate import Newer

Numbers = dict[tuple[str, str], deque[int]]
"""Human numbers reserved for this batch, by (tenant, kind)."""


class Snapshot:
    """The batch's view. What was not prefetched is read on demand, in the same transaction."""

    def __init__(
        self,
        uow: UnitOfWork,
        catalogue: Catalogue,
        *,
        now: datetime,
        new_id: Callable[[], str],
        numbers: Numbers,
        contended: Mapping[str, frozenset[str]],
    ) -> None:
        """`contended`: by kind of entity, the fields for which commands contend."""
        self.catalogue = catalogue
        self.contended = contended
        self.now = now
        self.new_id = new_id
        self.numbers = numbers
        self.changes = Changes()
        self._uow = uow
        self._events: dict[TargetQueue, list[Document]] = {}
        self._states: dict[str, State] = {}
        self._taken: Counter[tuple[str, str]] = Counter()
        self._slots: dict[Ref, Slot] = {}
        self._payloads: dict[str, Payload] = {}
        self._actors: dict[tuple[str, str], Actor | None] = {}
        self._blockers: dict[TargetQueue, list[Document]] = {}

    # -- reading ------------------------------------------------------------------------------------------

    def prefetch(self, refs: set[Ref]) -> None:
        """Read these at once; the absent ones are then known to be absent."""
        documents = self._uow.fetch(refs - self._slots.keys())
        for ref in refs - self._slots.keys():
            created = self.changes.created.get(ref)
            self._slots[ref] = Slot(documents.get(ref) or (created.document if created else None))

    def prefetch_actors(self, users: set[tuple[str, str]]) -> None:
        """The users behind the batch, with the roles of this moment."""
        documents = self._uow.fetch({("users", document_id(*user)) for user in users})
        for tenant_id, user_id in users:
            document = documents.get(("users", document_id(tenant_id, user_id)))
            self._actors[tenant_id, user_id] = self._actor(document) if document else None

    def _actor(self, user: Document) -> Actor | None:
        """The user with their grants; None if no longer active. The tenant's own roles are read only for
        users who have one."""
        if not user.get("active"):
            return None
        roles = tuple(user.get("roles", ()))
        own = {} if ROLES.keys() >= set(roles) else self._own_roles(user["tenant_id"])
        return Actor(
            tenant_id=user["tenant_id"],
            user_id=user["id"],
            roles=roles,
            granted=granted(roles, {**own, **ROLES}),
        )

    def _own_roles(self, tenant_id: str) -> Mapping[str, tuple[str, ...]]:
        document = self.slot((TenantRoles.collection, document_id(tenant_id, THE_TENANTS))).document
        return msgspec.convert(document, TenantRoles).table if document else {}

    def prefetch_blockers(self, queues: set[TargetQueue]) -> None:
        """What blocks lanes of these targets, see `workers/drain/lanes.py`."""
        for blocker in self._uow.blockers(queues):
            self._blockers.setdefault((blocker["tenant_id"], blocker["target"]), []).append(blocker)

    def slot(self, ref: Ref) -> Slot:
        if ref not in self._slots:
            self.prefetch({ref})
        return self._slots[ref]

    def version(self, ref: Ref) -> int | None:
        """The entity's version as the batch has it; None: it does not exist."""
        document = self.slot(ref).document
        return document["version"] if document else None

    def fetch(self, ref: Ref) -> Document | None:
        """A document that is not an entity (a ledger row), read now."""
        return self._uow.fetch({ref}).get(ref)

    def payload(self, command: Document, spec: Spec) -> Payload:
        """As its handler takes it, converted once. Raises: msgspec.ValidationError."""
        known = self._payloads.get(command["_id"])
        if known is None:
            known = self._payloads[command["_id"]] = msgspec.convert(command["payload"], spec.payload)
        return known

    def number(self, tenant_id: str, kind: str) -> int:
        """The next human number: one that was reserved, or one taken now, with twice as many each time."""
        reserved = self.numbers.setdefault((tenant_id, kind), deque())
        if not reserved:
            self._taken[tenant_id, kind] += self._taken[tenant_id, kind] or 1
            reserved.extend(self._uow.take_numbers(tenant_id, kind, self._taken[tenant_id, kind]))
        return reserved.popleft()

    def create_of(self, command: Document, target: str) -> Document | None:
        """The create of an absent entity that this command may wait for: parked, dead, or on its way and
        accepted before it. Who waited for a later one might wait for itself, or block it in its own target
        queue.
        """
        stuck: Document | None = None
        for create in self._uow.find_creates(command["tenant_id"], target):
            state: State = self._states.get(create["_id"]) or create["state"]
            if create["_id"] == command["_id"] or (is_ending(state) and state != "dead"):
                continue
            if state not in RUNNABLE:
                stuck = stuck or create | {"state": state}
            elif create["seq"] < command["seq"]:
                return create | {"state": state}
        return stuck

    # -- one command after another --------------------------------------------------------------------------

    def _has_room_for(self, command: Document) -> bool:
        """Whether this batch may run one more: as many as one commit can write, and none behind which another
        of the batch has been parked, whom its ending could not release."""
        changes = self.changes
        is_full = len(changes.created) >= MOST_CREATED or changes.created_bytes >= CREATED_BYTES
        return not is_full and all(before["_id"] != command["_id"] for before, _ in changes.awaited)

    def bare_case(self, command: Document) -> Case:
        """The command alone, for one that is only judged: to read more may be what failed."""
        spec, ref = self.catalogue[command["type"]], ref_of(command)
        return Case(command=command, spec=spec, now=self.now, ref=ref, slot=Slot(None))

    def case(self, command: Document) -> Case | None:
        """The command with what the batch knows of it at this point; None: it is left to the next batch."""
        if not self._has_room_for(command):
            self.changes.is_cut = True
            return None
        spec, tenant_id = self.catalogue[command["type"]], command["tenant_id"]
        user_id, voucher = command["origin"].get("user_id"), command.get("vouched_by")
        queue, outbox = (tenant_id, command["target"]), command["origin"].get("outbox")
        ref = ref_of(command)
        return Case(
            command=command,
            spec=spec,
            now=self.now,
            ref=ref,
            slot=self.slot(ref),
            outbox=outbox,
            base_version=command.get("base_version", DEVICE_BASE if outbox else None),
            payload=self._payloads.get(command["_id"]),
            author=self._actors[tenant_id, user_id] if user_id else Actor(tenant_id=tenant_id, user_id=None),
            voucher=self._actors[tenant_id, voucher] if voucher else None,
            blockers=tuple(self._blockers.get(queue, ())),
            changed_since=partial(self._changed_since, queue),
        )

    def _changed_since(self, queue: TargetQueue, version: int) -> list[Document]:
        """The latest events after this version, oldest first, this batch's included."""
        own = [event for event in self._events.get(queue, ()) if (event["version"] or 0) > version]
        return self._uow.changed_since(queue, version) + own

    def is_absent(self, ref: Ref) -> bool:
        """Whether nothing in the batch says that this entity exists. If the batch has not read it, that turns
        out when all is written: to ask for each would be a round trip each."""
        known = self._slots.get(ref)
        return ref not in self.changes.created and not (known and known.document)

    def absorb(self, case: Case, verdict: Verdict, effects: Effects | None) -> None:
        """What the command came to and did, for the store and for those after it in the batch."""
        command, changes = case.command, self.changes
        changes.verdicts.append(verdict)
        self._states[command["_id"]] = verdict.state
        for event in verdict.events:
            self._events.setdefault((event["tenant_id"], event["target"]), []).append(event)
        if verdict.behind is not None:
            changes.awaited.append((verdict.behind, command["_id"]))
        if effects is not None:
            self._absorb_effects(case, effects)
        self._absorb_blocks(case, verdict)

    def _absorb_effects(self, case: Case, effects: Effects) -> None:
        changes = self.changes
        if effects.document is not None:
            is_new = case.slot.document is None
            written = changes.entities.setdefault(case.ref, Written(document={}, is_new=is_new))
            written.document = effects.document
            written.fields.update(effects.fields)
            self._slots[case.ref] = Slot(effects.document, effects.entity)
        changes.entries |= effects.rows
        changes.follow_ups += effects.follow_ups
        changes.guards |= effects.guards
        parent = case.command["origin"].get("parent")
        if parent and effects.warnings:
            changes.warned.setdefault(parent, []).extend(effects.warnings)
        for ref, (created, entity) in effects.created.items():
            changes.created[ref] = created
            changes.created_bytes += created.size
            if ref in self._slots:
                self._slots[ref] = Slot(created.document, entity)

    def _absorb_blocks(self, case: Case, verdict: Verdict) -> None:
        command = case.command
        if case.blockers:
            gone = {command["_id"]} | ({command.get("resolves")} if verdict.state == "applied" else set())
            self._blockers[case.queue] = [one for one in case.blockers if one["_id"] not in gone]
        if blocks := verdict.marks.get("blocks"):
            blocker = command | {"state": verdict.state, "blocks": blocks}
            self._blockers.setdefault(case.queue, []).append(blocker)


def ref_of(command: Document) -> Ref:
    """Where the command's own entity is kept."""
    kind, _, id = command["target"].partition(":")
    return ENTITIES[kind].collection, document_id(command["tenant_id"], id)


def decoded(slot: Slot, kind: type[Entity]) -> Entity | None:
    """The slot's entity. Raises: Newer: written by a newer release, whose meaning we may not know."""
    if slot.entity is None and slot.document is not None:
        document = slot.document
        if document.get("schema_version", 1) > kind.schema_version:
            raise Newer(f"{document['_id']} has schema {document['schema_version']}")
        slot.entity = msgspec.convert(document, kind)
    return slot.entity
