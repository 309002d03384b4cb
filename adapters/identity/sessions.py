"""Sessions: one for each sign-in of a device, continued by refresh tokens that are used once.

A token that comes back after its use ends the session: somebody has stolen it, or the one after it. But for
a few seconds it gives the same next token again, for two tabs that refresh at once and for a lost answer.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any

import msgspec
from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.collection import Collection as MongoCollection
from pymongo.database import Database
from pymongo.read_concern import ReadConcern

from adapters.identity import refresh_tokens
from adapters.identity.refresh_tokens import BadRefreshToken, RefreshToken
from adapters.identity.roles import grants_of
from adapters.identity.tokens import Keys
from adapters.mongo.client import PLAIN, Document, document_id, translated
from adapters.mongo.transactions import in_transaction
from adapters.operators.audit import Act, audit

GRACE = timedelta(seconds=10)
"""How long a used token gives the same next one again."""

LONGEST = timedelta(days=90)
"""From sign-in: then a session ends however it is used."""

KEPT = timedelta(days=30)
"""How long an ended session is remembered."""

MOST = 20
"""Live sessions of one user; a further sign-in ends the one longest unused."""

LONGEST_AGENT = 200
_TRIES = 5


class Device(msgspec.Struct, frozen=True):
    """Where a request comes from, as far as one can know; nothing is bound to it."""

    address: str
    user_agent: str


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """A session as its owner sees it."""

    id: str
    created_at: datetime
    used_at: datetime
    expires_at: datetime
    address: str
    user_agent: str
    current: bool


class Continued(msgspec.Struct, frozen=True):
    """A session that goes on: its user, its id, and the refresh token that is good from now on."""

    user: Document
    granted: frozenset[str]
    session_id: str
    token: RefreshToken
    expires_at: datetime


class Sessions:
    """The sessions in `db`, which is synchronous: call from a thread."""

    def __init__(
        self, db: Database[Any], keys: Keys, *, lives: timedelta, new_nonce: Callable[[], str]
    ) -> None:
        self._db = db
        self._keys = keys
        self._lives = lives
        self._new_nonce = new_nonce

    @property
    def _sessions(self) -> MongoCollection[Document]:
        return self._db["sessions"].with_options(codec_options=PLAIN)

    def start(self, user: Document, device: Device, act: Act) -> Continued:
        """A new session of this user, signed in at `act.at`; `act.id` becomes the session's id too."""
        nonce = self._new_nonce()
        token = refresh_tokens.make(
            self._keys.secret, tenant_id=user["tenant_id"], session_id=act.id, generation=1, nonce=nonce
        )
        expires_at = min(act.at + self._lives, act.at + LONGEST)
        document = {
            "_id": document_id(user["tenant_id"], act.id),
            "tenant_id": user["tenant_id"],
            "id": act.id,
            "user_id": user["id"],
            "epoch": user.get("session_epoch", 0),
            "generation": 1,
            "token_hash": token.hash,
            "nonce": nonce,
            "created_at": act.at,
            "used_at": act.at,
            "expires_at": expires_at,
            "purge_at": expires_at + KEPT,
            "address": device.address,
            "user_agent": device.user_agent[:LONGEST_AGENT],
            "revoked_at": None,
        }

        def write(session: ClientSession) -> None:
            self._db["sessions"].insert_one(document, session=session)
            live = live_query(user["tenant_id"], user["id"], document["epoch"], act.at)
            newest = self._db["sessions"].find(live, ["id"], session=session).sort("used_at", -1)
            surplus = [found["id"] for found in newest.skip(MOST)]
            self._end(user["tenant_id"], surplus, "too_many_sessions", act.at, session)
            about = {"session_id": act.id, "address": device.address}
            audit(self._db, session, act, "session.start", f"user:{user['id']}", before={}, after=about)

        in_transaction(self._db, write)
        return Continued(user, grants_of(self._db, user), act.id, token, expires_at)

    def refresh(self, text: str, device: Device, act_of: Callable[[Document], Act]) -> Continued:
        """The session goes on under its next token. `act_of` makes an act of this moment for a session.

        Raises: BadRefreshToken.
        """
        token = refresh_tokens.parse(text)
        found = self._read(token)
        for _ in range(_TRIES):
            if found is None:
                raise BadRefreshToken("refresh_invalid", "this refresh token is not ours")
            act = act_of(found)
            user = self._user(found, act.at)
            if hmac.compare_digest(token.hash, found["token_hash"]):
                advanced = self._advance(found, device, act.at)
                if advanced is not None:
                    return Continued(
                        user, grants_of(self._db, user), found["id"], advanced, self._expiry(found, act.at)
                    )
                # Another request was first with this very token: what it wrote decides.
                found = self._read(token, wait_for_majority=True)
                continue
            if not refresh_tokens.issued(self._keys, token, found["nonce"]):
                # A forged one ends nothing: anybody could send it.
                raise BadRefreshToken("refresh_invalid", "this refresh token is not ours")
            if again := self._again(found, token, act.at):
                return Continued(user, grants_of(self._db, user), found["id"], again, found["expires_at"])
            self._end_reused(found, token, act)
        raise BadRefreshToken("refresh_invalid", "this session is refreshed too often at once")

    def list(self, user: Document, *, current: str | None, now: datetime) -> list[SessionView]:
        """The live sessions of a user, the one used last first."""
        return [
            msgspec.convert(row | {"current": row["id"] == current}, SessionView)
            for row in live(self._db, user, now)
        ]

    def end(self, user_id: str, session_id: str, act: Act, *, why: str) -> bool:
        """Ends a session of this user of the act's tenant; False: there is none, or it has ended."""
        live = {"_id": document_id(act.tenant_id, session_id), "user_id": user_id, "revoked_at": None}

        def write(session: ClientSession) -> bool:
            if self._db["sessions"].find_one(live, ["id"], session=session) is None:
                return False
            self._end(act.tenant_id, [session_id], why, act.at, session)
            about = {"session_id": session_id}
            audit(self._db, session, act, "session.end", f"user:{user_id}", before=about, after={})
            return True

        return in_transaction(self._db, write)

    def of_token(self, text: str) -> Document | None:
        """The live session whose current or previous token this is."""
        try:
            token = refresh_tokens.parse(text)
        except BadRefreshToken:
            return None
        found = self._read(token)
        if found is None or found["revoked_at"] is not None:
            return None
        return found if refresh_tokens.issued(self._keys, token, found["nonce"]) else None

    def _read(self, token: RefreshToken, *, wait_for_majority: bool = False) -> Document | None:
        sessions = self._sessions
        if wait_for_majority:
            sessions = sessions.with_options(read_concern=ReadConcern("linearizable"))
        with translated():
            return sessions.find_one({"_id": document_id(token.tenant_id, token.session_id)})

    def _user(self, found: Document, now: datetime) -> Document:
        """The session's user. Raises: BadRefreshToken: the session is over, or the user gone."""
        with translated():
            user: Document | None = self._db["users"].find_one(
                {"_id": document_id(found["tenant_id"], found["user_id"])}
            )
        ended = found["revoked_at"] is not None or found["expires_at"] <= now
        if ended or user is None or not user["active"] or user.get("session_epoch", 0) != found["epoch"]:
            raise BadRefreshToken("session_ended", "this session has ended: log in again")
        return user

    def _expiry(self, found: Document, now: datetime) -> datetime:
        latest: datetime = found["created_at"] + LONGEST
        return min(now + self._lives, latest)

    def _advance(self, found: Document, device: Device, now: datetime) -> RefreshToken | None:
        """The next token, and the session moved on to it; None: somebody else has moved it."""
        generation = found["generation"] + 1
        token = self._token(self._keys.secret, found, generation)
        expires_at = self._expiry(found, now)
        change = {
            "generation": generation,
            "token_hash": token.hash,
            "rotated_at": now,
            "used_at": now,
            "expires_at": expires_at,
            "purge_at": expires_at + KEPT,
            "address": device.address,
            "user_agent": device.user_agent[:LONGEST_AGENT],
        }
        unmoved = {"_id": found["_id"], "generation": found["generation"], "revoked_at": None}
        with translated():
            moved = self._sessions.find_one_and_update(
                unmoved, {"$set": change}, return_document=ReturnDocument.AFTER
            )
        return token if moved else None

    def _token(self, secret: str, found: Document, generation: int) -> RefreshToken:
        return refresh_tokens.make(
            secret,
            tenant_id=found["tenant_id"],
            session_id=found["id"],
            generation=generation,
            nonce=found["nonce"],
        )

    def _again(self, found: Document, token: RefreshToken, now: datetime) -> RefreshToken | None:
        """The current token, if `token` is the one before it and was used a moment ago."""
        if token.generation != found["generation"] - 1 or now - found["rotated_at"] > GRACE:
            return None
        for secret in self._keys.all():
            current = self._token(secret, found, found["generation"])
            if hmac.compare_digest(current.hash, found["token_hash"]):
                return current
        return None

    def _end_reused(self, found: Document, token: RefreshToken, act: Act) -> None:
        """Ends the session, whose token was used before. Raises: BadRefreshToken, always."""

        def write(session: ClientSession) -> None:
            self._end(found["tenant_id"], [found["id"]], "refresh_reused", act.at, session)
            about = {"session_id": found["id"], "generation": token.generation}
            subject = f"user:{found['user_id']}"
            audit(self._db, session, act, "session.refresh_reused", subject, before=about, after={})

        in_transaction(self._db, write)
        raise BadRefreshToken("refresh_reused", "this refresh token was used before: the session has ended")

    def _end(
        self, tenant_id: str, ids: Collection[str], why: str, at: datetime, session: ClientSession
    ) -> None:
        if ids:
            keys = [document_id(tenant_id, id) for id in ids]
            change = {"revoked_at": at, "revoked_because": why, "purge_at": at + KEPT}
            live = {"_id": {"$in": keys}, "revoked_at": None}
            self._db["sessions"].update_many(live, {"$set": change}, session=session)


def live(db: Database[Any], user: Document, now: datetime) -> list[Document]:
    """The live sessions of a user, the one used last first."""
    query = live_query(user["tenant_id"], user["id"], user.get("session_epoch", 0), now)
    with translated():
        return list(db["sessions"].find(query).sort("used_at", -1).limit(MOST))


def live_query(tenant_id: str, user_id: str, epoch: int, now: datetime) -> Document:
    """Selects the sessions of a user that can be continued. What raises a user's `session_epoch` (a new
    password, a deactivation) ends all sessions from before at once."""
    return {
        "tenant_id": tenant_id,
        "user_id": user_id,
        "revoked_at": None,
        "epoch": epoch,
        "expires_at": {"$gt": now},
    }
