"""Read what there is: a list with filters, one of it, or any other page of the API."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console

from cli.client.http import Api, signed_in
from cli.stop import Stop
from cli.tables import AsJson, print_json, print_rows

MOST_A_PAGE = 200
COLUMNS = {
    "work-orders": ("id", "number", "title", "status", "priority", "due_at"),
    "requests": ("id", "title", "status", "created_at"),
    "assets": ("id", "name", "tag", "location", "criticality"),
    "parts": ("id", "name", "number", "unit", "stock", "unit_cost", "currency"),
    "plans": ("id", "rules.name", "state", "next_due_at"),
    "meters": ("id", "name", "unit", "asset_id"),
    "users": ("id", "name", "email", "roles"),
    "preview": ("occurrence", "due_at", "skipped.reason"),
    "commands": ("command_id", "type", "target", "state", "accepted_at"),
}
"""The columns of lists that have their own; any other shows its first plain members."""


def main(
    what: Annotated[str, typer.Argument(help="e.g. work-orders, plans/ID/preview, commands")],
    filters: Annotated[
        list[str] | None,
        typer.Argument(help="an ID, or NAME=VALUE, e.g. q=pump", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="rows at most")] = 50,
    columns: Annotated[str | None, typer.Option(help="comma-separated members; a.b for one within")] = None,
    as_json: AsJson = False,
) -> None:
    path, params = _address(what, filters or [])
    with signed_in() as api:
        first = api.get(path, _page(params, limit) if _is_list(path) else params)
        member = _list_member(first)
        if member is None or (as_json and "cursor" not in first):
            print_json(first)
            return
        rows, more = _rows(api, path, params, first, member, limit)
    kind = path.rpartition("/")[2]
    names = columns.split(",") if columns else COLUMNS.get(kind) or _plain(rows)
    shown = rows if as_json else [{name: _member(row, name) for name in names} for row in rows]
    print_rows(shown, names, as_json=as_json, empty=f"There are no {what.replace('-', ' ')} like that.")
    if more:
        Console(stderr=True).print(f"There are more than these {limit}: see further with --limit.")


def _address(what: str, words: list[str]) -> tuple[str, dict[str, str]]:
    params: dict[str, str] = {}
    path = f"/api/{what.strip('/')}"
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name == "limit":
            raise Stop("Write the limit as --limit.")
        if equals:
            params[name] = value
        elif path.count("/") == 2:
            path = f"{path}/{word}"
        else:
            raise Stop(f"{word!r} is neither an ID nor NAME=VALUE.")
    return path, params


def _list_member(document: Any) -> str | None:
    """The member that is a list of documents, if the answer has just one."""
    lists = [name for name, value in document.items() if isinstance(value, list)]
    return lists[0] if len(lists) == 1 and "id" not in document else None


def _is_list(path: str) -> bool:
    return path.count("/") == 2


def _page(params: dict[str, str], limit: int) -> dict[str, str]:
    return {"limit": str(min(limit, MOST_A_PAGE))} | params


def _rows(
    api: Api, path: str, params: dict[str, str], first: dict[str, Any], member: str, limit: int
) -> tuple[list[dict[str, Any]], bool]:
    """As many rows as were asked for, page by page, and whether there are more."""
    rows, cursor = list(first[member]), first.get("cursor")
    while cursor and len(rows) < limit:
        page = api.get(path, _page(params, limit - len(rows)) | {"cursor": cursor})
        rows += page[member]
        cursor = page.get("cursor")
    return rows[:limit], bool(cursor) or len(rows) > limit


def _plain(rows: list[dict[str, Any]]) -> list[str]:
    first = rows[0] if rows else {}
    return [name for name, value in first.items() if isinstance(value, str | int | float)][:6]


def _member(row: dict[str, Any], name: str) -> Any:
    value: Any = row
    for step in name.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value
