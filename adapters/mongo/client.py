"""MongoDB at the edge: clients, the codec for entities, and driver errors in our words.

Everything that matters is read from the primary with majority concern and written with majority and journal:
a local read can show a state that a failover undoes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal, DecimalException
from typing import Any

import pymongo
from bson.codec_options import CodecOptions, TypeCodec, TypeRegistry
from bson.decimal128 import Decimal128
from bson.errors import InvalidDocument
from pymongo import AsyncMongoClient, MongoClient
from pymongo.errors import (
    ConnectionFailure,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    WTimeoutError,
)
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

Document = dict[str, Any]


def document_id(tenant_id: str, id: str) -> str:
    """The `_id` of what belongs to a tenant: it begins with the tenant, so that nothing crosses."""
    return f"{tenant_id}/{id}"


def ids_of(tenant_id: str) -> Document:
    """Selects a tenant's documents by their `_id`. Who reads in that order needs it: else the store may read
    through all tenants before this one, and select by `tenant_id` afterwards."""
    return {"_id": {"$gt": document_id(tenant_id, ""), "$lt": f"{tenant_id}0"}}  # 0 comes after the slash


MAJORITY = WriteConcern(w="majority", j=True)
UNJOURNALED = WriteConcern(w=1, j=False)
DUPLICATE_KEY = 11000
INTERRUPTED = 11601
"""Somebody has ended the operation, or its session, as the reaper does: no fault of the data."""


class Contention(Exception):
    """Another transaction was first; nothing of ours was written. Read again and repeat."""


class UnknownOutcome(Exception):
    """The commit's answer was lost: it may or may not have happened."""


class Unavailable(Exception):
    """The store cannot be reached or has no majority now."""


class Unwritable(Exception):
    """The server or the encoder refuses this very data: repeating it is no use. `taken`: the fields of the
    unique index that has such a value already, as far as they are the data's own."""

    def __init__(self, message: str, *, code: int | None = None, taken: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.taken = tuple(name for name in taken if name not in ("_id", "tenant_id"))

    @property
    def is_duplicate(self) -> bool:
        return self.code == DUPLICATE_KEY


class _DecimalCodec(TypeCodec):
    python_type = Decimal
    bson_type = Decimal128

    def transform_python(self, value: Any) -> Decimal128:
        return Decimal128(value)

    def transform_bson(self, value: Any) -> Decimal:
        decimal: Decimal = value.to_decimal()
        return decimal


CODEC: CodecOptions[Document] = CodecOptions(tz_aware=True, type_registry=TypeRegistry([_DecimalCodec()]))

PLAIN: CodecOptions[Document] = CodecOptions(tz_aware=True)
"""For documents without decimals, such as commands: reads them twice as fast.

And for whoever finds and modifies outside a transaction: with decoders the driver (4.20) trips over what a
primary that steps down answers, and raises an AttributeError instead of asking again."""

_DURABLE: dict[str, Any] = {
    "w": "majority",
    "journal": True,
    "readConcernLevel": "majority",
    "tz_aware": True,
    "type_registry": CODEC.type_registry,
    "retryWrites": True,
}


def client(uri: str, **options: Any) -> MongoClient[Document]:
    """A client for threads; opened lazily, so this never blocks."""
    return MongoClient(uri, **_DURABLE, **options)


def async_client(uri: str, **options: Any) -> AsyncMongoClient[Document]:
    """A client for the event loop it is first used in."""
    return AsyncMongoClient(uri, **_DURABLE, **options)


TRANSACTION_LIFETIME = timedelta(seconds=10)
"""What the server must be told: at its default a dead worker's transaction blocks documents over a minute."""


def transaction_lifetime(mongo: MongoClient[Any]) -> timedelta | None:
    """How long the server lets a transaction live; None where it will not say (a hosted one may not)."""
    name = "transactionLifetimeLimitSeconds"
    try:
        with translated(), pymongo.timeout(5):
            return timedelta(seconds=mongo.admin.command({"getParameter": 1, name: 1})[name])
    except (Unwritable, Unavailable):
        return None


TRANSACTION: dict[str, Any] = {
    "read_concern": ReadConcern("snapshot"),
    "write_concern": MAJORITY,
    "read_preference": ReadPreference.PRIMARY,
}


@contextmanager
def translated() -> Iterator[None]:
    """Driver errors inside become ours, so that none climbs higher."""
    try:
        yield
    except PyMongoError as error:
        raise translate(error) from error
    except (InvalidDocument, DecimalException, OverflowError, UnicodeEncodeError) as error:
        raise Unwritable(str(error)) from error


def translate(error: PyMongoError) -> Exception:
    """What a driver error means for the one who was writing."""
    if error.has_error_label("UnknownTransactionCommitResult"):
        return UnknownOutcome(str(error))
    if error.timeout:  # labelled transient, but nobody is there to contend
        return Unavailable(str(error))
    # The server does not say that what was interrupted may be repeated.
    if error.has_error_label("TransientTransactionError") or _code(error) == INTERRUPTED:
        return Contention(str(error))
    if isinstance(error, ConnectionFailure | WTimeoutError | ExecutionTimeout):
        return Unavailable(str(error))
    if isinstance(error, OperationFailure) and not error.has_error_label("RetryableWriteError"):
        return Unwritable(str(error), code=error.code)
    return Unavailable(str(error))


def _code(error: PyMongoError) -> int | None:
    return error.code if isinstance(error, OperationFailure) else None
