"""Where a request comes from, and the cookie in which its device keeps the refresh token."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from litestar import Request
from litestar.datastructures import Cookie

from adapters.identity.sessions import Device
from adapters.settings.table import Settings
from api.http.problem import Problem

COOKIE = "millwright_refresh"
PATH = "/api/auth"
STRICT: Literal["strict"] = "strict"


def device_of(request: Request[Any, Any, Any]) -> Device:
    return Device(address_of(request), request.headers.get("user-agent", ""))


def address_of(request: Request[Any, Any, Any]) -> str:
    """The client's address, as far as the proxies in front are believed."""
    return request.client.host if request.client else "unknown"


class RefreshCookie:
    """Sets, reads and clears the cookie. Scripts cannot read it, other sites cannot send it."""

    def __init__(self, settings: Settings) -> None:
        self._secure = settings.app_env != "development"
        self._origins = settings.cors_origin

    def set(self, token: str, expires_at: datetime, now: datetime) -> Cookie:
        return self._cookie(token, max(0, int((expires_at - now).total_seconds())))

    def cleared(self) -> Cookie:
        return self._cookie("", 0)

    def read(self, request: Request[Any, Any, Any]) -> str | None:
        """The refresh token that came with a request; None: no cookie.

        Raises: Problem 403: a page of another site sends it, whatever its browser thinks of SameSite.
        """
        token = request.cookies.get(COOKIE)
        if token and not self._is_ours(request):
            raise Problem(403, "foreign_origin", "a session goes on from our own pages only")
        return token

    def _is_ours(self, request: Request[Any, Any, Any]) -> bool:
        if request.headers.get("sec-fetch-site") == "cross-site":
            return False
        origin = request.headers.get("origin")
        if origin is None or origin in self._origins:
            return True
        return urlsplit(origin).netloc == request.headers.get("host", "")

    def _cookie(self, value: str, max_age: int) -> Cookie:
        return Cookie(
            key=COOKIE,
            value=value,
            path=PATH,
            max_age=max_age,
            httponly=True,
            secure=self._secure,
            samesite=STRICT,
        )
