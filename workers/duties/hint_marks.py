"""Moving `hint_at` of a page, around what somebody's open transaction holds.

One write in the ordinary case. It would wait for a transaction that nobody ends, such as a dead worker's. So
once it has waited, pages are moved in transactions of our own, which meet the other one at once, and what is
held is passed over until the next tick, which then does not begin by waiting.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta
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
"""A page takes a hundredth of it: who waits longer waits for somebody."""

_MARK = [{"$set": {"hint_at": {"$add": ["$$NOW", REHINT // timedelta(milliseconds=1)]}}}]
_FORGET = {"$set": {"hint_at": AT_ONCE}}


class Marks:
    """`held` are the ids that this tick has found held."""

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
        self._wary = False
        self.held: set[str] = set()

    def begin(self) -> None:
        """A tick begins: what was held may be free."""
        self._wary = bool(self.held)
        self.held = set()

    def move(self, page: Sequence[Document]) -> list[Document]:
        """Those of the page that have moved and are to be hinted; the others are `held`.

        Raises: PyMongoError.
        """
        if not self._wary and self._have_moved(page):
            return list(page)
        self._wary = True
        return list(self._around(page))

    def forget(self, page: Sequence[Document]) -> None:
        """Their hints could not be sent. Raises: PyMongoError."""
        with pymongo.timeout(WRITE_WITHIN.total_seconds()):
            self.commands.update_many(_these(page), _FORGET)

    def _have_moved(self, page: Sequence[Document]) -> bool:
        """False: some may have, while another is waited for."""
        try:
            with pymongo.timeout(WRITE_WITHIN.total_seconds()):
                self.commands.update_many(_these(page), _MARK)
        except PyMongoError as error:
            if not error.timeout:
                raise
            return False
        return True

    def _around(self, page: Sequence[Document]) -> Iterator[Document]:
        if self._are_free(page):
            yield from page
            return
        batch_of = self._in_hand()
        together: dict[str | None, list[Document]] = defaultdict(list)
        for command in page:
            together[batch_of.get(command["_id"])].append(command)
        yield from self._halved(together.pop(None, []))
        for batch in together.values():  # a worker's transaction writes all of its batch, or nothing yet
            yield from batch if self._are_free(batch) else self._pass_over(batch)

    def _in_hand(self) -> dict[str, str]:
        """Which batch a command was last announced in, by a worker dead or living."""
        return {id: batch["_id"] for batch in self._batches.find({}, ["ids"]) for id in batch["ids"]}

    def _halved(self, page: Sequence[Document]) -> Iterator[Document]:
        if not page or self._are_free(page):
            yield from page
        elif len(page) == 1:
            yield from self._pass_over(page)
        else:
            middle = len(page) // 2
            yield from self._halved(page[:middle])
            yield from self._halved(page[middle:])

    def _pass_over(self, page: Sequence[Document]) -> Sequence[Document]:
        self.held |= {command["_id"] for command in page}
        return ()

    def _are_free(self, page: Sequence[Document]) -> bool:
        """Whether they have moved, all of them or none."""
        try:
            with (
                pymongo.timeout(WRITE_WITHIN.total_seconds()),
                self._client.start_session() as session,
                session.start_transaction(**self._concerns),
            ):
                self.commands.update_many(_these(page), _MARK, session=session)
        except PyMongoError as error:
            if not isinstance(translate(error), Contention):
                raise
            return False
        return True


def _these(page: Sequence[Document]) -> Document:
    return {"_id": {"$in": [command["_id"] for command in page]}, "next_at": {"$exists": True}}
