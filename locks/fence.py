"""Fences: a document stores the highest token that wrote it, and writes with a lower one do not match.

This, not the lease, keeps a former holder that missed its expiry from overwriting its successor's work.
"""

from __future__ import annotations

from typing import Any

from locks.lease import Lease


def fenced(query: dict[str, Any], lease: Lease) -> dict[str, Any]:
    """The query, restricted to documents that no later holder has written. Unfenced documents match."""
    return query | {"fence": {"$not": {"$gt": lease.token}}}


def stamped(update: dict[str, Any], lease: Lease) -> dict[str, Any]:
    """The update (of operators), extended to store this holder's token."""
    return update | {"$set": update.get("$set", {}) | {"fence": lease.token}}
