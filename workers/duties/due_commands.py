"""Reads which commands are to be hinted, by the index `due`: tenant by tenant, a page at a time.

`hint_at` says how it stands with each: never hinted (`AT_ONCE`), hinted (until REHINT has passed), or put
off: a century ahead. What is put off cannot run as far as we can tell, so it takes no room from what can. It
is looked at again: a newer worker may be there by then, or the head of its target queue be gone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from bson.timestamp import Timestamp
from pymongo.collection import Collection

from adapters.commands.document import AT_ONCE, RUNNABLE, TargetQueue
from adapters.mongo.client import Document
from adapters.mongo.server_time import Primary
from tasks.catalogue import Catalogue
from workers.duties.hint_marks import PUT_OFF, REHINT

ACCEPTERS_TURN = timedelta(seconds=2)
"""Whoever inserted a command has hinted it: for so long that hint is trusted."""

SET_BACK = timedelta(seconds=1)
"""The server's logical time is never set back: so far behind it, the clock was."""

CROWDED = 8
"""More commands of one target queue than these on a page are hinted only if the first of them can run."""

_FIELDS = {"tenant_id": 1, "target": 1, "type": 1, "schema_version": 1, "hint_at": 1}


class Times(msgspec.Struct, frozen=True):
    """What decides in one tick. `lost_at`: when all hints sent before were last lost."""

    now: datetime
    logical: datetime
    lost_at: datetime

    @property
    def horizon(self) -> datetime:
        """What is to be hinted by then is due now: hints sent before a loss have nothing to wait for."""
        return max(self.now, self.lost_at + REHINT)

    @property
    def is_set_back(self) -> bool:
        return self.logical - self.now > SET_BACK

    @property
    def trusted_until(self) -> Timestamp:
        """What was inserted by then has had its accepter's hint. While the clock is behind, logical time
        stands still, and nobody can say."""
        turn = timedelta(seconds=-1) if self.is_set_back else ACCEPTERS_TURN
        return Timestamp(int((self.logical - turn).timestamp()), 0)


def times(answer: Primary, lost_at: datetime) -> Times:
    return Times(answer.now, answer.cluster_time, lost_at)


class DueCommands:
    """Of one database; `commands` reads as the relay does, its own writes included."""

    def __init__(self, commands: Collection[Any], catalogue: Catalogue) -> None:
        self._commands = commands
        self._catalogue = catalogue

    def outstanding(self, queue: str, times: Times, *, most: int) -> int:
        """How many commands have been hinted and not settled, counted up to `most`."""
        hinted = {"hint_at": {"$gt": times.horizon, "$lte": times.now + REHINT}}
        return self._commands.count_documents(
            {"queue": queue, "tenant_id": {"$gt": ""}, "next_at": {"$lte": times.now}} | hinted,
            hint="due",
            limit=most,
        )

    def page(
        self, queue: str, times: Times, *, after: str, limit: int, held: Iterable[str] = ()
    ) -> list[Document]:
        """The next commands to be hinted behind this tenant, tenant by tenant."""
        wanted: list[Document] = [
            {"hint_at": AT_ONCE, "seq": {"$lte": times.trusted_until}},
            {"hint_at": {"$gt": AT_ONCE, "$lte": times.horizon}},
        ]
        if times.is_set_back:  # hinted by the clock as it was before
            wanted.append({"hint_at": {"$gt": times.now + 2 * REHINT, "$lte": times.logical + REHINT}})
        return self._read(queue, times, wanted, after=after, limit=limit, held=held)

    def put_off(self, queue: str, times: Times, *, after: str, limit: int) -> list[Document]:
        """The next that were put off and are to be looked at again."""
        earliest, latest = times.now + PUT_OFF / 2, times.now + PUT_OFF
        wanted = [{"hint_at": {"$gt": earliest, "$lte": latest}}]
        return self._read(queue, times, wanted, after=after, limit=limit)

    def all_due(
        self, queue: str, now: datetime, *, after: str, limit: int, without: Sequence[str] = ()
    ) -> list[Document]:
        """The next that this release can read, hinted or not, behind this tenant; but for these targets, and
        for what was put off."""
        times = Times(now, now, AT_ONCE)
        only: Document = {"hint_at": {"$lt": now + PUT_OFF / 2}, "type": {"$in": list(self._catalogue)}}
        if without:
            only["target"] = {"$nin": list(without)}
        return self._read(queue, times, [only], after=after, limit=limit)

    def can_run(self, page: Sequence[Document], now: datetime) -> tuple[list[Document], list[Document]]:
        """Those of the page that can, and those that wait behind what cannot: a first command that is not due
        yet, that waits itself, or that a newer release must read."""
        crowds = Counter(_line(row) for row in page)
        asked = {_line(row) for row in page if row["hint_at"] > AT_ONCE or crowds[_line(row)] > CROWDED}
        stuck = {line for line, head in self._heads(asked).items() if not _is_due(head, now)}
        return [r for r in page if _line(r) not in stuck], [r for r in page if _line(r) in stuck]

    def is_known(self, row: Document) -> bool:
        """Whether this release can read it."""
        spec = self._catalogue.get(row["type"])
        return spec is not None and row.get("schema_version", 1) <= spec.schema_version

    def _heads(self, lines: Iterable[TargetQueue]) -> dict[TargetQueue, Document]:
        targets: dict[str, list[str]] = defaultdict(list)
        for tenant_id, target in lines:
            targets[tenant_id].append(target)
        found: dict[TargetQueue, Document] = {}
        for tenant_id, named in targets.items():
            theirs = {
                "tenant_id": tenant_id,
                "target": {"$in": named},
                "active": True,
                "state": {"$in": RUNNABLE},
            }
            first = {name: {"$first": f"${name}"} for name in ("next_at", "type", "schema_version")}
            for row in self._commands.aggregate(
                [
                    {"$match": theirs},
                    {"$sort": {"tenant_id": 1, "target": 1, "seq": 1}},
                    {"$group": {"_id": "$target"} | first},
                ],
                hint="line",
            ):
                found[tenant_id, row["_id"]] = row
        return found

    def _read(
        self,
        queue: str,
        times: Times,
        wanted: Sequence[Document],
        *,
        after: str,
        limit: int,
        held: Iterable[str] = (),
    ) -> list[Document]:
        due: Document = {
            "queue": queue,
            "tenant_id": {"$gt": after},
            "next_at": {"$lte": times.now},
            "active": True,
            "state": {"$in": RUNNABLE},
        }
        if kept_out := list(held):
            due["_id"] = {"$nin": kept_out}
        found = (
            self._commands.find({"$or": [due | one for one in wanted]}, _FIELDS)
            .sort([("tenant_id", 1), ("hint_at", -1), ("seq", 1)])
            .hint("due")
            .limit(limit)
            .batch_size(limit + 1)
        )
        return list(found)


def _line(row: Document) -> TargetQueue:
    return row["tenant_id"], row["target"]


def _is_due(head: Document, now: datetime) -> bool:
    next_at = head.get("next_at")
    return next_at is not None and bool(next_at <= now)
