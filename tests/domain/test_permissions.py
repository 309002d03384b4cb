"""Denied by default; `*` is everything of a tenant and nothing of the platform."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.identity.actor import Actor
from domain.identity.permissions import PERMISSIONS, ROLES, TENANT_ROLES, allows, granted

names = st.sampled_from(sorted(PERMISSIONS))
scopes = st.sampled_from(sorted({name.partition(".")[0] for name in PERMISSIONS}))
grants = st.frozensets(names | scopes.map("{}.*".format) | st.just("*"))

OWN_WORK = [
    "workorders.read",
    "workorders.discuss",
    "workorders.execute",
    "assets.read",
    "inventory.read",
    "offline.submit",
    "workrequests.submit",
]


@given(names)
def test_the_star_grants_everything_but_the_platform(permission: str) -> None:
    assert allows({"*"}, permission) is not permission.startswith("platform.")


@given(grants, names)
def test_nothing_is_allowed_that_no_grant_covers(held: frozenset[str], permission: str) -> None:
    scope = permission.partition(".")[0]
    covering = {permission, f"{scope}.*"} | ({"*"} if scope != "platform" else set())

    assert allows(held, permission) is bool(held & covering)


@given(st.frozensets(st.text(max_size=12)), names)
def test_a_role_nobody_knows_grants_nothing(roles: frozenset[str], permission: str) -> None:
    assert not allows(granted(roles - set(ROLES)), permission)


@given(grants, st.sampled_from(["platform.*", "platform.read", "platform", "platform.x.y"]))
def test_no_role_that_a_tenant_defines_reaches_the_platform(others: frozenset[str], claimed: str) -> None:
    table = {"admin": others, "crew": others | {claimed}}

    held = granted(table, table)

    assert not [
        name for name in [*PERMISSIONS, claimed] if name.startswith("platform") and allows(held, name)
    ]


@given(st.sets(st.sampled_from(sorted(ROLES))), names)
def test_roles_add_up(roles: set[str], permission: str) -> None:
    alone = any(allows(granted([role]), permission) for role in roles)

    assert allows(granted(roles), permission) is alone


@pytest.mark.parametrize("role", sorted(ROLES))
def test_every_grant_of_a_role_covers_a_permission_that_exists(role: str) -> None:
    idle = {grant for grant in ROLES[role] if not any(allows({grant}, name) for name in PERMISSIONS)}

    assert not idle


@pytest.mark.parametrize("role", sorted(TENANT_ROLES))
def test_no_role_of_a_tenant_holds_anything_of_the_platform(role: str) -> None:
    assert not [name for name in PERMISSIONS if name.startswith("platform.") and allows(ROLES[role], name)]


def test_the_platform_login_sees_no_tenants_work() -> None:
    assert {name for name in PERMISSIONS if allows(ROLES["platform"], name)} == {
        "platform.read",
        "platform.manage",
        "audit.read",  # of its own acts: the trail is each tenant's own
    }


@pytest.mark.parametrize("permission", OWN_WORK)
def test_technicians_may_do_their_own_work(permission: str) -> None:
    assert allows(granted(["technician"]), permission)


@pytest.mark.parametrize("permission", sorted(PERMISSIONS))
def test_viewers_only_look(permission: str) -> None:
    assert not allows(granted(["viewer"]), permission) or permission.endswith(".read")


def test_the_system_may_do_all_and_a_person_without_roles_nothing() -> None:
    system = Actor(tenant_id="demo", user_id=None)
    nobody = Actor(tenant_id="demo", user_id="u")

    assert system.can("workorders.write")
    assert not nobody.can("workorders.read")
