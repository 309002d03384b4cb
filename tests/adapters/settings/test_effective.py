"""Which values are in effect, and what in `.env` has none."""

from __future__ import annotations

from pathlib import Path

from adapters.settings.effective import effective, unknown_names
from adapters.settings.table import table

ROWS = list(table())


def test_a_value_tells_where_it_comes_from(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=9001\nLOG_LEVEL=DEBUG\n")
    (tmp_path / "uri").write_text("mongodb://db.example/?replicaSet=rs")

    shown = {
        row.name: (row.value, row.source)
        for row in effective(ROWS, {"PORT": "9002", "MONGO_URI_FILE": "uri"}, tmp_path)
    }

    assert shown["PORT"] == ("9002", "environment")
    assert shown["LOG_LEVEL"] == ("DEBUG", ".env")
    assert shown["MONGO_URI"][1] == "uri (environment)"
    assert shown["HOST"] == ("127.0.0.1", "default")


def test_no_secret_is_shown(tmp_path: Path) -> None:
    environ = {row.name: "a-Secret-that-is-long-enough-for-32-bytes" for row in ROWS if row.secret}

    assert "a-Secret" not in repr(list(effective(ROWS, environ, tmp_path)))


def test_a_misspelled_name_is_told_with_the_one_that_was_meant(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MONGO_URL=mongodb://db\nJWT_SECRET_FILE=/run/jwt\nVITE_API_URL=/\n")

    assert unknown_names(ROWS, tmp_path) == [
        ".env: MONGO_URL is no setting and has no effect: did you mean MONGO_URI?"
    ]
