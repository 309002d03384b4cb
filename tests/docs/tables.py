"""Tables of the documentation that are made from the code. `python -m tests.docs.tables` writes them anew."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

from adapters.commands.document import ACTIVE, FINAL
from adapters.process.metrics import Metrics
from adapters.settings.table import ROOT
from cli.commands.settings import markdown
from domain import conflicts
from domain.conflicts import REVIEWED
from domain.identity.permissions import PERMISSIONS, ROLES, allows
from domain.work_order.transitions import ACTIONS, STATUSES, TRANSITIONS
from tasks.catalogue import catalogue
from workers.drain import fate

DOCS = ROOT / "docs"


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def transitions() -> str:
    """By action and status: the status after, `=` where it stays, nothing where it is refused."""

    def cell(action: str, status: str) -> str:
        after = next((to for (at, by), to in TRANSITIONS.items() if (at, by) == (status, action)), "")
        return "=" if after == status else after

    rows = [[f"`{action}`", *(cell(action, status) for status in STATUSES)] for action in ACTIONS]
    return _table(["", *STATUSES], rows)


def permissions() -> str:
    """By permission: what it allows, and a mark for each role that has it."""
    rows = [
        [f"`{name}`", meaning, *("✓" if allows(grants, name) else "" for grants in ROLES.values())]
        for name, meaning in PERMISSIONS.items()
    ]
    return _table(["permission", "allows to", *ROLES], rows)


def commands() -> str:
    """Every command that may come from outside."""
    rows = [
        [f"`{spec.type}`", spec.summary, f"`{spec.permission}`", ", ".join(spec.touches)]
        for spec in catalogue().values()
        if not spec.internal
    ]
    return _table(["command", "does", "needs", "touches"], rows)


def begins_with(module: ModuleType) -> str:
    """The table in a module's own words."""
    return "\n".join(line for line in (module.__doc__ or "").splitlines() if line.startswith("|"))


def reviews() -> str:
    """Why a person looks at work that was done offline."""
    return _table(["`error.code`", "because"], [[f"`{code}`", why] for code, why in REVIEWED.items()])


def metrics() -> str:
    """Every metric of ours, under the name a dashboard uses."""
    known = [metric for metric in Metrics().registry.collect() if not metric.name.startswith("process_")]
    rows = [
        [f"`{metric.name}{'_total' if metric.type == 'counter' else ''}`", metric.type, metric.documentation]
        for metric in known
    ]
    return _table(["metric", "kind", "meaning"], rows)


def states() -> str:
    """The two kinds of states."""
    active, final = (", ".join(f"`{name}`" for name in kind) for kind in (ACTIVE, FINAL))
    return f"Active: {active}.\nFinal: {final}."


TABLES: Mapping[tuple[str, str], Callable[[], str]] = {
    ("architecture.md", "endings"): lambda: begins_with(fate),
    ("offline.md", "conflicts"): lambda: begins_with(conflicts),
    ("offline.md", "reviews"): reviews,
    ("architecture.md", "states"): states,
    ("api.md", "commands"): commands,
    ("domain.md", "transitions"): transitions,
    ("domain.md", "permissions"): permissions,
    ("operations.md", "settings"): lambda: markdown().strip(),
    ("operations.md", "metrics"): metrics,
}
"""By page and mark: what stands between `<!-- mark -->` and `<!-- /mark -->`."""


def write(page: Path, mark: str, table: str) -> None:
    between = re.compile(rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", re.DOTALL)
    text, found = between.subn(lambda marks: f"{marks[1]}{table}\n{marks[2]}", page.read_text())
    assert found == 1, f"{page.name} needs one <!-- {mark} --> … <!-- /{mark} -->"
    page.write_text(text)


if __name__ == "__main__":
    for (name, mark), made in TABLES.items():
        write(DOCS / name, mark, made())
