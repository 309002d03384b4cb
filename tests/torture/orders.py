"""Work orders of two tenants that are posted while something fails, and what must be true of them then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from pymongo.database import Database

from adapters.commands.document import TargetQueue
from adapters.operators.conservation import conservation
from tasks.catalogue import catalogue
from tests.support.patience import eventually
from tests.support.seeds import Seeds, new_id
from tests.torture.story import check_part, check_target, story

TENANTS = ("north", "south")
PARTS = 4
CALM_WITHIN_S = 60.0


class Orders:
    """`posts` has ten commands for each of so many orders, in the order in which they are to be accepted."""

    def __init__(self, db: Database[Any], count: int) -> None:
        self.db = db
        owners = {tenant: Seeds(db, catalogue(), tenant) for tenant in TENANTS}
        self._parts = {tenant: seed.parts(PARTS) for tenant, seed in owners.items()}
        self._orders = [(TENANTS[n % len(TENANTS)], new_id()) for n in range(count)]
        self.posts = [
            [owners[tenant].document(*step) for step in story(id, self._parts[tenant][n % PARTS], n)]
            for n, (tenant, id) in enumerate(self._orders)
        ]

    @property
    def left(self) -> list[TargetQueue]:
        """The lines in which something is not final. Parked behind a dead create is not, but waits for a
        person: nothing else may stay."""
        running = {"active": True, "state": {"$ne": "parked"}}
        return [(row["tenant_id"], row["target"]) for row in self.db.commands.find(running)]

    def await_final(self, *, within_s: float = CALM_WITHIN_S) -> None:
        eventually(lambda: not self.left, within_s=within_s, what="every command is final")

    def check(self, accepted: Iterable[str]) -> Counter[str]:
        """What was posted was accepted, and what was accepted is there, once, with its effects. Returns how
        many commands on orders came to which end."""
        ids = set(accepted)
        assert len(ids) == sum(map(len, self.posts))
        assert ids == {row["_id"] for row in self.db.commands.find({"origin.via": "api"}, {"_id": 1})}
        assert all(row.balanced for row in conservation(self.db, None))
        for tenant, parts in self._parts.items():
            for part_id in parts:
                check_part(self.db, tenant, part_id)
        return sum((check_target(self.db, tenant, id) for tenant, id in self._orders), Counter[str]())

    def check_unhurt(self, accepted: Iterable[str]) -> None:
        """As `check`, and nothing died or was held to be lost: nobody was killed in the middle of it."""
        states = self.check(accepted)
        assert states == {"applied": 9 * len(self._orders), "rejected": len(self._orders)}
        assert self.db.commands.count_documents({"suspect": True}) == 0
