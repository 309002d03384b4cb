"""The image's own steps without Docker: the Dockerfile, taken instruction by instruction in a folder.

`/` of a stage is a folder; the base image is a copy of this Python with nothing installed but pip. RUN steps
are relative to WORKDIR, so they run there as they stand. What comes out is owned by root, written by nobody.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

from adapters.settings.table import ROOT
from tests.k8s.dockerfile import Instruction, Stage, environment, stages

UID = 10001
LEFT_OUT = shutil.ignore_patterns(
    "__pycache__", "site-packages", "test", "idlelib", "tkinter", "lib2to3", "*.a"
)


class Image:
    """What the last stage holds, and how a process of it is started."""

    def __init__(self, root: Path, base: Path, stage: Stage) -> None:
        self.root = root
        self._base = base
        self._stage = stage

    @property
    def workdir(self) -> Path:
        return within(self.root, self._stage.all("WORKDIR")[-1])

    @property
    def user(self) -> str:
        return self._stage.all("USER")[-1]

    def environment(self) -> dict[str, str]:
        """What the image sets, its paths under this root."""
        given = environment(self._stage)
        path = given["PATH"].replace("$PATH", "").rstrip(":")
        return given | base_environment(self._base, f"{within(self.root, path)}:") | {"HOME": "/tmp"}

    def start(self, argv: Sequence[str], variables: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
        """A process as Kubernetes would start it: the image's user, no capability, no new privileges."""
        dropped = [
            "setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups",
            "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all", "--",
        ]  # fmt: skip
        with log.open("wb") as out:
            return subprocess.Popen(
                [*(dropped if os.geteuid() == 0 else []), *argv],
                cwd=self.workdir,
                env=self.environment() | dict(variables),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )


def build(place: Path) -> Image:
    """Takes every stage of the Dockerfile under `place`."""
    base = bare_python(place / "base")
    roots: dict[str, Path] = {}
    for number, stage in enumerate(stages()):
        root = place / f"stage-{number}"
        roots[stage.name] = root
        workdir = root
        for step in stage.instructions:
            if step.word == "WORKDIR":
                workdir = within(root, step.text)
                workdir.mkdir(parents=True)
            elif step.word == "COPY":
                copy(step, workdir, roots)
            elif step.word == "RUN":
                run(step.text, workdir, base)
    image = Image(root, base, stage)
    for directory in (root, base):
        subprocess.run(["chmod", "-R", "a-w,a+rX", directory], check=True)
    return image


def bare_python(place: Path) -> Path:
    """This interpreter and its standard library under `place`, with pip and nothing else."""
    prefix, version = Path(sys.base_prefix), f"python{sysconfig.get_python_version()}"
    (place / "bin").mkdir(parents=True)
    shutil.copy2(prefix / "bin" / version, place / "bin" / version)
    (place / "bin" / "python").symlink_to(version)
    (place / "bin" / "python3").symlink_to(version)
    shutil.copytree(prefix / "lib" / version, place / "lib" / version, ignore=LEFT_OUT, symlinks=True)
    for library in (prefix / "lib").glob("libpython*.so*"):
        shutil.copy2(library, place / "lib" / library.name, follow_symlinks=False)
    run(f"{place / 'bin' / 'python'} -m ensurepip --default-pip", place, place)
    return place


def base_environment(base: Path, first: str = "") -> dict[str, str]:
    """Finds the base's Python, and its own library instead of one that the system has."""
    return {"PATH": f"{first}{base / 'bin'}:/usr/bin:/bin", "LD_LIBRARY_PATH": str(base / "lib")}


def within(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def copy(step: Instruction, workdir: Path, roots: Mapping[str, Path]) -> None:
    *options, source, target = step.text.split()
    sources = [source, *(one for one in options if not one.startswith("--"))]
    stage = next((one.removeprefix("--from=") for one in options if one.startswith("--from=")), None)
    for name in sources:
        found = within(roots[stage], name) if stage else ROOT / name
        goal = workdir / target
        if found.is_dir():
            ignored = None if stage else shutil.ignore_patterns("__pycache__")
            shutil.copytree(found, goal, ignore=ignored, symlinks=True, dirs_exist_ok=True)
        else:
            goal = goal / found.name if target.endswith("/") else goal
            shutil.copy2(found, goal)


def run(command: str, workdir: Path, base: Path) -> None:
    """A RUN step. What fails is shown."""
    variables = base_environment(base) | {"HOME": str(workdir)}
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_", "SSL_"))}  # noqa: TID251
    done = subprocess.run(
        ["sh", "-euc", command],
        cwd=workdir,
        env=kept | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
