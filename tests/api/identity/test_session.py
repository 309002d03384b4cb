"""Logging in, and what a token is good for."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
from pymongo.database import Database

from adapters.identity.tokens import AUDIENCE, ISSUER, BadToken, Tokens, key_id
from adapters.settings.parsers import networks
from adapters.settings.table import Settings
from api.app import create_app
from api.http.problem import Problem
from api.identity import wiring
from api.identity.brake import MOST_ADDRESSES, Failures
from api.identity.threads import CHECKS_AT_ONCE
from tests.api.asking import running
from tests.api.http.test_socket import serving
from tests.api.people import PASSWORD, People

SECRET = "s" * 40
LONG_SECRET = "s" * 64
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def test_a_login_gives_a_token_that_works(web: httpx.AsyncClient, people: People) -> None:
    planner = people.add("planner")
    email = planner.document["email"]

    answer = await web.post("/api/auth/login", json={"email": email.upper(), "password": PASSWORD})

    told = answer.json()
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert (told["token_type"], told["expires_in"]) == ("Bearer", 900)
    assert told["user"]["id"] == planner.id
    assert "password_hash" not in answer.text
    me = await web.get("/api/auth/me", headers={"Authorization": f"Bearer {told['access_token']}"})
    assert me.json() == told["user"]
    assert "workorders.write" in me.json()["permissions"]


async def test_wrong_password_unknown_address_and_inactive_user_look_alike(
    web: httpx.AsyncClient, people: People
) -> None:
    known, inactive = people.add().document["email"], people.add(active=False).document["email"]

    answers = [
        await web.post("/api/auth/login", json={"email": email, "password": password})
        for email, password in ((known, "wrong"), ("nobody@example.test", PASSWORD), (inactive, PASSWORD))
    ]

    assert [answer.status_code for answer in answers] == [401] * 3
    assert len({answer.json()["detail"] for answer in answers}) == 1
    assert {answer.json()["code"] for answer in answers} == {"invalid_credentials"}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"email": "a@b.c"}, "/password"),
        ({"email": "a@b.c", "password": ["x"]}, "/password"),
        ({"email": {"$ne": ""}, "password": "x"}, "/email"),
        ({"email": "a@b.c", "password": "x", "tenant_id": "t"}, "/tenant_id"),
        ({"email": "a@b.c", "password": "x" * 257}, "/password"),
    ],
)
async def test_a_malformed_login_names_the_field(
    web: httpx.AsyncClient, body: dict[str, Any], path: str
) -> None:
    answer = await web.post("/api/auth/login", json=body)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == path


async def test_many_failed_logins_from_one_address_are_refused_for_a_while(settings: Settings) -> None:
    wrong = {"email": "nobody@example.test", "password": "wrong"}
    async with running(create_app(replace(settings, rate_limit_max=2))) as web:
        answers = [await web.post("/api/auth/login", json=wrong) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert int(answers[2].headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("proxies", "statuses"), [("127.0.0.1", [401, 401, 429]), ("10.0.0.0/8", [401, 429, 429])]
)
async def test_failed_logins_count_for_the_address_that_a_proxy_of_ours_names_and_nobody_else(
    settings: Settings, proxies: str, statuses: list[int]
) -> None:
    told = replace(settings, rate_limit_max=1, forwarded_allow_ips=networks(proxies))
    async with serving(create_app(told)) as port, httpx.AsyncClient() as web:
        answers = [
            await web.post(
                f"http://127.0.0.1:{port}/api/auth/login",
                json={"email": "nobody@example.test", "password": "wrong"},
                headers={"X-Forwarded-For": f"203.0.113.1, {address}"},
            )
            for address in ("198.51.100.7", "198.51.100.8", "198.51.100.7")
        ]

    assert [answer.status_code for answer in answers] == statuses


async def test_failed_logins_at_the_same_time_cannot_pass_the_brake_together(settings: Settings) -> None:
    wrong = {"email": "nobody@example.test", "password": "wrong"}
    async with running(create_app(replace(settings, rate_limit_max=2))) as web:
        answers = await asyncio.gather(*(web.post("/api/auth/login", json=wrong) for _ in range(8)))

    assert sorted(answer.status_code for answer in answers) == [401] * 2 + [429] * 6


async def test_more_logins_than_we_hold_are_told_to_come_back(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 6  # each that is held costs a check of a password
    monkeypatch.setattr(wiring, "MOST_WAITING", most - CHECKS_AT_ONCE)
    wrong = {"email": "nobody@example.test", "password": "wrong"}
    async with running(create_app(settings)) as web:
        answers = await asyncio.gather(*(web.post("/api/auth/login", json=wrong) for _ in range(most + 5)))

    refused = [answer for answer in answers if answer.status_code == 429]
    assert {answer.json()["code"] for answer in refused} == {"overloaded"}
    assert len(refused) == 5
    assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)


def test_a_flood_of_addresses_pushes_out_the_oldest_only() -> None:
    failures = Failures(most=1, window=timedelta(minutes=15), monotonic=lambda: 100.0)
    failures.begin("first")
    failures.begin("second")
    for n in range(MOST_ADDRESSES - 1):
        failures.begin(f"10.0.{n}")

    with pytest.raises(Problem):
        failures.begin("second")
    failures.begin("first")


def test_a_successful_login_counts_for_nothing() -> None:
    failures = Failures(most=1, window=timedelta(minutes=15), monotonic=lambda: 100.0)

    for _ in range(3):
        failures.begin("here")
        failures.succeeded("here")

    failures.begin("here")
    with pytest.raises(Problem):
        failures.begin("here")


async def test_roles_are_those_of_now_not_those_of_the_login(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    user = people.add("planner")
    store["users"].update_one({"_id": user.document["_id"]}, {"$set": {"roles": ["viewer"]}})

    me = await web.get("/api/auth/me", headers=user.auth)

    assert me.json()["roles"] == ["viewer"]


def tokens(at: datetime, secret: str = SECRET) -> Tokens:
    return Tokens(secret, lives=timedelta(minutes=15), now=lambda: at)


def test_a_token_lives_until_its_end_and_no_longer() -> None:
    token = tokens(NOON).issue(tenant_id="t", user_id="u", token_version=3, id="j", session_id="s")

    claims = tokens(NOON + timedelta(minutes=14, seconds=59)).verify(token)

    assert (claims.tenant_id, claims.user_id, claims.token_version) == ("t", "u", 3)
    with pytest.raises(BadToken):
        tokens(NOON + timedelta(minutes=15)).verify(token)


def test_what_was_remembered_still_ends_in_time() -> None:
    at = NOON
    mine = Tokens(SECRET, lives=timedelta(seconds=2), now=lambda: at)
    token = mine.issue(tenant_id="t", user_id="u", token_version=0, id="j", session_id="s")
    mine.verify(token)

    at = NOON + timedelta(seconds=2)

    with pytest.raises(BadToken):
        mine.verify(token)


GOOD = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "u",
    "tid": "t",
    "ver": 0,
    "jti": "j",
    "sid": "s",
    "iat": int(NOON.timestamp()),
    "exp": int(NOON.timestamp()) + 60,
}


@pytest.mark.parametrize(
    "changed", [{"iss": "other"}, {"aud": "other"}, {"sub": 7}, *({name: None} for name in GOOD)]
)
def test_a_token_needs_every_claim_and_ours(changed: dict[str, Any]) -> None:
    claims = {name: value for name, value in (GOOD | changed).items() if value is not None}
    token = signed(claims) if claims.get("sub") != 7 else _raw(claims)

    with pytest.raises(BadToken):
        tokens(NOON).verify(token)


def test_no_other_algorithm_or_secret_is_taken() -> None:
    none = ".".join((_part({"alg": "none", "typ": "JWT"}), _part(GOOD), ""))
    for token in (
        none,
        signed(GOOD, LONG_SECRET, algorithm="HS512"),
        signed(GOOD, "t" * 64),
        signed(GOOD, LONG_SECRET, kid=key_id("t" * 64)),
    ):
        with pytest.raises(BadToken):
            tokens(NOON, LONG_SECRET).verify(token)


def signed(
    claims: dict[str, Any], secret: str = SECRET, *, algorithm: str = "HS256", kid: str | None = None
) -> str:
    return jwt.encode(claims, secret, algorithm=algorithm, headers={"kid": kid or key_id(secret)})


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _raw(claims: dict[str, Any]) -> str:
    """PyJWT refuses to sign such a subject, so it is signed by hand."""
    algorithm = jwt.get_algorithm_by_name("HS256")
    text = f"{_part({'alg': 'HS256', 'typ': 'JWT', 'kid': key_id(SECRET)})}.{_part(claims)}"
    signature = algorithm.sign(text.encode(), algorithm.prepare_key(SECRET))
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
