"""Sessions: they go on by refresh tokens that are good once, and end where they should."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pymongo.database import Database

from adapters.identity import sessions
from adapters.settings.table import Settings
from api.identity.device import COOKIE
from tests.api.documented import Documented
from tests.api.identity.signing_in import bearer, login, moved, refresh
from tests.api.people import PASSWORD, People

NEW_PASSWORD = "quite-Another-1-of-mine"


async def test_a_refresh_gives_a_new_access_token_and_the_next_refresh_token(
    web: httpx.AsyncClient, people: People
) -> None:
    first = await login(web, people.add("planner").document["email"])
    before = web.cookies[COOKIE]

    answer = await refresh(web)

    assert answer.status_code == 200
    assert answer.json()["user"] == first.json()["user"]
    assert web.cookies[COOKIE] != before
    assert (await web.get("/api/auth/me", headers=bearer(answer))).status_code == 200


async def test_the_cookie_is_kept_from_scripts_other_sites_and_other_paths(
    settings: Settings, people: People, documented: Documented
) -> None:
    email = people.add().document["email"]
    async with moved(replace(settings, app_env="test"), documented) as (web, _):
        cookie = (await login(web, email)).headers["set-cookie"]

    parts = {part.strip().lower() for part in cookie.split(";")}
    assert {"httponly", "secure", "samesite=strict", "path=/api/auth"} <= parts
    assert any(part.startswith("max-age=6047") or part == "max-age=604800" for part in parts)


async def test_a_used_refresh_token_that_comes_back_ends_the_session(
    settings: Settings, people: People, store: Database[Any], documented: Documented
) -> None:
    user = people.add()
    async with moved(settings, documented) as (web, clock):
        await login(web, user.document["email"])
        stolen = web.cookies[COOKIE]
        latest = await refresh(web)
        mine = web.cookies[COOKIE]
        clock.ahead += sessions.GRACE + timedelta(seconds=1)

        answer = await refresh(web, stolen)

        assert (answer.status_code, answer.json()["code"]) == (401, "refresh_reused")
        assert "max-age=0" in answer.headers["set-cookie"].lower()
        assert (await refresh(web, mine)).json()["code"] == "session_ended"
        clock.ahead += timedelta(seconds=5)  # a process believes what it has read for that long
        me = await web.get("/api/auth/me", headers=bearer(latest))
        assert (me.status_code, me.json()["code"]) == (401, "token_revoked")
    acts = [row["act"] for row in store["operator_actions"].find({"subject": f"user:{user.id}"})]
    assert acts == ["session.start", "session.refresh_reused"]


async def test_two_tabs_that_refresh_at_once_get_the_same_next_token(
    web: httpx.AsyncClient, people: People
) -> None:
    await login(web, people.add().document["email"])
    token = web.cookies[COOKIE]

    answers = await asyncio.gather(*(refresh(web, token) for _ in range(6)))

    assert [answer.status_code for answer in answers] == [200] * 6
    assert len({answer.cookies[COOKIE] for answer in answers}) == 1


async def test_a_client_that_loses_every_third_answer_stays_signed_in_for_a_month(
    settings: Settings, people: People, documented: Documented
) -> None:
    email = people.add().document["email"]
    async with moved(settings, documented) as (web, clock):
        await login(web, email)
        token = web.cookies[COOKIE]
        for n in range(30):
            clock.ahead += timedelta(days=1)
            answer = await refresh(web, token)
            if n % 3 == 0:  # lost: the client repeats itself a moment later
                clock.ahead += timedelta(seconds=5)
                answer = await refresh(web, token)
            assert answer.status_code == 200
            token = answer.cookies[COOKIE]


async def test_a_session_that_nobody_uses_ends(
    settings: Settings, people: People, documented: Documented
) -> None:
    email = people.add().document["email"]
    async with moved(settings, documented) as (web, clock):
        await login(web, email)
        token = web.cookies[COOKIE]
        clock.ahead += settings.jwt_refresh_expires_in

        answer = await refresh(web, token)

    assert (answer.status_code, answer.json()["code"]) == (401, "session_ended")


async def test_a_session_in_use_ends_in_the_end(
    settings: Settings, people: People, documented: Documented
) -> None:
    email = people.add().document["email"]
    async with moved(settings, documented) as (web, clock):
        await login(web, email)
        token = web.cookies[COOKIE]
        codes = []
        for _ in range(16):
            clock.ahead += timedelta(days=6)
            answer = await refresh(web, token)
            token = answer.cookies.get(COOKIE) or token
            codes.append(answer.json().get("code"))

    assert codes == [None] * 14 + ["session_ended"] * 2


@pytest.mark.parametrize("change", ["x", ".", "€", "0" * 600])
async def test_a_forged_refresh_token_is_refused_and_ends_nothing(
    web: httpx.AsyncClient, people: People, change: str
) -> None:
    await login(web, people.add().document["email"])
    token = web.cookies[COOKIE]
    head, mac = token.rsplit(".", 1)
    older = f"{head.rpartition('.')[0]}.0.{mac}"

    for forged in (token + change.encode().decode("latin-1"), older, change.encode().decode("latin-1")):
        answer = await web.post(
            "/api/auth/refresh", headers=[(b"Cookie", f"{COOKIE}={forged}".encode("latin-1"))]
        )
        assert (answer.status_code, answer.json()["code"]) == (401, "refresh_invalid")

    assert (await refresh(web, token)).status_code == 200


async def test_neither_token_does_for_the_other(web: httpx.AsyncClient, people: People) -> None:
    access = (await login(web, people.add().document["email"])).json()["access_token"]
    token = web.cookies[COOKIE]

    as_access = await web.get("/api/auth/me", headers={"Authorization": f"Bearer {token}"})
    as_refresh = await refresh(web, access)

    assert (as_access.status_code, as_access.json()["code"]) == (401, "token_invalid")
    assert (as_refresh.status_code, as_refresh.json()["code"]) == (401, "refresh_invalid")


async def test_no_cookie_is_no_session(web: httpx.AsyncClient) -> None:
    answer = await refresh(web)

    assert (answer.status_code, answer.json()["code"]) == (401, "refresh_missing")


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}]
)
@pytest.mark.parametrize("route", ["refresh", "logout"])
async def test_a_page_of_another_site_cannot_use_the_cookie(
    web: httpx.AsyncClient, people: People, headers: dict[str, str], route: str
) -> None:
    await login(web, people.add().document["email"])

    answer = await web.post(f"/api/auth/{route}", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
    assert (await refresh(web, Origin="http://millwright")).status_code == 200


async def test_sessions_are_listed_and_ended_one_by_one(web: httpx.AsyncClient, people: People) -> None:
    user, other = people.add(), people.add()
    first = await login(web, user.document["email"])
    mine = web.cookies[COOKIE]
    second = await login(web, user.document["email"])
    theirs = await login(web, other.document["email"])

    listed = (await web.get("/api/auth/sessions", headers=bearer(second))).json()["items"]
    assert [session["current"] for session in listed] == [True, False]
    old = listed[1]["id"]

    by_other = await web.delete(f"/api/auth/sessions/{old}", headers=bearer(theirs))
    assert by_other.status_code == 404
    ended = await web.delete(f"/api/auth/sessions/{old}", headers=bearer(second))

    assert ended.status_code == 204
    left = (await web.get("/api/auth/sessions", headers=bearer(second))).json()["items"]
    assert [session["current"] for session in left] == [True]
    assert (await web.get("/api/auth/me", headers=bearer(first))).json()["code"] == "token_revoked"
    assert (await refresh(web, mine)).json()["code"] == "session_ended"


@pytest.mark.parametrize("by", ["cookie", "access token"])
async def test_logging_out_ends_the_session(web: httpx.AsyncClient, people: People, by: str) -> None:
    answer = await login(web, people.add().document["email"])
    token = web.cookies[COOKIE]
    if by == "access token":
        web.cookies.clear()

    out = await web.post("/api/auth/logout", headers={} if by == "cookie" else bearer(answer))

    assert out.status_code == 204
    assert "max-age=0" in out.headers["set-cookie"].lower()
    assert (await web.get("/api/auth/me", headers=bearer(answer))).status_code == 401
    assert (await refresh(web, token)).json()["code"] == "session_ended"


async def test_a_further_sign_in_ends_the_session_longest_unused(
    web: httpx.AsyncClient, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "MOST", 2)
    email = people.add().document["email"]
    tokens = []
    for _ in range(3):
        await login(web, email)
        tokens.append(web.cookies[COOKIE])

    answers = [await refresh(web, token) for token in tokens]

    assert [answer.status_code for answer in answers] == [401, 200, 200]


async def test_a_deactivated_user_is_not_refreshed(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    user = people.add()
    await login(web, user.document["email"])
    store["users"].update_one({"_id": user.document["_id"]}, {"$set": {"active": False}})

    answer = await refresh(web)

    assert (answer.status_code, answer.json()["code"]) == (401, "session_ended")


async def test_a_new_password_ends_all_sessions_but_the_one_that_set_it(
    web: httpx.AsyncClient, people: People
) -> None:
    user = people.add()
    elsewhere = await login(web, user.document["email"])
    there = web.cookies[COOKIE]
    here = await login(web, user.document["email"])

    answer = await web.post(
        "/api/auth/password",
        headers=bearer(here),
        json={"current_password": PASSWORD, "new_password": NEW_PASSWORD},
    )

    assert answer.status_code == 200
    assert (await web.get("/api/auth/me", headers=bearer(answer))).status_code == 200
    assert (await refresh(web)).status_code == 200
    assert (await web.get("/api/auth/me", headers=bearer(elsewhere))).json()["code"] == "token_revoked"
    assert (await web.get("/api/auth/me", headers=bearer(here))).json()["code"] == "token_revoked"
    assert (await refresh(web, there)).json()["code"] == "session_ended"
    assert (await login(web, user.document["email"])).status_code == 401
    assert (await login(web, user.document["email"], NEW_PASSWORD)).status_code == 200


async def test_a_password_is_changed_by_who_knows_it_and_to_one_that_the_rules_allow(
    web: httpx.AsyncClient, people: People
) -> None:
    user = people.add()

    async def change(current: str, new: str) -> httpx.Response:
        passwords = {"current_password": current, "new_password": new}
        return await web.post("/api/auth/password", headers=user.auth, json=passwords)

    wrong = await change("no-Idea-2026", NEW_PASSWORD)
    weak = await change(PASSWORD, "short")
    again = await change(PASSWORD, PASSWORD)

    assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong_password")
    assert (weak.status_code, weak.json()["code"]) == (422, "weak_password")
    assert {fault["code"] for fault in weak.json()["errors"]} >= {"too_short", "no_number", "no_symbol"}
    assert {fault["path"] for fault in weak.json()["errors"]} == {"/new_password"}
    assert [fault["code"] for fault in again.json()["errors"]] == ["used_before"]


async def test_who_must_change_their_password_can_do_nothing_before(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    user = people.add("planner")
    store["users"].update_one({"_id": user.document["_id"]}, {"$set": {"must_change_password": True}})

    answer = await login(web, user.document["email"])
    refused = [
        await web.get("/api/work-orders", headers=bearer(answer)),
        await web.post("/api/commands/asset.create", headers=bearer(answer) | user.sends(), content="{}"),
    ]
    changed = await web.post(
        "/api/auth/password",
        headers=bearer(answer),
        json={"current_password": PASSWORD, "new_password": NEW_PASSWORD},
    )

    assert answer.json()["user"]["must_change_password"] is True
    assert (refused[0].status_code, refused[0].json()["code"]) == (403, "password_change_required")
    assert changed.json()["user"]["must_change_password"] is False
    assert (await web.get("/api/work-orders", headers=bearer(changed))).status_code == 200


async def test_a_rolling_restart_with_new_secrets_signs_nobody_out(
    settings: Settings, people: People, documented: Documented
) -> None:
    email = people.add().document["email"]
    async with moved(settings, documented) as (web, _):
        old = await login(web, email)
        token = web.cookies[COOKIE]
    rotated = replace(settings, jwt_secret="n" * 40, jwt_secret_previous=settings.jwt_secret)
    async with moved(rotated, documented) as (web, _):
        me = await web.get("/api/auth/me", headers=bearer(old))
        new = await refresh(web, token)
        again = await refresh(web, token)

    assert me.status_code == 200
    assert (new.status_code, again.status_code) == (200, 200)
    async with moved(replace(rotated, jwt_secret_previous=""), documented) as (web, _):
        assert (await web.get("/api/auth/me", headers=bearer(old))).status_code == 401
        assert (await web.get("/api/auth/me", headers=bearer(new))).status_code == 200


async def test_a_hash_of_a_lower_cost_is_renewed_at_the_next_login(
    settings: Settings, people: People, store: Database[Any], documented: Documented
) -> None:
    user = people.add()
    async with moved(replace(settings, password_bcrypt_rounds=5), documented) as (web, _):
        await login(web, user.document["email"])
        again = await login(web, user.document["email"])

    credentials = store["credentials"].find_one({"_id": user.document["_id"]})
    assert credentials is not None
    assert credentials["password_hash"].startswith("$2b$05$")
    assert again.status_code == 200
