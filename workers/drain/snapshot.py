"""What one batch holds in memory: entities, changed command by command, and all that must be written."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

import msgspec

from adapters.commands.document import RUNNABLE, State, TargetQueue
from adapters.commands.unit_of_work import UnitOfWork
from adapters.commands.verdicts import Changes, Created, Ref, Verdict, Written, is_ending
from adapters.mongo.client import Document, document_id
from domain.entity import Entity
from domain.identity.actor import Actor
from domain.identity.permissions import granted
from domain.kinds import ENTITIES
from tasks.catalogue import Catalogue
from tasks.command import Payload, Spec
from workers.drain.fate import Newer

Numbers = dict[tuple[str, str], deque[int]]
"""Human numbers reserved for this batch, by (tenant, kind)."""


class Slot(msgspec.Struct):
    """One entity: its document, and the decoded value when somebody has asked for it."""

    document: Document | None
    entity: Entity | None = None


class Snapshot:
    """The batch's view. Reads what was not foreseen on demand, in the same transaction."""

    def __init__(
        self,
        uow: UnitOfWork,
        *,
        catalogue: Catalogue,
        now: datetime,
        new_id: Callable[[], str],
        numbers: Numbers,
        contended: Mapping[str, frozenset[str]],
    ) -> None:
        self.catalogue = catalogue
        self.contended = contended
        self.now = now
        self.new_id = new_id
        self.numbers = numbers
        self.changes = Changes()
        self.news: dict[TargetQueue, list[Document]] = {}
        """Events of this batch by line, for those who come after in it."""
        self.outcomes: dict[str, State] = {}
        """What the commands of this batch came to so far, by id."""
        self._uow = uow
        self._taken: Counter[tuple[str, str]] = Counter()
        self._slots: dict[Ref, Slot] = {}
        self._payloads: dict[str, Payload] = {}
        self._actors: dict[tuple[str, str], Actor | None] = {}
        self._blockers: dict[TargetQueue, list[Document]] = {}

    def prefetch(self, refs: set[Ref]) -> None:
        """Read these at once; the absent ones are then known to be absent."""
        found = self._uow.fetch(refs - self._slots.keys())
        for ref in refs - self._slots.keys():
            created = self.changes.created.get(ref)
            self._slots[ref] = Slot(found.get(ref) or (created.document if created else None))

    def prefetch_actors(self, users: set[tuple[str, str]]) -> None:
        """The users behind the batch, with the roles of this moment."""
        refs = {("users", document_id(*user)) for user in users}
        found = self._uow.fetch(refs)
        for tenant_id, user_id in users:
            document = found.get(("users", document_id(tenant_id, user_id)))
            self._actors[tenant_id, user_id] = _actor(document) if document else None

    def prefetch_blockers(self, lines: set[TargetQueue]) -> None:
        """What blocks lanes of these lines, see `workers/drain/lanes.py`."""
        for found in self._uow.blockers(lines):
            self._blockers.setdefault((found["tenant_id"], found["target"]), []).append(found)

    def blockers(self, command: Document) -> list[Document]:
        """What blocks the command's lane, the first of it first."""
        found = self._blockers.get((command["tenant_id"], command["target"]), ())
        outbox = command["origin"]["outbox"]
        mine = [blocker for blocker in found if blocker["blocks"] == outbox]
        return sorted(mine, key=lambda blocker: blocker["origin"].get("lane_seq", 0))

    def is_blocker(self, command: Document, id: str) -> bool:
        """Whether that one blocks a lane of this command's line."""
        found = self._blockers.get((command["tenant_id"], command["target"]), ())
        return any(blocker["_id"] == id for blocker in found)

    def is_awaited(self, command: Document) -> bool:
        """Whether a command of this batch, before it in the line, waits for this one: it came back since."""
        return any(before["_id"] == command["_id"] for before, _ in self.changes.awaited)

    def note(self, line: TargetQueue, verdict: Verdict) -> None:
        """What a command of this batch came to, for those who come after it."""
        command = verdict.command
        self.outcomes[command["_id"]] = verdict.state
        for event in verdict.events:
            self.news.setdefault((event["tenant_id"], event["target"]), []).append(event)
        if found := self._blockers.get(line):
            gone = {command["_id"]} | ({command.get("resolves")} if verdict.state == "applied" else set())
            self._blockers[line] = [blocker for blocker in found if blocker["_id"] not in gone]
        if blocks := verdict.marks.get("blocks"):
            blocker = command | {"state": verdict.state, "blocks": blocks}
            self._blockers.setdefault(line, []).append(blocker)

    def user(self, tenant_id: str, user_id: str) -> Actor | None:
        """A user with the roles of now; None: gone, or no longer active."""
        return self._actors[tenant_id, user_id]

    def actor(self, command: Document) -> Actor | None:
        """Who speaks in this command: None when that user is gone or no longer active."""
        user_id = command["origin"].get("user_id")
        if user_id is None:
            return Actor(tenant_id=command["tenant_id"], user_id=None)
        return self.user(command["tenant_id"], user_id)

    def payload(self, command: Document, spec: Spec) -> Payload:
        """As its handler takes it, converted once. Raises: msgspec.ValidationError."""
        known = self._payloads.get(command["_id"])
        if known is None:
            known = self._payloads[command["_id"]] = msgspec.convert(command["payload"], spec.payload)
        return known

    def slot(self, ref: Ref) -> Slot:
        if ref not in self._slots:
            self.prefetch({ref})
        return self._slots[ref]

    def put(self, ref: Ref, document: Document, entity: Entity | None, *, fields: Iterable[str]) -> None:
        """The document as a command leaves it, and the fields of it that the command wrote."""
        written = self.changes.entities.get(ref)
        if written is None:
            is_new = self.slot(ref).document is None
            written = self.changes.entities[ref] = Written(document=document, is_new=is_new)
        written.document = document
        written.fields.update(fields)
        self._slots[ref] = Slot(document, entity)

    def create(self, ref: Ref, created: Created, entity: Entity) -> bool:
        """A new entity; False: it is known to be there. Where no command of the batch has asked for it, that
        is found out when all is written: a look at each would be a round trip each."""
        known = self._slots.get(ref)
        if ref in self.changes.created or (known and known.document):
            return False
        self.changes.created[ref] = created
        self.changes.created_bytes += created.size
        if known:
            self._slots[ref] = Slot(created.document, entity)
        return True

    def number(self, tenant_id: str, kind: str) -> int:
        """The next human number: one that was reserved, or one taken now, with twice as many each time."""
        reserved = self.numbers.setdefault((tenant_id, kind), deque())
        if not reserved:
            self._taken[tenant_id, kind] += self._taken[tenant_id, kind] or 1
            reserved.extend(self._uow.take_numbers(tenant_id, kind, self._taken[tenant_id, kind]))
        return reserved.popleft()

    def changed_since(self, line: TargetQueue, version: int) -> list[Document]:
        """The latest events after this version, oldest first, this batch's included."""
        news = [event for event in self.news.get(line, ()) if (event["version"] or 0) > version]
        return self._uow.changed_since(line, version) + news

    def version(self, command: Document) -> int | None:
        """The version of the command's entity as the batch has it; None: there is no such entity."""
        kind, _, id = command["target"].partition(":")
        document = self.slot((ENTITIES[kind].collection, document_id(command["tenant_id"], id))).document
        return document["version"] if document else None

    def fetch(self, ref: Ref) -> Document | None:
        """A document that is not an entity (a ledger row), read now."""
        return self._uow.fetch({ref}).get(ref)

    def predecessor(self, command: Document, target: str) -> Document | None:
        """The create of an absent entity that this command may wait for: parked, dead, or on its way and
        accepted before it. Who waited for a later one might wait for itself, or block it in its own line.
        """
        stuck: Document | None = None
        for create in self._uow.find_creates(self.catalogue, command["tenant_id"], target):
            state: State = self.outcomes.get(create["_id"]) or create["state"]
            if create["_id"] == command["_id"] or (is_ending(state) and state != "dead"):
                continue
            if state not in RUNNABLE:
                stuck = stuck or create | {"state": state}
            elif create["seq"] < command["seq"]:
                return create | {"state": state}
        return stuck


def decode(document: Document, kind: type[Entity]) -> Entity:
    """Raises: Newer: written by a newer release, whose meaning we may not know."""
    if document.get("schema_version", 1) > kind.schema_version:
        raise Newer(f"{document['_id']} has schema {document['schema_version']}")
    return msgspec.convert(document, kind)


def _actor(user: Document) -> Actor | None:
    if not user.get("active"):
        return None
    return Actor(
        tenant_id=user["tenant_id"],
        user_id=user["id"],
        roles=tuple(user.get("roles", ())),
        granted=granted(user.get("roles", ())),
    )
