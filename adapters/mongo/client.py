"""MongoDB at the edge: clients, the codec for entities, and the translation of driver errors.

Everything that matters is read from the primary with majority concern and written with majority and journal,
because a failover can undo what a local read shows.
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
    """The `_id` of a tenant's document: it starts with the tenant, so that ids of tenants cannot collide."""
    return f"{tenant_id}/{id}"


def ids_of(tenant_id: str) -> Document:
    """The query for a tenant's documents by `_id`. Needed when reading in that order: otherwise the store may
    read through the documents of other tenants and filter by `tenant_id` afterwards."""
    return {
        "_id": {"$gt": document_id(tenant_id, ""), "$lt": f"{tenant_id}0"}
    }  # 0 follows the slash in ASCII


MAJORITY = WriteConcern(w="majority", j=True)
UNJOURNALED = WriteConcern(w=1, j=False)
DUPLICATE_KEY = 11000
INTERRUPTED = 11601
"""The operation or its session was killed, as the reaper does: the data is not at fault."""


class Contention(Exception):
    """Another transaction won; nothing was written. Read again and repeat."""


class UnknownOutcome(Exception):
    """The reply to a commit was lost: it may or may not have happened."""


class Unavailable(Exception):
    """The store is unreachable or has no majority."""


class Unwritable(Exception):
    """The server or the encoder refuses this data, so repeating is pointless. `taken`: after a duplicate, the
    fields of the unique index, without `_id` and `tenant_id`."""

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

Also for find-and-modify outside a transaction: with type decoders the driver (4.20) fails with an
AttributeError on the reply of a primary that steps down, instead of retrying."""

_DURABLE: dict[str, Any] = {
    "w": "majority",
    "journal": True,
    "readConcernLevel": "majority",
    "tz_aware": True,
    "type_registry": CODEC.type_registry,
    "retryWrites": True,
}


def client(uri: str, **options: Any) -> MongoClient[Document]:
    """A synchronous client; it connects lazily, so this never blocks."""
    return MongoClient(uri, **_DURABLE, **options)


def async_client(uri: str, **options: Any) -> AsyncMongoClient[Document]:
    """An asynchronous client, for the event loop it is first used in."""
    return AsyncMongoClient(uri, **_DURABLE, **options)


TRANSACTION_LIFETIME = timedelta(seconds=10)
"""The server's setting must be this: by its default a dead worker's transaction blocks documents for over a
minute."""


def transaction_lifetime(mongo: MongoClient[Any]) -> timedelta | None:
    """The server's transaction lifetime limit; None if it does not say (hosted servers may not)."""
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
    """Turns driver errors raised inside into the exceptions above."""
    try:
        yield
    except PyMongoError as error:
        raise translate(error) from error
    except (InvalidDocument, DecimalException, OverflowError, UnicodeEncodeError) as error:
        raise Unwritable(str(error)) from error


def translate(error: PyMongoError) -> Exception:
    """The exception for a driver error."""
    if error.has_error_label("UnknownTransactionCommitResult"):
        return UnknownOutcome(str(error))
    if error.timeout:  # labelled transient, but there is no contention
        return Unavailable(str(error))
    # Interrupted operations may be repeated, but the server does not label them so.
    if error.has_error_label("TransientTransactionError") or _code(error) == INTERRUPTED:
        return Contention(str(error))
    if isinstance(error, ConnectionFailure | WTimeoutError | ExecutionTimeout):
        return Unavailable(str(error))
    if isinstance(error, OperationFailure) and not error.has_error_label("RetryableWriteError"):
        return Unwritable(str(error), code=error.code)
    return Unavailable(str(error))


def _code(error: PyMongoError) -> int | None:
    return error.code if isinstance(error, OperationFailure) else None
