"""How fast commands are accepted over HTTP: ours, the bare endpoint, one insert per request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import KW_ONLY, dataclass
from datetime import timedelta
from functools import partial

import msgspec
from pymongo.database import Database

from adapters.identity.tokens import Tokens
from adapters.mongo.client import Document
from adapters.process.clock import SystemClock
from bench import orders
from bench.ground import SECRET, Ground
from bench.load import Outcome
from bench.ratios import Sample
from bench.sides import Side
from bench.sizes import Sizes
from cli.stop import Stop

TOKEN_LIVES = timedelta(minutes=15)
WARM_UP = 0.1
"""Share of the requests that is sent first, and not counted."""


@contextmanager
def sides(ground: Ground, sizes: Sizes) -> Iterator[dict[str, Side]]:
    """Our web process and the rivals', each with its own database; one gets requests at a time."""
    with ExitStack() as stack:
        load = partial(_RequestLoad, ground, connections=sizes.connections)
        ours, rivals = (_served(ground, program, stack) for program in ("api", "bench.web"))
        many, few = sizes.requests, sizes.single_requests
        yield {
            "ours": load(*ours, path="/api/commands/work_order.create", requests=many, stored=many),
            "bare": load(*rivals, path="/api/bench/bare", requests=many, stored=0),
            "single": load(*rivals, path="/api/bench/single", requests=few, stored=few),
        }


def _served(ground: Ground, program: str, stack: ExitStack) -> tuple[Database[Document], int]:
    """Starts a web process; its database and port."""
    db = stack.enter_context(ground.database())
    db.users.insert_one(orders.user())
    return db, stack.enter_context(ground.web(program, database=db))


@dataclass(frozen=True)
class _RequestLoad:
    """One round: `requests` POSTs to `path`, all answered 202, after which `stored` commands must be
    stored."""

    ground: Ground
    db: Database[Document]
    port: int
    _: KW_ONLY
    path: str
    connections: int
    requests: int
    stored: int

    def __call__(self) -> Sample:
        self._send(max(self.connections, int(self.requests * WARM_UP)))
        # What earlier rounds stored must not slow this one.
        self.db.commands.delete_many({})
        outcome = self._send(self.requests)
        stored = self.db.commands.count_documents({})
        if stored != self.stored:
            raise Stop(f"{self.requests} requests to {self.path} left {stored} commands.")
        self.db.commands.delete_many({})
        self.ground.forget_hints()
        return Sample(self.requests / outcome.seconds, {"n": self.requests})

    def _send(self, count: int) -> Outcome:
        """Raises: Stop: an answer was not a 202."""
        arguments = (str(self.port), self.path, str(self.connections), str(count))
        with self.ground.process("bench.load", *arguments, env=self.ground.environment(self.db)) as process:
            process.write_line(token())
            outcome = msgspec.json.decode(process.read(), type=Outcome)
        if outcome.statuses != {"202": count}:
            raise Stop(f"Not all of {count} POSTs to {self.path} were answered with 202: {outcome.statuses}")
        return outcome


def token() -> str:
    """A token as a login would give it."""
    issuer = Tokens(SECRET, lives=TOKEN_LIVES, now=SystemClock().now)
    id = orders.new_id()
    return issuer.issue(tenant_id=orders.TENANT, user_id=orders.USER, token_version=0, id=id, session_id=id)
