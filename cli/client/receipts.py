"""What became of a command, for a person."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from cli.tables import print_json, text


def show(receipt: dict[str, Any], *, as_json: bool) -> None:
    """The state first, then why, what happened, and what differs where it is a conflict."""
    if as_json:
        print_json(receipt)
        return
    out = Console(highlight=False, soft_wrap=True)
    lines = [f"{receipt['type']} {receipt['target']} is {receipt['state']} ({receipt['command_id']})"]
    if error := receipt.get("error"):
        lines.append(f"  {error['code']}: {error['message']}")
    lines += [f"  warning {warning['code']}: {warning['message']}" for warning in receipt.get("warnings", ())]
    lines += [f"  {event['type']} {_data(event)}".rstrip() for event in receipt.get("events", ())]
    for row in (receipt.get("error") or {}).get("diff", ()):
        base, mine, server = (text(row[side]) for side in ("base", "mine", "server"))
        lines.append(f"  {row['path']} was {base} / mine {mine} / server {server}")
    out.print("\n".join(lines), markup=False)


def _data(event: dict[str, Any]) -> str:
    return " ".join(f"{name}={text(value)}" for name, value in event.get("data", {}).items())
