"""Saying how one wants to be told."""

from __future__ import annotations

import msgspec
import pytest

from domain.errors import Rejected
from domain.identity.actor import Actor
from domain.notices.preferences import Preferences
from tasks.notification.preferences_set import SetPreferences, set_preferences
from tests.tasks.fake_work import World, ident

ANN = Actor(tenant_id="t1", user_id=ident(1), roles=("technician",))


@pytest.fixture
def world() -> World:
    return World()


def preferences(**fields: object) -> SetPreferences:
    given = {"time_zone": "Europe/Berlin", "digest": "off", "channels": ["email"]} | fields
    return msgspec.convert(given, SetPreferences)


def test_preferences_are_one_s_own_and_replaced_whole(world: World) -> None:
    quiet = {"from": "22:00", "to": "07:00"}

    world.run(set_preferences, preferences(quiet_hours=quiet), actor=ANN)
    world.run(set_preferences, preferences(digest="daily", channels=["in_app", "in_app"]), actor=ANN)
    unchanged = world.run(set_preferences, preferences(digest="daily", channels=["in_app"]), actor=ANN)

    kept = world.get(Preferences, ident(1))
    assert (kept.quiet_hours, kept.digest, kept.digest_at, kept.channels) == (
        None,
        "daily",
        "08:00",
        ("in_app",),
    )
    assert unchanged.events == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"time_zone": "Europe/Atlantis"}, "unknown_time_zone"),
        ({"quiet_hours": {"from": "22:00", "to": "22:00"}}, "always_quiet"),
        ({"quiet_hours": {"from": "00:00", "to": "24:00"}}, "always_quiet"),
    ],
)
def test_preferences_that_mean_nothing_are_refused(
    world: World, fields: dict[str, object], code: str
) -> None:
    with pytest.raises(Rejected) as refused:
        world.run(set_preferences, preferences(**fields), actor=ANN)

    assert refused.value.code == code
