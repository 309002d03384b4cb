"""A permission that a command asks for must exist, or nobody but an admin could ever hold it."""

from domain.identity.permissions import PERMISSIONS, allows, granted
from tasks.catalogue import catalogue


def test_every_command_asks_for_a_permission_that_exists() -> None:
    asked = {spec.permission for spec in catalogue().values()} - {None}

    assert asked <= PERMISSIONS.keys()


def test_no_command_of_a_tenant_needs_the_platform() -> None:
    assert not [spec.type for spec in catalogue().values() if (spec.permission or "").startswith("platform.")]


def test_every_command_says_in_a_line_what_it_does() -> None:
    assert not [spec.type for spec in catalogue().values() if not spec.summary]


def test_a_viewer_can_ask_for_no_change_at_all() -> None:
    viewer = granted(["viewer"])

    assert not [
        spec.type for spec in catalogue().values() if spec.permission and allows(viewer, spec.permission)
    ]


def test_only_follow_ups_and_personal_settings_need_no_permission() -> None:
    open_to_all = {
        spec.type for spec in catalogue().values() if spec.permission is None and not spec.internal
    }

    assert not [
        name for name in open_to_all if name.startswith(("work_order.", "asset.", "part.", "request."))
    ]
