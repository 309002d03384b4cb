"""The web pages of `frontend/dist`, and the configuration by which their scripts find the API.

Files with a hash in their name never change and are cached for a year; all others are revalidated on each
request and answered 304 while unchanged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from litestar import Request, get
from litestar.datastructures import CacheControlHeader
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from litestar.router import Router
from litestar.static_files import create_static_files_router

from adapters.settings.table import Settings
from api.http import headers as request_headers
from api.http.encoding import encode

DIST = Path(__file__).parent.parent / "frontend" / "dist"
A_YEAR_S = 31_536_000
FACES = ("app", "console")

MEDIA_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}

Headers = dict[str, str]


class Page:
    """A file whose name stays the same while its content may change between builds."""

    def __init__(self, path: Path, extra: Mapping[str, str]) -> None:
        self._body = path.read_bytes()
        self._media_type = MEDIA_TYPES[path.suffix]
        self._etag = f'"{hashlib.sha256(self._body).hexdigest()[:16]}"'
        self._headers = {"cache-control": "no-cache", "etag": self._etag, **extra}

    def answer(self, request: Request[Any, Any, Any]) -> ASGIResponse:
        if request_headers.client_has(dict(request.scope["headers"]), self._etag):
            return ASGIResponse(status_code=304, headers=self._headers)
        return ASGIResponse(body=self._body, media_type=self._media_type, headers=self._headers)


def routes(settings: Settings) -> list[HTTPRouteHandler | Router]:
    shell = security_headers(settings)
    worker = {**shell, "service-worker-allowed": "/app"}
    handlers = [
        _page("/", Page(DIST / "start" / "index.html", shell)),
        _page("/app/sw.js", Page(DIST / "app" / "sw.js", worker)),
        *(_page(f"/{path.name}", Page(path, {})) for path in sorted(DIST.iterdir()) if path.is_file()),
    ]
    for face in FACES:
        page = Page(DIST / face / "index.html", shell)
        handlers += [_page(f"/{face}", page), _page(f"/{face}/{{below:path}}", page)]
    assets = create_static_files_router(
        path="/assets",
        directories=[DIST / "assets"],
        cache_control=CacheControlHeader(max_age=A_YEAR_S, public=True, immutable=True),
        include_in_schema=False,
        name="assets",
    )
    return [*handlers, _config(settings), assets]


def security_headers(settings: Settings) -> Headers:
    """Headers that allow a page to run only our scripts and to connect only to the API."""
    api, stream = (_origin(url) for url in (settings.vite_api_url, settings.vite_ws_url))
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "font-src": "'self'",
        "img-src": f"'self' blob: data: {api}",
        "media-src": "'self' blob:",
        "connect-src": f"'self' {api} {stream}",
        "manifest-src": "'self'",
        "worker-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    return {
        "content-security-policy": "; ".join(f"{name} {value.strip()}" for name, value in policy.items()),
        "cross-origin-opener-policy": "same-origin",
        "permissions-policy": "camera=(self), geolocation=(), microphone=()",
        "referrer-policy": "same-origin",
        "x-content-type-options": "nosniff",
    }


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if url else ""


def _page(path: str, page: Page) -> HTTPRouteHandler:
    @get(path, include_in_schema=False, sync_to_thread=False)
    def handler(request: Request[Any, Any, Any]) -> ASGIResponse:
        return page.answer(request)

    return handler


def _config(settings: Settings) -> HTTPRouteHandler:
    body = encode(
        {
            "VITE_API_URL": settings.vite_api_url,
            "VITE_WS_URL": settings.vite_ws_url,
            "VITE_SOCKET_PATH": settings.vite_socket_path,
        }
    )

    @get("/app/config.json", include_in_schema=False, sync_to_thread=False)
    def config() -> ASGIResponse:
        return ASGIResponse(body=body, headers={"cache-control": "no-cache"})

    return config
