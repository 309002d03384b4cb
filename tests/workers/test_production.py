"""Processes without a web server hold to the production guard too."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pymongo.database import Database

from adapters.settings.table import ROOT, inherited


@pytest.mark.parametrize("module", ["workers", "workers.scheduler"])
def test_a_demo_database_in_production_is_refused_at_the_start(
    module: str, database: Database[Any], mongo_uri: str, redis_url: str
) -> None:
    database["logins"].insert_one({"_id": "admin@demo.millwright.test"})
    production = {
        "APP_ENV": "production",
        "MONGO_URI": mongo_uri,
        "REDIS_URL": redis_url,
        "JWT_SECRET": "k" * 20 + "0123456789abcdef",
        "CORS_ORIGIN": "https://cmms.example.com",
        "FRONTEND_URL": "https://cmms.example.com",
        "METRICS_PORT": "0",
    }

    ended = subprocess.run(
        [sys.executable, "-m", module],
        env=inherited() | production,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ended.returncode == 1
    assert ended.stderr.startswith(
        f"{module.removeprefix('workers.').removesuffix('s')}: This database holds"
    )
    assert "Traceback" not in ended.stderr
