"""A pass over what a person needs, in steps that can be left off and taken up anywhere.

A step reads at most STEP rows and what they bring along: however much there is to tell, that is all of it
that is in memory.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from itertools import dropwhile
from typing import Any

import msgspec
from msgspec.structs import replace
from pymongo.asynchronous.database import AsyncDatabase

from adapters.mongo.client import Document
from api.sync import dependencies as needs
from api.sync import orders
from api.sync.cursor import Cursor, Position, instant, milliseconds
from api.sync.dependencies import Needs, Phase, named
from api.sync.orders import KIND, Found, OrdersOf
from api.sync.scope import Sight
from api.views import work_orders

STEP = 100

MOST_ROWS = 50
"""Of one order's ledger; `ledger` {shown, total} says what is left out."""

MARGIN = timedelta(seconds=30)
"""From a change's time to its commit, at most: 10 s that the server lets a transaction live, and 20 s for the
clocks of workers and of the store's nodes to differ. A cursor stays so far behind what is seen."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the pass, and the cursor behind it; `more`: the pass is not over there."""

    entities: list[Document]
    tombstones: list[Document]
    cursor: Cursor
    more: bool


async def steps(db: AsyncDatabase[Any], sight: Sight, cursor: Cursor, *, limit: int) -> AsyncIterator[Step]:
    """From the cursor on, until the pass is over or `limit` changes are told, with what they bring along."""
    needed = Needs(db, sight)
    left = limit
    for phase in _left(cursor, _phases(db, sight, cursor, needed)):
        at_begin = Position(phase.name, milliseconds(phase.since))
        position = cursor.position if cursor.position.phase == phase.name else at_begin
        is_last = False
        while not is_last:
            if not left:
                yield Step(entities=[], tombstones=[], cursor=replace(cursor, position=position), more=True)
                return
            found = await phase.read(position, min(STEP, left))
            position, is_last = found.position, found.is_last
            left -= min(left, _changes(found))
            entities = [*await _told(db, sight, found, needed), *found.others]
            yield Step(
                entities=entities,
                tombstones=found.tombstones,
                cursor=replace(cursor, position=position),
                more=True,
            )
    over = replace(cursor, since=cursor.next, position=Position())
    yield Step(entities=[], tombstones=[], cursor=over, more=False)


def is_of(db: AsyncDatabase[Any], sight: Sight, cursor: Cursor) -> bool:
    """Whether the cursor's place is one that such a pass has."""
    phases = _phases(db, sight, cursor, Needs(db, sight))
    return cursor.position.phase in ("", *(phase.name for phase in phases))


def _phases(db: AsyncDatabase[Any], sight: Sight, cursor: Cursor, needed: Needs) -> list[Phase]:
    found: list[Phase] = list(orders.phases(db, sight, cursor))
    if cursor.since is None:
        return found
    everything = orders.phases(db, sight, replace(cursor, since=None))
    carried = [phase for phase in everything if isinstance(phase, OrdersOf)]
    return [*found, *needs.phases(db, sight, carried, since=instant(cursor.since), needs=needed)]


def _left(cursor: Cursor, phases: list[Phase]) -> Iterator[Phase]:
    """Those that the pass has not been through."""
    return dropwhile(lambda phase: cursor.position.phase not in ("", phase.name), phases)


def _changes(found: Found) -> int:
    return len(found.orders) + len(found.tombstones) + len(found.others)


async def _told(db: AsyncDatabase[Any], sight: Sight, found: Found, needed: Needs) -> list[Document]:
    """The orders, and before them what they name: whoever reads on finds it there."""
    if not found.orders:
        return []
    along = await needed.along(named(found.orders))
    shapes = await work_orders.carried(db, sight.tenant_id, found.orders, most_rows=MOST_ROWS)
    return [
        *along,
        *({"kind": KIND, "id": one["id"], "version": one["version"], "document": one} for one in shapes),
    ]
