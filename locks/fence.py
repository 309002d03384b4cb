"""Fences: a document remembers the highest token that wrote it and refuses any lower one.

This, not the lease, keeps a holder that slept through its expiry from undoing its successor's work.
"""

from __future__ import annotations

from typing import Any

from locks.lease import Lease


def fenced(query: dict[str, Any], lease: Lease) -> dict[str, Any]:
    """The query, matching only what no later holder has written. An unfenced document matches."""
    return query | {"fence": {"$not": {"$gt": lease.token}}}


def stamped(update: dict[str, Any], lease: Lease) -> dict[str, Any]:
    """The update (of operators), leaving this holder's token behind."""
    return update | {"$set": update.get("$set", {}) | {"fence": lease.token}}
