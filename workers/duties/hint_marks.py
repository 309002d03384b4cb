"""Sets `hint_at` on a page of commands, around those that somebody's open transaction holds.

One write in the ordinary case. That write would wait for a transaction that nobody ends, such as a dead
worker's. So once a write has waited, pages are written in transactions of our own, which conflict with the
other one at once, and the commands it holds are skipped until the next tick; that tick does not begin by
waiting.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pymongo
from pymongo.database import Database
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from adapters.commands.document import AT_ONCE
from adapters.mongo.client import CODEC, UNJOURNALED, Contention, Document, translate

REHINT = timedelta(seconds=10)
"""A hint not answered by a verdict within this is held to be lost."""

WRITE_WITHIN = timedelta(milliseconds=500)
"""A page takes a hundredth of it. A longer wait is for somebody else's transaction, or for a busy machine:
what is written then meets the one at once, and waits for the other as long as its tick may."""

PUT_OFF = timedelta(days=36_525)
"""What cannot run is hinted no sooner than a century from now: so it is found apart from all else."""

LOOK_AGAIN = timedelta(seconds=30)
"""Then it is looked whether what was put off can run."""


def _mark(span: timedelta) -> list[Document]:
    return [{"$set": {"hint_at": {"$add": ["$$NOW", span // timedelta(milliseconds=1)]}}}]


_FORGET = {"$set": {"hint_at": AT_ONCE}}


class HintMarks:
    """`held`: the ids that other transactions hold, as far as this tick has met them."""

    def __init__(self, db: Database[Any]) -> None:
        # A lost `hint_at` costs one hint more, so it need not reach a majority or the journal; and it must be
        # seen by the next page, before it has.
        self._concerns: dict[str, Any] = {
            "write_concern": UNJOURNALED,
            "read_concern": ReadConcern("local"),
        }
        self.commands = db.get_collection("commands", codec_options=CODEC, **self._concerns)
        self._batches = db["batches"]
        self._client = db.client
        self._expect_conflicts = False
        self.held: set[str] = set()
        self._update = _mark(REHINT)

    def begin_tick(self) -> None:
        """Forget what was held: it may be free now."""
        self._expect_conflicts = bool(self.held)
        self.held = set()

    def mark(self, page: Sequence[Document], *, put_off: bool = False) -> list[Document]:
        """The commands of the page that are marked, as hinted or as put off; the others are `held`.

        Raises: PyMongoError.
        """
        self._update = _mark(PUT_OFF + LOOK_AGAIN if put_off else REHINT)
        if not self._expect_conflicts and self._mark_at_once(page):
            return list(page)
        self._expect_conflicts = True
        return list(self._around(page))

    def forget(self, page: Sequence[Document]) -> None:
        """Take the marks back: their hints could not be sent. Raises: PyMongoError."""
        self.commands.update_many(_select(page), _FORGET)

    def bring_forward(self, latest: datetime) -> None:
        """What is to be tried later than `latest` is due now. Raises: PyMongoError."""
        later = {"state": "retrying", "active": True, "next_at": {"$gt": latest}}
        self.commands.update_many(later, [{"$set": {"next_at": "$$NOW", "hint_at": "$$NOW"}}])

    def _mark_at_once(self, page: Sequence[Document]) -> bool:
        """Whether all are marked; False: some may be, and the write waited for another transaction."""
        try:
            with pymongo.timeout(WRITE_WITHIN.total_seconds()):
                self.commands.update_many(_select(page), self._update)
        except PyMongoError as error:
            if not error.timeout:
                raise
            return False
        return True

    def _around(self, page: Sequence[Document]) -> Iterator[Document]:
        if self._mark_together(page):
            yield from page
            return
        batch_of = self._batch_of_commands()
        together: dict[str | None, list[Document]] = defaultdict(list)
        for command in page:
            together[batch_of.get(command["_id"])].append(command)
        yield from self._halved(together.pop(None, []))
        for batch in together.values():  # a worker's transaction writes all of its batch, or nothing yet
            yield from batch if self._mark_together(batch) else self._skip(batch)

    def _batch_of_commands(self) -> dict[str, str]:
        """By command id: the batch in which a worker, dead or alive, last announced it."""
        return {id: batch["_id"] for batch in self._batches.find({}, ["ids"]) for id in batch["ids"]}

    def _halved(self, page: Sequence[Document]) -> Iterator[Document]:
        if not page or self._mark_together(page):
            yield from page
        elif len(page) == 1:
            yield from self._skip(page)
        else:
            middle = len(page) // 2
            yield from self._halved(page[:middle])
            yield from self._halved(page[middle:])

    def _skip(self, page: Sequence[Document]) -> Sequence[Document]:
        self.held |= {command["_id"] for command in page}
        return ()

    def _mark_together(self, page: Sequence[Document]) -> bool:
        """Whether all of them could be marked; if not, none is."""
        try:
            with (
                self._client.start_session() as session,
                session.start_transaction(**self._concerns),
            ):
                self.commands.update_many(_select(page), self._update, session=session)
        except PyMongoError as error:
            if not isinstance(translate(error), Contention):
                raise
            return False
        return True


def _select(page: Sequence[Document]) -> Document:
    return {"_id": {"$in": [command["_id"] for command in page]}, "next_at": {"$exists": True}}
