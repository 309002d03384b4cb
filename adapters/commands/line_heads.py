"""Reading the heads of lines: the first active commands of each, within one batch's bounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.synchronous.cursor import Cursor

from adapters.commands.document import RUNNABLE, TargetQueue
from adapters.mongo.client import PLAIN, Document

PER_LINE = 32
PER_BATCH = 200
BYTES = 4 * 1024 * 1024


class Heads(msgspec.Struct, frozen=True):
    """The first active commands of each line, in order.

    `more`: lines that hold more than their share. `unread`: lines the budget did not reach.
    """

    lines: dict[TargetQueue, list[Document]]
    more: list[TargetQueue]
    unread: list[TargetQueue]


def read_heads(db: Database[Any], session: ClientSession, lines: Sequence[TargetQueue]) -> Heads:
    """At most PER_BATCH commands and BYTES of payload, and of one line among many at most PER_LINE.

    Lines are read in index order, tenant by tenant; one query takes whole lines until the budget is spent,
    and goes on behind a line that has more than its share: a plain sorted and limited find lets one hot line
    starve all that sort after it.
    """
    budget = _Budget(share=max(PER_LINE, PER_BATCH // len(lines)))
    left = sorted(lines)
    while left and not budget.spent():
        limit = PER_BATCH - budget.count + 1
        tenant_id, seen, last = left[0][0], 0, left[0]
        own = [target for tenant, target in left if tenant == tenant_id]
        with _page(db, session, tenant_id, own, limit) as page:
            for command in page:
                seen, last = seen + 1, (tenant_id, command["target"])
                budget.offer(last, command)
                if budget.spent():
                    break
        if seen < limit and not budget.spent():
            left = left[len(own) :]
        else:
            budget.more.add(last)
            left = [line for line in left if line > last]
    taken = budget.taken.keys()
    return Heads(budget.taken, sorted(budget.more & taken), sorted({*left, *budget.more} - taken))


def _page(
    db: Database[Any], session: ClientSession, tenant_id: str, targets: Sequence[str], limit: int
) -> Cursor[Document]:
    # One tenant a query: two tenants may have entities of one id, and must not meet each other's lines.
    query = {
        "tenant_id": tenant_id,
        "target": {"$in": targets},
        "active": True,
        "state": {"$in": RUNNABLE},
    }
    order = [("target", 1), ("seq", 1)]
    commands = db.get_collection("commands", codec_options=PLAIN)
    # One round trip: the default first batch holds 101 documents.
    return commands.find(query, session=session).sort(order).limit(limit).batch_size(limit)


class _Budget:
    """What one batch may still take."""

    def __init__(self, *, share: int) -> None:
        self.share = share
        self.count = 0
        self.size = 0
        self.taken: dict[TargetQueue, list[Document]] = {}
        self.more: set[TargetQueue] = set()

    def spent(self) -> bool:
        return self.count >= PER_BATCH or self.size >= BYTES

    def offer(self, line: TargetQueue, command: Document) -> None:
        if self.spent() or len(self.taken.get(line, ())) >= self.share:
            self.more.add(line)
            return
        self.taken.setdefault(line, []).append(command)
        self.count += 1
        self.size += len(msgspec.json.encode(command["payload"], enc_hook=int))
