"""Requests to a running Millwright. Whatever goes wrong is one line that says what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
from msgspec.structs import replace

from cli.client import session as sessions
from cli.client.session import Session
from cli.stop import Stop

TIMEOUT_S = 30.0
REFRESH_COOKIE = "millwright_refresh"


class Api:
    """One signed-in person at one address. An access token that has expired is renewed once."""

    def __init__(self, session: Session, client: httpx.Client) -> None:
        self._session = session
        self._client = client

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        """The answer, of any status but 401. Raises: Stop: no answer, or the session has ended."""
        answer = self._send(method, path, params, headers, content)
        if answer.status_code == httpx.codes.UNAUTHORIZED and self._renew():
            answer = self._send(method, path, params, headers, content)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise Stop(f"{refusal_text(answer)} Sign in again: ./millwright login {self._session.email}")
        return answer

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """The document. Raises: Stop: refused."""
        return accepted(self.request("GET", path, params=params)).json()

    def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        content: bytes | None,
    ) -> httpx.Response:
        bearer = {"Authorization": f"Bearer {self._session.access_token}"}
        with unreachable_as_stop(self._session.url):
            return self._client.request(
                method, path, params=params, headers={**bearer, **(headers or {})}, content=content
            )

    def _renew(self) -> bool:
        """Whether the refresh token has brought a new access token, which is kept."""
        if self._session.refresh_token is None:
            return False
        with unreachable_as_stop(self._session.url):
            answer = self._client.post(
                "/api/auth/refresh", headers={"Cookie": f"{REFRESH_COOKIE}={self._session.refresh_token}"}
            )
        if answer.status_code != httpx.codes.OK:
            return False
        self._session = replace(
            self._session,
            access_token=answer.json()["access_token"],
            refresh_token=answer.cookies.get(REFRESH_COOKIE) or self._session.refresh_token,
        )
        sessions.save(self._session)
        return True


@contextmanager
def signed_in() -> Iterator[Api]:
    """The server of the last login, as whoever signed in there. Raises: Stop: nobody did."""
    session = sessions.load()
    with connected(session.url) as client:
        yield Api(session, client)


@contextmanager
def connected(url: str) -> Iterator[httpx.Client]:
    """A client of that address. Raises: Stop: it is no address."""
    try:
        client = httpx.Client(base_url=url, timeout=TIMEOUT_S)
    except (httpx.InvalidURL, ValueError) as error:
        raise Stop(f"{url} is no address: {error}. Write it like http://127.0.0.1:8000.") from None
    with client:
        yield client


@contextmanager
def unreachable_as_stop(url: str) -> Iterator[None]:
    """Raises: Stop: the server does not answer."""
    try:
        yield
    except httpx.UnsupportedProtocol:
        raise Stop(f"{url} is no address: write it like http://127.0.0.1:8000.") from None
    except httpx.TransportError as error:
        why = str(error) or type(error).__name__
        raise Stop(f"{url} does not answer ({why}). Is `make up` running?") from None


def accepted(answer: httpx.Response) -> httpx.Response:
    """The answer itself. Raises: Stop: it is a refusal, with the server's own words."""
    if answer.is_error:
        raise Stop(refusal_text(answer))
    return answer


def refusal_text(answer: httpx.Response) -> str:
    """What a refusal says, with one line for each member that is to blame."""
    try:
        problem = answer.json()
        lines = [f"{answer.status_code} {problem['code']}: {problem['detail']}."]
        lines += [f"  {fault['path']}: {fault['message']}" for fault in problem.get("errors", ())]
    except (ValueError, KeyError, TypeError):
        return f"{answer.request.url} answered {answer.status_code}, and not as Millwright does."
    return "\n".join(lines)
