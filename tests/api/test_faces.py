"""The built pages, as a browser gets them from the web process."""

from __future__ import annotations

import gzip
import re
from dataclasses import replace

import httpx
import pytest

from adapters.settings.table import Settings
from api.app import create_app
from tests.api.asking import running

SHELLS = ("/", "/app", "/app/orders/01a2", "/console", "/console/dead-letters")


@pytest.mark.parametrize("path", SHELLS)
async def test_every_path_of_a_face_answers_with_its_page(web: httpx.AsyncClient, path: str) -> None:
    answer = await web.get(path)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert '<div id="root">' in answer.text


@pytest.mark.parametrize("path", SHELLS)
async def test_a_page_runs_no_script_but_files_of_this_server(web: httpx.AsyncClient, path: str) -> None:
    answer = await web.get(path)

    assert "script-src 'self';" in answer.headers["content-security-policy"]
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", answer.text))
    assert not re.search(r"\son\w+=|\sstyle=|<style", answer.text)


async def test_every_file_that_a_page_names_is_there_and_kept_for_good(web: httpx.AsyncClient) -> None:
    shell = await web.get("/app")
    named = re.findall(r'(?:src|href)="(/assets/[^"]+)"', shell.text)

    answers = [await web.get(path) for path in named]

    assert len(named) >= 3
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.headers["cache-control"] for answer in answers} == {"max-age=31536000, public, immutable"}


@pytest.mark.parametrize(("path", "most_kb"), [("/app", 40), ("/console", 90)])
async def test_the_script_of_the_first_load_stays_within_its_budget(
    web: httpx.AsyncClient, path: str, most_kb: int
) -> None:
    shell = await web.get(path)
    scripts = re.findall(r'(?:src|href)="(/assets/[^"]+\.js)"', shell.text)

    bodies = [(await web.get(script)).content for script in scripts]

    assert sum(len(gzip.compress(body)) for body in bodies) <= most_kb * 1000


async def test_a_page_that_is_the_same_is_not_sent_again(web: httpx.AsyncClient) -> None:
    first = await web.get("/app")

    again = await web.get("/app", headers={"If-None-Match": first.headers["etag"]})

    assert again.status_code == 304
    assert again.content == b""


async def test_the_service_worker_may_govern_the_app_and_names_every_file_of_it(
    web: httpx.AsyncClient,
) -> None:
    worker = await web.get("/app/sw.js")

    assert worker.headers["service-worker-allowed"] == "/app"
    assert worker.headers["cache-control"] == "no-cache"
    named = re.search(r"self\.FILES=(\[.*?\]);", worker.text)
    assert named is not None
    files = re.findall(r'"([^"]+)"', named[1])
    assert {(await web.get(path)).status_code for path in files} == {200}


async def test_a_file_that_is_not_there_is_a_404(web: httpx.AsyncClient) -> None:
    assert (await web.get("/assets/none.js")).status_code == 404


async def test_the_settings_say_where_the_api_is(settings: Settings) -> None:
    elsewhere = replace(
        settings, vite_api_url="https://api.example.com", vite_ws_url="wss://live.example.com"
    )

    async with running(create_app(elsewhere)) as client:
        told = await client.get("/app/config.json")
        shell = await client.get("/app")

    assert told.json() == {
        "VITE_API_URL": "https://api.example.com",
        "VITE_WS_URL": "wss://live.example.com",
        "VITE_SOCKET_PATH": "/api/stream",
    }
    policy = shell.headers["content-security-policy"]
    assert "connect-src 'self' https://api.example.com wss://live.example.com;" in policy
