"""user.* and role.set: who may make whom what, and that somebody always can."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from pymongo.database import Database

from api.identity.device import COOKIE
from tests.api.identity.signing_in import bearer, login, refresh
from tests.api.people import People, Person, new_id

Apply = Callable[[], None]


class Office:
    """Sends commands, has them applied, and says what became of them."""

    def __init__(self, web: httpx.AsyncClient, apply: Apply) -> None:
        self._web = web
        self._apply = apply

    async def send(self, person: Person, type: str, payload: dict[str, Any]) -> str:
        """Returns the command's id."""
        answer = await self._web.post(f"/api/commands/{type}", headers=person.sends(), json=payload)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["command_id"])

    async def outcome(self, person: Person, command_id: str) -> str:
        """`applied`, or the code of the refusal."""
        self._apply()
        receipt = (await self._web.get(f"/api/commands/{command_id}", headers=person.auth)).json()
        return str(receipt["error"]["code"] if "error" in receipt else receipt["state"])

    async def __call__(self, person: Person, type: str, **payload: Any) -> str:
        return await self.outcome(person, await self.send(person, type, payload))


@pytest.fixture
def office(web: httpx.AsyncClient, apply: Apply) -> Office:
    return Office(web, apply)


def newcomer(tenant: str, **fields: Any) -> dict[str, Any]:
    return {"id": new_id(), "email": f"New@{tenant}.test", "name": "New One", "roles": ["viewer"]} | fields


async def test_an_admin_adds_changes_and_deactivates_people(
    web: httpx.AsyncClient, office: Office, people: People
) -> None:
    admin = people.add("admin")
    person = newcomer(people.tenant_id)

    assert await office(admin, "user.create", **person) == "applied"
    assert await office(admin, "user.update", user_id=person["id"], roles=["planner"]) == "applied"
    assert await office(admin, "user.deactivate", user_id=person["id"], reason="left") == "applied"

    shown = (await web.get(f"/api/users/{person['id']}", headers=admin.auth)).json()
    assert shown["email"] == f"new@{people.tenant_id}.test"
    assert (shown["roles"], shown["active"]) == (["planner"], False)
    assert "token_version" not in shown


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"roles": ["chief"]}, "unknown_role"), ({"roles": ["platform"]}, "unknown_role")],
)
async def test_a_role_that_the_tenant_does_not_have_is_refused(
    office: Office, people: People, fields: dict[str, Any], code: str
) -> None:
    assert await office(people.add("admin"), "user.create", **newcomer(people.tenant_id, **fields)) == code


async def test_an_address_is_used_once_in_a_tenant(office: Office, people: People) -> None:
    admin = people.add("admin")
    assert await office(admin, "user.create", **newcomer(people.tenant_id)) == "applied"

    again = newcomer(people.tenant_id, email=f"NEW@{people.tenant_id}.test")

    assert await office(admin, "user.create", **again) != "applied"


async def test_a_role_of_the_tenant_grants_what_it_says_in_reads_and_commands(
    web: httpx.AsyncClient, office: Office, people: People
) -> None:
    admin = people.add("admin")
    grants = ["assets.*", "workorders.read"]
    assert await office(admin, "role.set", name="surveyor", permissions=grants) == "applied"
    surveyor = people.add("surveyor")

    me = (await web.get("/api/auth/me", headers=surveyor.auth)).json()

    assert me["permissions"] == sorted(grants)
    create = {"name": "Pump", "criticality": "low"}
    assert await office(surveyor, "asset.create", **create) == "applied"
    refused = await web.post(
        "/api/commands/part.create", headers=surveyor.sends(), json={"name": "Belt", "unit": "pc"}
    )
    assert refused.status_code == 403
    # In another tenant the word means nothing.
    stranger = people.stranger("surveyor")
    assert (await web.get("/api/auth/me", headers=stranger.auth)).json()["permissions"] == []


@pytest.mark.parametrize(
    ("role", "code"),
    [
        ({"name": "admin", "permissions": []}, "built_in_role"),
        ({"name": "platform", "permissions": []}, "built_in_role"),
        ({"name": "boss", "permissions": ["platform.read"]}, "unknown_permission"),
        ({"name": "boss", "permissions": ["platform.*"]}, "unknown_permission"),
        ({"name": "boss", "permissions": ["work.*"]}, "unknown_permission"),
        ({"name": "boss", "permissions": ["*.read"]}, "unknown_permission"),
    ],
)
async def test_a_role_grants_only_what_tenants_have(
    office: Office, people: People, role: dict[str, Any], code: str
) -> None:
    assert await office(people.add("admin"), "role.set", **role) == code


async def test_nobody_grants_more_than_they_hold(office: Office, people: People) -> None:
    admin = people.add("admin")
    hr = ["users.*", "roles.*", "workorders.read"]
    assert await office(admin, "role.set", name="hr", permissions=hr) == "applied"
    clerk, other = people.add("hr"), people.add("technician")

    made_admin = newcomer(people.tenant_id, roles=["admin"])
    assert await office(clerk, "user.create", **made_admin) == "beyond_your_own"
    assert await office(clerk, "user.update", user_id=other.id, roles=["hr"]) == "beyond_your_own"
    assert await office(clerk, "user.deactivate", user_id=admin.id, reason="mutiny") == "beyond_your_own"
    assert await office(clerk, "role.set", name="big", permissions=["*"]) == "beyond_your_own"
    assert await office(clerk, "role.set", name="hr", permissions=[*hr, "assets.write"]) == "beyond_your_own"
    assert await office(clerk, "user.create", **newcomer(people.tenant_id, roles=["hr"])) == "applied"


async def test_nobody_changes_their_own_roles_or_deactivates_themselves(
    office: Office, people: People
) -> None:
    admin = people.add("admin")

    assert await office(admin, "user.update", user_id=admin.id, roles=["viewer"]) == "own_roles"
    assert await office(admin, "user.deactivate", user_id=admin.id, reason="tired") == "own_account"
    assert await office(admin, "user.update", user_id=admin.id, name="A New Name") == "applied"


async def test_of_two_admins_who_deactivate_each_other_at_once_one_remains(
    office: Office, people: People, store: Database[Any]
) -> None:
    ann, bob = people.add("admin"), people.add("admin")

    first = await office.send(ann, "user.deactivate", {"user_id": bob.id, "reason": "bob"})
    second = await office.send(bob, "user.deactivate", {"user_id": ann.id, "reason": "ann"})
    outcomes = {(await office.outcome(ann, first)), "applied"}

    left = list(store["users"].find({"tenant_id": people.tenant_id, "active": True}))
    assert len(left) == 1
    assert outcomes
    ended = store["commands"].find({"_id": {"$in": [first, second]}})
    assert sorted(command["state"] for command in ended) == ["applied", "rejected"]


async def test_new_roles_revoke_access_tokens_but_no_session(
    web: httpx.AsyncClient, office: Office, people: People
) -> None:
    admin, user = people.add("admin"), people.add("viewer")
    answer = await login(web, user.document["email"])
    token = web.cookies[COOKIE]

    assert await office(admin, "user.update", user_id=user.id, roles=["planner"]) == "applied"

    refreshed = await refresh(web, token)
    assert refreshed.json()["user"]["roles"] == ["planner"]
    assert (await web.get("/api/auth/me", headers=bearer(answer))).json()["code"] == "token_revoked"
    assert (await web.get("/api/auth/me", headers=bearer(refreshed))).status_code == 200


async def test_only_who_manages_people_may(web: httpx.AsyncClient, people: People) -> None:
    for role in ("manager", "planner", "technician", "viewer", "operator"):
        person = people.add(role)
        for type, payload in (
            ("user.create", newcomer(people.tenant_id)),
            ("user.update", {"user_id": person.id, "name": "X"}),
            ("user.deactivate", {"user_id": person.id, "reason": "x"}),
            ("role.set", {"name": "boss", "permissions": ["*"]}),
        ):
            answer = await web.post(f"/api/commands/{type}", headers=person.sends(), json=payload)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
