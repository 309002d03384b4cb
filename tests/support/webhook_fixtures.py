"""A store to feed from, and a certificate for hooks.example.com that only the test trusts."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from adapters.events import change_stream as event_stream
from adapters.mongo import client as mongo
from tests.servers import Servers
from tests.support.webhook_ground import Ground

_REQUEST = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


@pytest.fixture
def ground(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    monkeypatch.setattr(event_stream, "AWAIT", timedelta(milliseconds=30))
    with mongo.client(servers.mongo_uri) as client:
        name = f"feed_{uuid4().hex[:12]}"
        yield Ground(client[name])
        client.drop_database(name)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The context of who serves, and of who trusts it."""
    there = tmp_path_factory.mktemp("tls")
    key, certificate = there / "key.pem", there / "certificate.pem"
    subprocess.run(
        [
            *(*_REQUEST, "-keyout", str(key), "-out", str(certificate), "-days", "2"),
            *("-subj", "/CN=hooks.example.com", "-addext", "subjectAltName=DNS:hooks.example.com"),
        ],
        check=True,
        capture_output=True,
    )
    return _serving(key, certificate), ssl.create_default_context(cafile=str(certificate))


def _serving(key: Path, certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
