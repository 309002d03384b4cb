"""The README's shell blocks, run as they are written, in order, beside a real `make up`."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from adapters.imports import store as imports
from adapters.process.clock import SystemClock
from adapters.settings.table import EMBEDDED, ROOT, Settings, inherited
from cli.database import opened
from cli.demo import history
from cli.embedded.ports import free
from cli.processes.child import kill_group, leashed
from tests.docs.pages import Block, blocks
from tests.support.patience import InThread

README = ROOT / "README.md"
UP = "make up\n"
MARK = "----- next block -----"
PATIENCE_S = 240

# What differs from run to run, and stands for any other of its kind.
VARIES = (
    (re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z"), "<time>"),
    (re.compile(r"WO-\d{6}"), "<number>"),
    (re.compile(r"http://127\.0\.0\.1:\d+"), "<address>"),
)


def test_the_commands_of_the_readme_do_what_it_says(tmp_path: Path) -> None:
    port = free()
    settings = {
        "PORT": str(port),
        "METRICS_PORT": "0",
        "DATA_DIR": str(tmp_path / "data"),
        "MONGO_URI": EMBEDDED,
        "REDIS_URL": EMBEDDED,
        "COLUMNS": "100",
        "MILLWRIGHT": f"http://127.0.0.1:{port}",
        "MILLWRIGHT_SESSION": str(tmp_path / "session.json"),
    }
    shown = blocks(README)
    first, *rest = [block for block in shown if block.language == "sh"]
    assert first.text == UP

    with up(settings) as said_at_first:
        without_the_demos_history(settings)
        said = run([block.text for block in rest], settings)

    assert expected_of(shown, first) is not None
    for block, output in zip([first, *rest], [said_at_first, *said], strict=True):
        if expected := expected_of(shown, block):
            assert says(output, expected.text), f"{block.text}\nsaid\n{output}\nnot\n{expected.text}"


def without_the_demos_history(settings: dict[str, str]) -> None:
    """The page imports the same file for another tenant: once is enough here."""
    told = Settings.load(inherited() | settings, ROOT)
    with opened(told) as db:
        found = db.imports.find_one({"tenant_id": history.TENANT, "name": history.NAME})
        assert found is not None
        assert imports.cancel(db, history.TENANT, found["_id"], at=SystemClock().now())


def expected_of(shown: list[Block], block: Block) -> Block | None:
    """The output that the page shows right after a block, if it shows any."""
    after = next(behind for this, behind in pairwise([*shown, block]) if this is block)
    return after if after.language == "text" else None


def says(output: str, expected: str) -> bool:
    """Whether the output is what is shown; an … there stands for anything."""
    parts = [re.escape(part) for part in alike(expected).strip().split("…")]
    return re.fullmatch(".*?".join(parts), alike(output).strip(), re.DOTALL) is not None


def alike(text: str) -> str:
    text = "\n".join(line.rstrip() for line in text.splitlines())
    for pattern, word in VARIES:
        text = pattern.sub(word, text)
    return text


@contextmanager
def up(settings: dict[str, str]) -> Iterator[str]:
    """Runs while the block does; gives what it said when it was ready. Ctrl-C at the end."""
    argv, die_with_us = leashed(UP.split())
    with subprocess.Popen(
        argv,
        cwd=ROOT,
        env=inherited() | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=die_with_us,  # noqa: PLW1509 - two system calls, nothing that a thread may hold
    ) as process:
        assert process.stdout is not None
        said = ""
        try:
            for line in process.stdout:
                said += line
                if line.startswith("API: "):
                    break
            else:
                raise AssertionError(f"it never got ready:\n{said}")
            with draining(process):
                yield said
        finally:
            kill_group(process.pid)


@contextmanager
def draining(process: subprocess.Popen[str]) -> Iterator[None]:
    """Reads on, lest the pipe fill; at the end presses Ctrl-C and waits for a clean stop."""
    assert process.stdout is not None
    rest = InThread(process.stdout.read)
    yield
    os.killpg(process.pid, signal.SIGINT)
    said = rest.result(within_s=30)
    assert "Stopped. The data stays in " in str(said), said


def run(texts: list[str], settings: dict[str, str]) -> list[str]:
    """What each block says, all typed into one shell that stops at the first failure."""
    script = f"\necho '{MARK}'\n".join(texts)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        env=inherited() | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout.split(f"{MARK}\n")


@pytest.mark.parametrize("output", ["{a} b", "x\ny"])
def test_an_output_that_is_not_shown_is_noticed(output: str) -> None:
    assert not says(output, "something else")
    assert says(output, output)
    assert says(output, f"{output[0]}…")
