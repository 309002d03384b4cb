"""Reads at once, before a batch's handlers run, what they are going to need, as far as their specs say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from adapters.commands.changes import Ref
from adapters.mongo.client import Document, document_id
from domain.entity import Entity
from domain.kinds import ENTITIES
from tasks.command import Refers
from workers.drain.case import Slot
from workers.drain.fold import is_in_lane
from workers.drain.snapshot import Snapshot, decoded, ref_of


def prefetch(commands: Sequence[Document], snapshot: Snapshot) -> None:
    """Read the targets, what the payloads and the targets name, the actors, and what blocks lanes."""
    snapshot.prefetch(_named_by_payloads(commands, snapshot))
    snapshot.prefetch(_named_by_targets(commands, snapshot))
    snapshot.prefetch_actors(_users(commands))
    in_lanes = {(command["tenant_id"], command["target"]) for command in commands if is_in_lane(command)}
    if in_lanes:
        snapshot.prefetch_blockers(in_lanes)


def _named_by_payloads(commands: Iterable[Document], snapshot: Snapshot) -> set[Ref]:
    """The targets, and what the specs say their handlers will read."""
    refs: set[Ref] = set()
    for command in commands:
        refs.add(ref_of(command))
        for cls, other in _reads(command, snapshot):
            refs.add((cls.collection, document_id(command["tenant_id"], other)))
    return refs


def _named_by_targets(commands: Iterable[Document], snapshot: Snapshot) -> set[Ref]:
    """What the targets themselves name, as far as their specs say."""
    refs: set[Ref] = set()
    for command in commands:
        refers, tenant_id = snapshot.catalogue[command["type"]].refers, command["tenant_id"]
        if refers is not None:
            kind = ENTITIES[command["target"].partition(":")[0]]
            named = _refers(refers, snapshot.slot(ref_of(command)), kind)
            refs |= {(cls.collection, document_id(tenant_id, other)) for cls, other in named}
    return refs


def _reads(command: Document, snapshot: Snapshot) -> Iterable[tuple[type[Entity], str]]:
    """The other entities that the handler will read, as far as its spec says."""
    spec = snapshot.catalogue[command["type"]]
    if spec.reads is None:
        return ()
    try:
        return list(spec.reads(snapshot.payload(command, spec)))
    except Exception:  # noqa: BLE001 - the handler will meet what is wrong, and its command answer for it
        return ()


def _refers(refers: Refers, slot: Slot, kind: type[Entity]) -> Iterable[tuple[type[Entity], str]]:
    """The other entities that this one names."""
    if slot.document is None:
        return ()
    try:
        return list(refers(decoded(slot, kind)))
    except Exception:  # noqa: BLE001 - as above
        return ()


def _users(commands: Iterable[Document]) -> set[tuple[str, str]]:
    """Their authors, and those who vouched for them."""
    named = (
        (command["tenant_id"], user)
        for command in commands
        for user in (command["origin"].get("user_id"), command.get("vouched_by"))
    )
    return {(tenant, user) for tenant, user in named if user is not None}
