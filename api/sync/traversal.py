"""A pass over the data a person needs, in steps; it can stop and continue after any of them.

A step reads at most STEP rows and their dependencies, which bounds the memory of an answer.
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
from api.sync import dependencies, orders
from api.sync.cursor import Cursor, Position, instant, milliseconds
from api.sync.dependencies import DependencyLoader, Phase, ids_in_orders
from api.sync.orders import KIND, OrdersOf, Rows
from api.sync.scope import Scope
from api.views import work_orders

STEP = 100

MOST_ROWS = 50
"""Of one order's ledger; `ledger` {shown, total} counts what is left out."""

MARGIN = timedelta(seconds=30)
"""From a change's time to its commit, at most: 10 s that the server lets a transaction live, and 20 s for the
clocks of workers and of the store's nodes to differ. A cursor stays so far behind what is seen."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the pass, and the cursor after it; `more`: the pass continues there."""

    entities: list[Document]
    tombstones: list[Document]
    cursor: Cursor
    more: bool


async def steps(db: AsyncDatabase[Any], scope: Scope, cursor: Cursor, *, limit: int) -> AsyncIterator[Step]:
    """The steps from the cursor on, until the end of the pass or `limit` changes, with their dependencies."""
    loader = DependencyLoader(db, scope)
    left = limit
    for phase in _remaining(cursor, _phases(db, scope, cursor, loader)):
        at_begin = Position(phase.name, milliseconds(phase.since))
        position = cursor.position if cursor.position.phase == phase.name else at_begin
        is_last = False
        while not is_last:
            if not left:
                yield Step(entities=[], tombstones=[], cursor=replace(cursor, position=position), more=True)
                return
            rows = await phase.read(position, min(STEP, left))
            position, is_last = rows.position, rows.is_last
            left -= min(left, _changes(rows))
            entities = [*await _entities(db, scope, rows, loader), *rows.others]
            yield Step(
                entities=entities,
                tombstones=rows.tombstones,
                cursor=replace(cursor, position=position),
                more=True,
            )
    next_pass = replace(cursor, since=cursor.next, position=Position())
    yield Step(entities=[], tombstones=[], cursor=next_pass, more=False)


def is_of(db: AsyncDatabase[Any], scope: Scope, cursor: Cursor) -> bool:
    """Whether the cursor's phase exists in such a pass."""
    phases = _phases(db, scope, cursor, DependencyLoader(db, scope))
    return cursor.position.phase in ("", *(phase.name for phase in phases))


def _phases(db: AsyncDatabase[Any], scope: Scope, cursor: Cursor, loader: DependencyLoader) -> list[Phase]:
    phases: list[Phase] = list(orders.phases(db, scope, cursor))
    if cursor.since is None:
        return phases
    everything = orders.phases(db, scope, replace(cursor, since=None))
    carried = [phase for phase in everything if isinstance(phase, OrdersOf)]
    return [*phases, *dependencies.phases(db, scope, carried, since=instant(cursor.since), loader=loader)]


def _remaining(cursor: Cursor, phases: list[Phase]) -> Iterator[Phase]:
    """The phases from the cursor's on."""
    return dropwhile(lambda phase: cursor.position.phase not in ("", phase.name), phases)


def _changes(rows: Rows) -> int:
    return len(rows.orders) + len(rows.tombstones) + len(rows.others)


async def _entities(
    db: AsyncDatabase[Any], scope: Scope, rows: Rows, loader: DependencyLoader
) -> list[Document]:
    """The entities to send: dependencies first, then the orders that name them."""
    if not rows.orders:
        return []
    brought = await loader.load(ids_in_orders(rows.orders))
    shapes = await work_orders.offline_views(db, scope.tenant_id, rows.orders, most_rows=MOST_ROWS)
    return [
        *brought,
        *({"kind": KIND, "id": one["id"], "version": one["version"], "document": one} for one in shapes),
    ]
