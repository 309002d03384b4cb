"""What every command of `./millwright` has in common: who acts, and what is said when MongoDB is silent."""

from __future__ import annotations

import os
import sys

import pytest

from adapters.mongo.client import Unavailable
from cli import acting, database
from cli.__main__ import run
from cli.stop import Stop


@pytest.fixture
def silent_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address at which nobody listens."""
    monkeypatch.setenv("MONGO_URI", "mongodb://127.0.0.1:1/")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("JWT_SECRET", "s" * 40)
    monkeypatch.setattr(database, "FIND_WITHIN_MS", 50)


@pytest.mark.usefixtures("silent_store")
@pytest.mark.parametrize("asked", ["locks list", "schedules list", "schedules fires plans", "workers"])
def test_who_only_asks_a_silent_store_is_not_told_to_look_whether_it_was_done(
    asked: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["millwright", *asked.split()])

    code = run()

    said = capsys.readouterr().err
    assert (code, said.count("\n")) == (1, 1)
    assert "MongoDB does not answer as it should: 127.0.0.1:1" in said
    assert "Topology" not in said


def test_who_acts_is_told_to_look_whether_it_was_done_without_a_word_on_the_topology() -> None:
    def unheard() -> None:
        raise Unavailable("10.0.0.1:27017: timed out, Timeout: 5.0s, Topology Description: <a long one>")

    with pytest.raises(Stop) as stopped:
        acting.done(unheard)

    assert str(stopped.value).endswith("look whether it was done, and repeat: 10.0.0.1:27017: timed out")


def test_an_act_by_a_user_without_a_name_as_in_a_container_is_by_its_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54321)

    act = acting.by_hand("platform", "stocktaking")

    assert act.name == "uid 54321"
