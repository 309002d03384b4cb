"""The webhook channel: one signed request for each row, to an allowed endpoint whose breaker is closed.

Receivers recognise repeats by `webhook-id`. So an unclear outcome, such as a timeout after the request was
sent, is retried: events are delivered at least once.
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
from adapters.delivery.webhooks.guarded_net import AddressRefused, Guard, Resolve, Unresolved, resolve
from adapters.delivery.webhooks.responses import Response, outcome_of
from adapters.mongo.client import Contention, Document, Unavailable, Unwritable, document_id, translated
from adapters.settings.parsers import Networks
from domain.errors import Rejected
from domain.notices.breaker import Wait
from domain.notices.webhook import Endpoint, endpoint

REQUEST_TIMEOUT = timedelta(seconds=10)
"""Timeout from resolving the name to the status of the response."""

FIRST_BACKOFF = timedelta(seconds=10)
LONGEST_BACKOFF = timedelta(hours=1)

AGENT = "Millwright-Webhooks/1"

_STORE = (Unavailable, Contention, Unwritable)
_NETWORK = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError)

_encode = msgspec.json.Encoder(enc_hook=int).encode
"""BSON integers beyond 32 bits are read as a subclass of int."""


class _Webhook(NamedTuple):
    """A webhook as it was read; `now` continues from the server's time of the read."""

    url: str
    secret: str
    now: Callable[[], datetime]


class WebhookSender:
    """A `Sender` (`adapters/delivery/outcomes.py`). Its only clock is the store's server: receivers compare
    theirs with what we sign."""

    channel = "webhook"
    threads = 8
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
        within: timedelta = REQUEST_TIMEOUT,
    ) -> None:
        """`tls` None: the CA certificates of this machine."""
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
            permit = self._breakers.permit(id, webhook.now()) if webhook else None
        except _STORE as error:
            return Down(Trouble("store_unavailable", str(error)))
        if webhook is None or permit is None:
            return Failed(Trouble("webhook_inactive", "the webhook was deactivated before this was sent"))
        if isinstance(permit, Wait):
            return Later(
                Trouble("endpoint_paused", "the endpoint failed repeatedly and is paused"),
                self._spread(permit.until - webhook.now()),
            )
        outcome, is_alive = self._attempt(webhook, row)
        self._note(id, permit, outcome, webhook.now(), is_alive=is_alive)
        return outcome

    def rest(self) -> None:
        """There is nothing to close: each request has its own connection."""

    def _webhook(self, id: str) -> _Webhook | None:
        """The webhook, if it is active. Raises: Unavailable."""
        with translated():
            projection = {"url": 1, "secret": 1, "read_at": "$$NOW"}
            rows = list(
                self._webhooks.aggregate([{"$match": {"_id": id, "active": True}}, {"$project": projection}])
            )
        if not rows:
            return None
        offset = rows[0]["read_at"] - timedelta(seconds=self._monotonic())
        return _Webhook(
            rows[0]["url"], rows[0]["secret"], lambda: offset + timedelta(seconds=self._monotonic())
        )

    def _attempt(self, webhook: _Webhook, row: Document) -> tuple[Outcome, bool]:
        """The outcome, and whether the endpoint is up."""
        try:
            response = self._post(endpoint(webhook.url), webhook, row)
        except (Rejected, AddressRefused) as error:
            code = "invalid_url" if isinstance(error, Rejected) else "address_refused"
            return Failed(Trouble(code, str(error))), True
        except (*_NETWORK, Unresolved) as error:
            return Again(_trouble(error), self._backoff(row["attempts"])), False
        outcome = outcome_of(response, webhook.now(), backoff=self._backoff(row["attempts"]))
        return outcome, not isinstance(outcome, Again)

    def _post(self, to: Endpoint, webhook: _Webhook, row: Document) -> Response:
        """Post the row, and read only the head of the response: its body may be endless.

        Raises: AddressRefused, Unresolved, httpcore's errors.
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
            received = {name.lower(): value for name, value in response.headers}
            return Response(response.status, received.get(b"retry-after", b"").decode("latin-1"))

    def _note(self, id: str, permit: Permit, outcome: Outcome, now: datetime, *, is_alive: bool) -> None:
        """Record the attempt in the endpoint's health. A failure to do so must not lose the outcome."""
        error = None if isinstance(outcome, Sent) else outcome.error
        try:
            if is_alive:
                self._breakers.answered(id, permit, now, error)
            elif error:
                after = self._breakers.failed(id, permit, now, error)
                if after.open_until:
                    logger.bind(webhook=id, until=after.open_until, code=error.code).info("endpoint paused")
        except _STORE as unstored:
            logger.warning("endpoint health not recorded", webhook=id, reason=str(unstored))

    def _backoff(self, attempt: int) -> timedelta:
        """Full jitter, so that deliveries that failed together are not retried together."""
        longest = min(FIRST_BACKOFF * 2 ** min(attempt - 1, 20), LONGEST_BACKOFF)
        return timedelta(seconds=self._chance.uniform(1, longest.total_seconds()))

    def _spread(self, wait: timedelta) -> timedelta:
        """A little longer than `wait`, at random, so that rows for one endpoint are not retried at the same
        moment."""
        seconds = max(wait.total_seconds(), 0)
        return timedelta(seconds=seconds + self._chance.uniform(1, 2 + seconds / 10))


def _trouble(error: Exception) -> Trouble:
    if isinstance(error, Unresolved):
        return Trouble("unknown_host", str(error))
    if isinstance(error, httpcore.ConnectTimeout | httpcore.ConnectError):
        return Trouble("unreachable", str(error) or "no connection in time")
    if isinstance(error, httpcore.TimeoutException):
        return Trouble("timeout", "no response in time")
    return Trouble("cut", "the connection closed before a response arrived")
