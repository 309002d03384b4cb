"""Instants as text, as commands and keys carry them."""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(instant: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, which is all the store keeps: 2026-03-29T06:00:00.000Z."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
