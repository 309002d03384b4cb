"""The sender of webhooks: a signed request for each row, to an endpoint that is allowed and seems to work.

Receivers recognise what they get twice by `webhook-id`. So whatever leaves the outcome open, a hang or a cut
after they have taken it, is tried again: at least once, never dropped silently.
"""

from __future__ import annotations

import random
import ssl
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import httpcore
import msgspec
from loguru import logger
from pymongo.database import Database

from adapters.delivery.outcomes import Again, Down, Failed, Later, Outcome, Sent, Trouble
from adapters.delivery.webhooks import signing
from adapters.delivery.webhooks.breakers import Breakers, Permit
from adapters.delivery.webhooks.guarded_net import Guard, Refused, Resolve, Unresolved, resolve
from adapters.delivery.webhooks.responses import Answer, judged
from adapters.mongo.client import Contention, Document, Unavailable, Unwritable, document_id, translated
from adapters.settings.parsers import Networks
from domain.errors import Rejected
from domain.notices.breaker import Wait
from domain.notices.webhook import Endpoint, endpoint

WITHIN = timedelta(seconds=10)
"""From resolving the name to the status of the answer."""

FIRST_BACKOFF = timedelta(seconds=10)
LONGEST_BACKOFF = timedelta(hours=1)

AGENT = "Millwright-Webhooks/1"

_STORE = (Unavailable, Contention, Unwritable)
_NETWORK = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError)

_encode = msgspec.json.Encoder(enc_hook=int).encode
"""A whole number beyond 32 bits comes from the store as a subclass of int."""


class _Webhook(NamedTuple):
    """As it was read; `now` goes on from the server's time then."""

    url: str
    secret: str
    now: Callable[[], datetime]


class WebhookSender:
    """A `Sender` (`adapters/delivery/outcomes.py`). Its only clock is the store's server: receivers compare
    theirs with what we sign."""

    channel = "webhook"
    threads = 4
    collapses = False
    repeatable = True

    def __init__(
        self,
        db: Database[Any],
        *,
        allowed: Networks,
        monotonic: Callable[[], float],
        chance: random.Random,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve = resolve,
        within: timedelta = WITHIN,
    ) -> None:
        """`tls` None: trusts whom this machine trusts."""
        self._webhooks = db["webhooks"]
        self._breakers = Breakers(db)
        self._allowed = allowed
        self._monotonic = monotonic
        self._chance = chance
        self._tls = tls or ssl.create_default_context()
        self._resolve = resolve
        self._within = within

    def send(self, rows: Sequence[Document]) -> Outcome:
        (row,) = rows
        id = document_id(row["tenant_id"], row["recipient"])
        try:
            webhook = self._webhook(id)
            permit = self._breakers.ask(id, webhook.now()) if webhook else None
        except _STORE as error:
            return Down(Trouble("store_unavailable", str(error)))
        if webhook is None or permit is None:
            return Failed(Trouble("webhook_inactive", "the webhook was switched off before this was sent"))
        if isinstance(permit, Wait):
            return Later(
                Trouble("endpoint_paused", "the endpoint failed repeatedly and is left alone for a while"),
                self._spread(permit.until - webhook.now()),
            )
        outcome, is_alive = self._attempt(webhook, row)
        self._note(id, permit, outcome, webhook.now(), is_alive=is_alive)
        return outcome

    def rest(self) -> None:
        """No connection outlives its request."""

    def _webhook(self, id: str) -> _Webhook | None:
        """If it is still there and active. Raises: Unavailable."""
        with translated():
            wanted = {"url": 1, "secret": 1, "read_at": "$$NOW"}
            found = list(
                self._webhooks.aggregate([{"$match": {"_id": id, "active": True}}, {"$project": wanted}])
            )
        if not found:
            return None
        ahead = found[0]["read_at"] - timedelta(seconds=self._monotonic())
        return _Webhook(
            found[0]["url"], found[0]["secret"], lambda: ahead + timedelta(seconds=self._monotonic())
        )

    def _attempt(self, webhook: _Webhook, row: Document) -> tuple[Outcome, bool]:
        """The outcome, and whether the endpoint is alive."""
        try:
            answer = self._post(endpoint(webhook.url), webhook, row)
        except (Rejected, Refused) as error:
            code = "invalid_url" if isinstance(error, Rejected) else "address_refused"
            return Failed(Trouble(code, str(error))), True
        except (*_NETWORK, Unresolved) as error:
            return Again(_trouble(error), self._backoff(row["attempts"])), False
        outcome = judged(answer, webhook.now(), backoff=self._backoff(row["attempts"]))
        return outcome, not isinstance(outcome, Again)

    def _post(self, to: Endpoint, webhook: _Webhook, row: Document) -> Answer:
        """Reads no further than the head of the answer: its status says it all, and its body may be endless.

        Raises: Refused, Unresolved, httpcore's errors.
        """
        body = _encode(row["payload"])
        headers = {
            "host": to.authority,
            "content-type": "application/json",
            "user-agent": AGENT,
            "connection": "close",
            **signing.headers(row["id"], body, secret=webhook.secret, at=webhook.now()),
        }
        url = httpcore.URL(scheme=to.scheme, host=to.host, port=to.port, target=to.path)
        net = Guard(
            self._allowed,
            is_secure=to.is_secure,
            deadline=self._monotonic() + self._within.total_seconds(),
            monotonic=self._monotonic,
            resolve=self._resolve,
        )
        with (
            httpcore.HTTPConnection(url.origin, ssl_context=self._tls, network_backend=net) as connection,
            connection.stream("POST", url, headers=[*headers.items()], content=body) as response,
        ):
            found = {name.lower(): value for name, value in response.headers}
            return Answer(response.status, found.get(b"retry-after", b"").decode("latin-1"))

    def _note(self, id: str, permit: Permit, outcome: Outcome, now: datetime, *, is_alive: bool) -> None:
        """On the endpoint's health. What cannot be noted is no reason to forget what became of the row."""
        error = None if isinstance(outcome, Sent) else outcome.error
        try:
            if is_alive:
                self._breakers.answered(id, permit, now, error)
            elif error:
                after = self._breakers.failed(id, permit, now, error)
                if after.open_until:
                    logger.bind(webhook=id, until=after.open_until, code=error.code).info(
                        "endpoint left alone"
                    )
        except _STORE as unstored:
            logger.warning("health of an endpoint not noted", webhook=id, reason=str(unstored))

    def _backoff(self, attempt: int) -> timedelta:
        """Full jitter, so that what failed together does not come back together."""
        longest = min(FIRST_BACKOFF * 2 ** min(attempt - 1, 20), LONGEST_BACKOFF)
        return timedelta(seconds=self._chance.uniform(1, longest.total_seconds()))

    def _spread(self, wait: timedelta) -> timedelta:
        """A little later than that: all that waits for one endpoint must not come at one moment."""
        seconds = max(wait.total_seconds(), 0)
        return timedelta(seconds=seconds + self._chance.uniform(1, 2 + seconds / 10))


def _trouble(error: Exception) -> Trouble:
    if isinstance(error, Unresolved):
        return Trouble("unknown_host", str(error))
    if isinstance(error, httpcore.ConnectTimeout | httpcore.ConnectError):
        return Trouble("unreachable", str(error) or "no connection in time")
    if isinstance(error, httpcore.TimeoutException):
        return Trouble("timeout", "no answer in time")
    return Trouble("cut", "the connection ended before an answer came")
