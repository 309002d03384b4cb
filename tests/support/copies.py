"""A device's copy, by the protocol of docs/sync.md and nothing else."""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]
Key = tuple[str, str]


class Copy:
    """What a device holds, and how far it has come."""

    def __init__(self) -> None:
        self.cursor: str | None = None
        self.held: dict[Key, Document] = {}
        self._met: set[Key] = set()

    def take(self, answer: Document, *, keep_cursor: bool = True) -> None:
        """One answer; a device that dies before it has kept the cursor takes the same again."""
        if answer["resync"] or self.cursor is None:
            self._met = set()
        for entity in answer["entities"]:
            key = (entity["kind"], entity["id"])
            self._met.add(key)
            if key not in self.held or entity["version"] >= self.held[key]["version"]:
                self.held[key] = entity
        for gone in answer["tombstones"]:
            key = (gone["kind"], gone["id"])
            if key in self.held and self.held[key]["version"] <= gone["version"]:
                del self.held[key]
        if not answer["more"]:
            if answer["full"]:
                self.held = {key: entity for key, entity in self.held.items() if key in self._met}
            self._tidy()
        if keep_cursor:
            self.cursor = answer["cursor"]

    @property
    def versions(self) -> dict[Key, int]:
        return {key: entity["version"] for key, entity in self.held.items()}

    def ids(self, kind: str) -> set[str]:
        return {id for held, id in self.held if held == kind}

    def document(self, kind: str, id: str) -> Document:
        found: Document = self.held[kind, id]["document"]
        return found

    def _tidy(self) -> None:
        """Forget what no order names any more, by itself or above what it names."""
        named: set[Key] = set()
        for id in self.ids("work_order"):
            order = self.document("work_order", id)
            named.add(("work_order", id))
            assets = [order["asset"]["id"] if order["asset"] else None, *order.get("route", ())]
            for asset in assets:
                named |= self._line(asset)
            named |= {("part", line["part_id"]) for line in order["parts"]}
            if order.get("plan"):
                named.add(("template", order["plan"]["id"]))
        self.held = {key: entity for key, entity in self.held.items() if key in named}

    def _line(self, asset: str | None) -> set[Key]:
        found: set[Key] = set()
        while asset is not None and ("asset", asset) in self.held:
            found.add(("asset", asset))
            asset = self.document("asset", asset)["parent_id"]
        return found
