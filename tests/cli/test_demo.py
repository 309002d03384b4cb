"""The demo's users: seeded once, completed if something is missing, never in production."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from pymongo.database import Database

from adapters.process.clock import SystemClock
from adapters.settings.table import Settings
from cli.demo import tenants as demo
from cli.stop import Stop
from domain.identity.permissions import ROLES

Document = dict[str, Any]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load({}, tmp_path, servers_needed=False)


def test_each_tenant_gets_one_login_per_role_and_the_platform_one(
    database: Database[Document], settings: Settings
) -> None:
    demo.seed(database, settings, SystemClock())

    assert database.logins.count_documents({}) == 2 * 7 + 1
    login = database.logins.find_one({"_id": "tech@demo.millwright.test"})
    assert login is not None
    user = database.users.find_one({"_id": f"demo/{login['user_id']}"})
    assert user is not None
    assert user["roles"] == ["technician"]
    credentials = database.credentials.find_one({"_id": user["_id"]})
    assert credentials is not None
    assert bcrypt.checkpw(b"Millwright-demo-2026", credentials["password_hash"].encode())


def test_every_role_of_the_demo_is_a_role_of_the_house() -> None:
    assert {login.role for login in demo.logins()} <= set(ROLES)


def test_seeding_again_changes_nothing(database: Database[Document], settings: Settings) -> None:
    assert demo.seed(database, settings, SystemClock()) is True
    before = list(database.users.find().sort("_id"))

    assert demo.seed(database, settings, SystemClock()) is False

    assert list(database.users.find().sort("_id")) == before


def test_a_user_whose_login_was_not_written_keeps_the_id(
    database: Database[Document], settings: Settings
) -> None:
    demo.seed(database, settings, SystemClock())
    lost = database.logins.find_one_and_delete({"_id": "admin@demo.millwright.test"})

    demo.seed(database, settings, SystemClock())

    assert database.logins.find_one({"_id": "admin@demo.millwright.test"}) == lost
    assert database.users.count_documents({}) == 15


def test_production_gets_no_demo(database: Database[Document], settings: Settings) -> None:
    with pytest.raises(Stop, match="public"):
        demo.seed(database, replace(settings, app_env="production"), SystemClock())

    assert database.users.count_documents({}) == 0


def test_the_demos_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    demo.keep_secret(tmp_path)
    first = (tmp_path / "jwt-secret").read_text()
    demo.keep_secret(tmp_path)

    assert (tmp_path / "jwt-secret").read_text() == first
    assert len(first) >= 64
    assert (tmp_path / "jwt-secret").stat().st_mode & 0o777 == 0o600
