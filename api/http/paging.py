"""Keyset paging: a cursor holds the last row's sort value and `_id`, so inserts and deletes shift no page."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import bson
import msgspec
import pymongo
from bson.errors import InvalidBSON
from pymongo.asynchronous.collection import AsyncCollection

from adapters.mongo.client import CODEC, Document
from api.http.query import bad, conditions, parse
from domain.ids import UUID7

DEFAULT_LIMIT = 50
MOST = 200
SEARCH_DEADLINE = timedelta(seconds=2)

_UUID7 = re.compile(UUID7)
_VALUES = (str, int, float, datetime, Decimal, type(None))


class Order(msgspec.Struct, frozen=True):
    """Sorts by one field, then by `_id`, in the same direction."""

    name: str
    field: str
    descending: bool

    @property
    def spec(self) -> list[tuple[str, int]]:
        direction = -1 if self.descending else 1
        return [("_id", direction)] if self.field == "_id" else [(self.field, direction), ("_id", direction)]

    def after(self, value: Any, id: str) -> Document:
        """The filter for rows after that one. A missing value sorts as null, and null before all others."""
        beyond = "$lt" if self.descending else "$gt"
        if self.field == "_id":
            return {"_id": {beyond: id}}
        tied = {self.field: value, "_id": {beyond: id}}
        if value is None:
            return tied if self.descending else {"$or": [tied, {self.field: {"$ne": None}}]}
        further: list[Document] = [tied, {self.field: {beyond: value}}]
        return {"$or": [*further, {self.field: None}] if self.descending else further}


class Page(msgspec.Struct, frozen=True):
    items: list[Document]
    cursor: str | None
    """For the next page; None at the end."""


def take_limit(parameters: dict[str, str]) -> int:
    """Removes `limit`. Raises: Problem 422."""
    value = parameters.pop("limit", str(DEFAULT_LIMIT))
    if not value.isascii() or not value.isdigit() or len(value) > 4 or not 1 <= int(value) <= MOST:
        raise bad("limit", "out_of_range", f"limit is a whole number from 1 to {MOST}")
    return int(value)


def take_order(parameters: dict[str, str], sorts: Mapping[str, str], default: str) -> Order:
    """Removes `sort`: one of the names in `sorts`, with a minus for descending. Raises: Problem 422."""
    sort = parameters.pop("sort", default)
    name = sort.removeprefix("-")
    if name not in sorts:
        raise bad("sort", "unknown_value", f"sort takes one of {', '.join(sorts)}, with a - for descending")
    return Order(sort, sorts[name], sort.startswith("-"))


def take_cursor(parameters: dict[str, str], order: Order) -> Document | None:
    """Removes `cursor`; returns the filter for the rows after it.

    Raises: Problem 422: not of this list and order.
    """
    text = parameters.pop("cursor", None)
    if text is None:
        return None
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        content = bson.decode(raw, codec_options=CODEC)
    except (binascii.Error, ValueError, InvalidBSON):
        content = {}
    is_ours = (
        content.keys() == {"s", "v", "i"} and content["s"] == order.name and isinstance(content["i"], str)
    )
    # Values only: a document or a pattern in a forged cursor would be an operator.
    if not is_ours or not isinstance(content["v"], _VALUES):
        raise bad("cursor", "malformed", "this cursor is not of this list in this order")
    return order.after(content["v"], content["i"])


def check_cursor(cursor: str | None) -> str:
    """The command id after which the page begins; "" for the first page. Raises: Problem 422."""
    if cursor is None:
        return ""
    if not _UUID7.fullmatch(cursor):
        raise bad("cursor", "malformed", "this cursor is not a command id")
    return cursor


def page_parameters(query_string: bytes) -> tuple[int, str | None]:
    """`limit`, and `cursor` as a command id, of a list that takes no other parameter. Raises: Problem 422."""
    parameters = parse(query_string)
    limit = take_limit(parameters)
    cursor = check_cursor(parameters.pop("cursor", None)) or None
    conditions(parameters, {})
    return limit, cursor


def cursor_of(order: Order, row: Document) -> str:
    value: Any = row
    for name in order.field.split("."):
        value = (value or {}).get(name)
    content = {"s": order.name, "v": value, "i": row["_id"]}
    return base64.urlsafe_b64encode(bson.encode(content, codec_options=CODEC)).rstrip(b"=").decode("ascii")


async def page(
    collection: AsyncCollection[Any],
    selected: list[Document],
    order: Order,
    limit: int,
    *,
    projection: Document,
) -> Page:
    """One page and the cursor of the next. Raises: ExecutionTimeout: the filter takes too long."""
    matching = collection.find({"$and": selected}, projection).sort(order.spec).limit(limit + 1)
    with pymongo.timeout(SEARCH_DEADLINE.total_seconds()):
        rows = await matching.to_list()
    has_more = len(rows) > limit
    rows = rows[:limit]
    return Page(rows, cursor_of(order, rows[-1]) if has_more else None)
