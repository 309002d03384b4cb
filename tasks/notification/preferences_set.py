"""notification.preferences.set"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from domain.errors import Rejected
from domain.fields import ClockTime, TimeZone
from domain.notices.preferences import DIGEST_AT, Personal, Preferences
from domain.notices.quiet_hours import QuietHours
from domain.time.local_time import zone
from tasks.command import Payload, handles
from tasks.work import Work


class SetPreferences(Payload, frozen=True, kw_only=True):
    quiet_hours: QuietHours | None = None
    time_zone: TimeZone
    digest: Literal["off", "daily"]
    digest_at: ClockTime = DIGEST_AT
    channels: Annotated[tuple[Personal, ...], Meta(max_length=2)]


@handles(
    "notification.preferences.set",
    permission=None,
    target="preferences",
    of="actor",
    touches=("quiet_hours", "time_zone", "digest", "digest_at", "channels"),
)
def set_preferences(cmd: SetPreferences, work: Work) -> None:
    """Set one's notification preferences: quiet hours, a daily digest, channels."""
    zone(cmd.time_zone)
    if cmd.quiet_hours is not None and cmd.quiet_hours.never_ends:
        raise Rejected("always_quiet", "quiet hours must not end when they start", path="quiet_hours")
    before = work.find(Preferences) or Preferences(id=work.target_id)
    after = Preferences(
        id=before.id,
        version=before.version,
        quiet_hours=cmd.quiet_hours,
        time_zone=cmd.time_zone,
        digest=cmd.digest,
        digest_at=cmd.digest_at,
        channels=tuple(dict.fromkeys(cmd.channels)),
    )
    if after != before or not before.version:
        work.save(after)
        work.emit("preferences.set")
