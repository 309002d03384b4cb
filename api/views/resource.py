"""What a list is: who may see it, by what it is filtered and sorted; and how a document of it is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from adapters.mongo.client import Document
from api.http.query import Parameter
from domain.identity.actor import Actor


def _everything(_: Actor) -> Document:
    return {}


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """One list. `sorts` maps names to fields; `visible` narrows it to what this actor may see."""

    path: str
    name: str
    collection: str
    permission: str | None
    """None: every signed-in user, who then sees what is their own."""
    filters: Mapping[str, Parameter]
    sorts: Mapping[str, str]
    default_sort: str = "-created_at"
    visible: Callable[[Actor], Document] = _everything
    shown: tuple[str, ...] = ()
    """The only fields shown; none named: all but the store's own."""
    hidden: tuple[str, ...] = ()
    """Fields that are nobody's business but ours; or that have a list of their own."""
    named: tuple[str, ...] = ()
    """Fields that hold ids of others, beside which a document shows their names of now."""

    @property
    def projection(self) -> Document:
        """What is read of a document; what is not read cannot be shown."""
        if self.shown:
            return dict.fromkeys(self.shown, 1)
        return dict.fromkeys(("tenant_id", "schema_version", "guards", *self.hidden), 0)

    def selects(self, actor: Actor) -> Document:
        """What every question of this actor is narrowed to: the tenant first, always."""
        return {"tenant_id": actor.tenant_id} | self.visible(actor)


def plain(document: Document) -> Document:
    """A document as a client sees it; its own `_id` begins with the tenant and stays inside."""
    return {name: value for name, value in document.items() if name != "_id"}


def plan(document: Document) -> Document:
    """A plan as it was asked for: its rules beside its state."""
    shown = plain(document)
    rules: Document = shown.pop("rules", {})
    return rules | shown
