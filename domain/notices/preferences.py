"""Notification preferences of one user."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from domain.entity import Entity
from domain.fields import ClockTime
from domain.notices.quiet_hours import QuietHours, end_of_quiet, next_digest

Personal = Literal["in_app", "email"]
"""The channels that reach a person."""

DIGEST_AT: ClockTime = "08:00"


class Preferences(Entity, frozen=True, kw_only=True):
    """Its id is the user's. The defaults apply to users without preferences: at once, in the app and by
    e-mail."""

    kind: ClassVar[str] = "preferences"
    collection: ClassVar[str] = "preferences"

    quiet_hours: QuietHours | None = None
    time_zone: str = "UTC"
    digest: Literal["off", "daily"] = "off"
    digest_at: ClockTime = DIGEST_AT
    channels: tuple[Personal, ...] = ("in_app", "email")

    def mail_at(self, at: datetime, *, critical: bool, is_due: bool = False) -> datetime:
        """When to send a mail about something that happened at `at`. Critical mail waits for nothing; with
        `is_due` (due at `at`) it waits for the end of quiet hours but not for a digest."""
        if critical:
            return at
        if self.digest == "daily" and not is_due:
            at = next_digest(self.digest_at, self.time_zone, at)
        return end_of_quiet(self.quiet_hours, self.time_zone, at)
