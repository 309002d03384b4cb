"""All that signs people in, wired in one place."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from litestar.handlers import HTTPRouteHandler
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from adapters.identity.sessions import Sessions
from adapters.identity.tokens import Keys, Tokens
from adapters.process.clock import Clock
from adapters.process.ids import random_id
from adapters.settings.table import Settings
from api.identity import login, refresh
from api.identity.authentication import Identity
from api.identity.brake import Failures
from api.identity.device import RefreshCookie
from api.identity.me import Answers
from api.identity.threads import CHECKS_AT_ONCE, READS_AT_ONCE, Threads

MOST_WAITING = 64
"""Logins that may wait for a check; a further one is told to come back."""


class SignIn:
    """Who is who, for one process. `acts_db` is synchronous and used in threads."""

    def __init__(
        self, settings: Settings, db: AsyncDatabase[Any], acts_db: Database[Any], clock: Clock
    ) -> None:
        self._settings = settings
        self._acts_db = acts_db
        self._clock = clock
        self._checks = Threads("logins", at_once=CHECKS_AT_ONCE, most_waiting=MOST_WAITING)
        self._reads = Threads("sessions", at_once=READS_AT_ONCE, most_waiting=MOST_WAITING)
        self._tokens = Tokens(
            settings.access_secret,
            previous=settings.access_secret_previous,
            lives=settings.jwt_access_expires_in,
            now=clock.now,
        )
        self.identity = Identity(self._tokens, db, now=clock.now, monotonic=clock.monotonic)

    @contextmanager
    def opened(self) -> Iterator[None]:
        try:
            yield
        finally:
            self._checks.close()
            self._reads.close()

    def routes(self) -> list[HTTPRouteHandler]:
        settings, now = self._settings, self._clock.now
        sessions = Sessions(
            self._acts_db,
            Keys(settings.refresh_secret, settings.refresh_secret_previous),
            lives=settings.jwt_refresh_expires_in,
            new_nonce=lambda: secrets.token_urlsafe(24),
        )
        cookie = RefreshCookie(settings)
        answers = Answers(self._tokens, cookie, now=now, new_id=self._new_id)
        logins = login.Logins(
            self._acts_db,
            sessions,
            self.identity,
            Failures(
                most=settings.rate_limit_max,
                window=settings.rate_limit_window,
                monotonic=self._clock.monotonic,
            ),
            answers,
            self._checks,
            rounds=settings.password_bcrypt_rounds,
            now=now,
            new_id=self._new_id,
        )
        after = refresh.SessionRoutes(
            self._acts_db,
            sessions,
            self.identity,
            answers,
            cookie,
            self._checks,
            self._reads,
            policy=settings.password_policy,
            rounds=settings.password_bcrypt_rounds,
            now=now,
            new_id=self._new_id,
        )
        return [*login.routes(logins), *refresh.routes(after)]

    def _new_id(self) -> str:
        return random_id(self._clock.now())
