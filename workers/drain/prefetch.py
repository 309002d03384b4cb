"""What a batch's handlers are going to ask for, as far as their specs tell: read at once, before they run."""

from __future__ import annotations

from collections.abc import Iterable

from adapters.commands.verdicts import Ref
from adapters.mongo.client import Document, document_id
from domain.entity import Entity
from domain.kinds import ENTITIES
from tasks.command import Refers
from workers.drain.snapshot import Slot, Snapshot, decode


def foresee(commands: Iterable[Document], snapshot: Snapshot) -> None:
    """Read the targets, what the payloads name, and what the targets themselves name."""
    wanted = list(commands)
    snapshot.prefetch(_wanted(wanted, snapshot))
    snapshot.prefetch(_referred(wanted, snapshot))


def ref_of(command: Document) -> Ref:
    """Where the command's own entity is kept."""
    kind, _, id = command["target"].partition(":")
    return ENTITIES[kind].collection, document_id(command["tenant_id"], id)


def _wanted(commands: list[Document], snapshot: Snapshot) -> set[Ref]:
    """The targets, and what the specs say their handlers will ask for."""
    refs: set[Ref] = set()
    for command in commands:
        refs.add(ref_of(command))
        for cls, other in _foreseen(command, snapshot):
            refs.add((cls.collection, document_id(command["tenant_id"], other)))
    return refs


def _referred(commands: list[Document], snapshot: Snapshot) -> set[Ref]:
    """What the targets themselves name, as far as their specs ask for it."""
    refs: set[Ref] = set()
    for command in commands:
        refers, tenant_id = snapshot.catalogue[command["type"]].refers, command["tenant_id"]
        if refers is not None:
            kind = ENTITIES[command["target"].partition(":")[0]]
            found = _named(refers, snapshot.slot(ref_of(command)), kind)
            refs |= {(cls.collection, document_id(tenant_id, other)) for cls, other in found}
    return refs


def _foreseen(command: Document, snapshot: Snapshot) -> Iterable[tuple[type[Entity], str]]:
    """The other entities that the handler will ask for, as far as its spec tells."""
    spec = snapshot.catalogue[command["type"]]
    if spec.reads is None:
        return ()
    try:
        return list(spec.reads(snapshot.payload(command, spec)))
    except Exception:  # noqa: BLE001 - the handler will meet what is wrong, and its command answer for it
        return ()


def _named(refers: Refers, slot: Slot, kind: type[Entity]) -> Iterable[tuple[type[Entity], str]]:
    """The other entities that this one names."""
    if slot.document is None:
        return ()
    try:
        slot.entity = slot.entity or decode(slot.document, kind)
        return list(refers(slot.entity))
    except Exception:  # noqa: BLE001 - as above
        return ()
