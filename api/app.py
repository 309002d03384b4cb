"""The web process, wired by hand in one place. Nothing is opened before the lifespan begins."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

from litestar import Litestar
from litestar.config.compression import CompressionConfig
from litestar.config.cors import CORSConfig
from litestar.handlers import HTTPRouteHandler
from litestar.router import Router
from loguru import logger
from pymongo import AsyncMongoClient, MongoClient
from pymongo.asynchronous.database import AsyncDatabase
from redis.exceptions import RedisError

from adapters.blobs.store import Blobs
from adapters.broker import hints
from adapters.commands.acceptance import Intake
from adapters.mongo import client as mongo
from adapters.process.clock import Clock, SystemClock
from adapters.process.ids import Ids
from adapters.process.metrics import Metrics
from adapters.process.release import VERSION
from adapters.settings import table as configuration
from adapters.settings.table import DATABASE, Settings
from api import faces, health
from api.commands import routes as commands
from api.commands import tracking
from api.commands.acceptance import CommandAcceptance
from api.commands.hint_sender import HintSender
from api.commands.means import Means
from api.commands.prefer_wait import FinalStatePoller
from api.http import openapi, problem
from api.http.middleware import Envelope
from api.identity.acts import Acting
from api.identity.wiring import SignIn
from api.offline import inbox
from api.offline import routes as offline
from api.operators import audit_trail, conservation, dead_letters, deliveries, schedules
from api.reads import exports, ledgers, lists, overview, plan_preview, policies, timeline
from api.sync import route as sync
from api.sync.answer import Sync
from api.uploads import blobs, imports
from schedules.table import table
from tasks.catalogue import Catalogue
from tasks.catalogue import catalogue as all_commands

ANSWER_WITHIN = timedelta(seconds=4)
"""The deadline of one operation on MongoDB, finding a primary included, so that a 503 comes in time. A
streamed file takes many operations."""

HEADERS_IN = (
    "authorization", "content-type", "idempotency-key", "if-match", "if-none-match", "prefer", "range",
    "traceparent", "x-request-id",
)  # fmt: skip
HEADERS_OUT = (
    "accept-ranges", "content-range", "etag", "location", "idempotent-replayed", "preference-applied",
    "retry-after", "x-request-id",
)  # fmt: skip


def create_app(
    settings: Settings | None = None,
    *,
    catalogue: Catalogue | None = None,
    clock: Clock | None = None,
    extra_routes: Sequence[HTTPRouteHandler] = (),
) -> Litestar:
    """The application. Settings default to those of the environment."""
    house = House(
        settings or configuration.from_environment(), catalogue or all_commands(), clock or SystemClock()
    )
    app = Litestar(
        route_handlers=[*house.routes(), *extra_routes],
        lifespan=[lambda _: house.opened()],
        openapi_config=openapi.config(VERSION),
        exception_handlers={Exception: problem.handle},
        cors_config=_cors(house.settings),
        compression_config=CompressionConfig(
            backend="gzip",
            minimum_size=1_000,
            exclude=["^/api/commands/", "^/api/blobs/", r"\.woff2$", r"\.png$"],
        ),
        logging_config=None,
    )
    app.state.house = house
    app.asgi_handler = Envelope(
        app.asgi_handler, house.metrics, new_id=house.new_id, monotonic=house.clock.monotonic
    )
    return app


class House:
    """Everything the web process owns."""

    def __init__(self, settings: Settings, catalogue: Catalogue, clock: Clock) -> None:
        self.settings = settings
        self.catalogue = catalogue
        self.clock = clock
        self.new_id = Ids(clock.now)
        self.metrics = Metrics()
        pool = settings.mongo_options | {"timeoutMS": int(ANSWER_WITHIN / timedelta(milliseconds=1))}
        self.mongo: AsyncMongoClient[Any] = mongo.async_client(settings.mongo_uri, connect=False, **pool)
        # For acts by hand: transactions shared with the command line, run in threads. There are few threads,
        # so nobody may hold one for the driver's own, long timeout while the store is silent.
        self.acts_mongo: MongoClient[Any] = mongo.client(settings.mongo_uri, connect=False, **pool)
        self.db: AsyncDatabase[Any] = self.mongo.get_default_database(DATABASE)
        self.acts_db = self.acts_mongo.get_default_database(DATABASE)
        self.broker = hints.broker(settings.broker)
        self.hints = HintSender(
            lambda queue, lines: hints.send(self.broker, queue, lines),
            lost=self.metrics.hints_lost.inc,
            monotonic=clock.monotonic,
        )
        self.sign_in = SignIn(settings, self.db, self.acts_db, clock)
        self.identity = self.sign_in.identity
        self.intake = Intake(self.db["commands"])
        self.waits = FinalStatePoller(self.db["commands"])

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Open while the application runs; closed in reverse order."""
        async with AsyncExitStack() as stack:
            stack.callback(self.broker.close)
            stack.callback(self.acts_mongo.close)
            stack.enter_context(self.sign_in.opened())
            await stack.enter_async_context(self.mongo)
            await stack.enter_async_context(self.hints)
            await stack.enter_async_context(self.intake)
            await stack.enter_async_context(self.waits)
            logger.bind(host=self.settings.host, port=self.settings.port).info("web ready")
            yield

    def routes(self) -> list[HTTPRouteHandler | Router]:
        now, new_id = self.clock.now, self.new_id
        acceptance = CommandAcceptance(
            identity=self.identity,
            intake=self.intake,
            hints=self.hints,
            waits=self.waits,
            db=self.db,
            metrics=self.metrics,
            now=now,
            new_id=new_id,
        )
        reader = lists.Reader(self.db, self.identity)
        acting = Acting(self.identity, now=now, new_id=new_id)
        means = Means(
            db=self.db,
            acts_db=self.acts_db,
            acting=acting,
            hints=self.hints,
            catalogue=self.catalogue,
            metrics=self.metrics,
            keys_kept=self.settings.idempotency_ttl,
        )
        return [
            openapi.route(),
            *commands.routes(self.catalogue, acceptance, self.identity),
            *tracking.routes(tracking.Tracking(means)),
            *self.sign_in.routes(),
            *lists.routes(reader),
            *ledgers.routes(reader, self.db),
            *timeline.routes(reader, self.db),
            exports.route(reader, self.db),
            overview.route(reader, self.db, now),
            policies.route(reader, self.db),
            plan_preview.route(reader, self.db, now),
            sync.route(reader, Sync(self.db, new_id=new_id)),
            *offline.routes(offline.Offline(means)),
            *inbox.routes(inbox.Inbox(means, self.intake)),
            *deliveries.routes(deliveries.Deliveries(self.acts_db, acting)),
            *schedules.routes(schedules.Schedules(self.acts_db, acting, table())),
            *dead_letters.routes(dead_letters.DeadLetters(means)),
            audit_trail.route(self.acts_db, acting),
            conservation.route(self.acts_db, acting),
            *blobs.routes(blobs.BlobStore(Blobs(self.db, new_id=self.new_id), self.identity, self.catalogue)),
            *imports.routes(imports.Imports(self.acts_db, acting)),
            *faces.routes(self.settings),
            *health.routes(
                health.Health(
                    self.db,
                    self.metrics,
                    ping_queue=self._ping_queue,
                    tasks=(self.intake.writer, self.hints.sender, self.waits.poller),
                    now=self.clock.now,
                )
            ),
        ]

    def _ping_queue(self) -> bool:
        try:
            return bool(self.broker.client.ping())
        except (RedisError, OSError):
            return False


def _cors(settings: Settings) -> CORSConfig | None:
    if not settings.cors_origin:
        return None
    return CORSConfig(
        allow_origins=list(settings.cors_origin),
        allow_credentials="*" not in settings.cors_origin,
        allow_methods=["GET", "POST", "PUT", "DELETE", "OPTIONS"],
        allow_headers=list(HEADERS_IN),
        expose_headers=list(HEADERS_OUT),
        max_age=600,
    )
