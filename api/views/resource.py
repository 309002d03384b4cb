"""The declaration of a readable resource: its permission, filters, sorts and visible fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from adapters.mongo.client import Document
from api.http.query import Parameter
from domain.identity.actor import Actor


def _everything(_: Actor) -> Document:
    return {}


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """One resource. `sorts` maps names to fields; `visible` narrows it to what an actor may see."""

    path: str
    name: str
    collection: str
    permission: str | None
    """None: every signed-in user, who sees their own documents only."""
    filters: Mapping[str, Parameter]
    sorts: Mapping[str, str]
    default_sort: str = "-created_at"
    visible: Callable[[Actor], Document] = _everything
    shown: tuple[str, ...] = ()
    """The only fields shown; if empty, all but internal ones."""
    hidden: tuple[str, ...] = ()
    """Fields that are internal, or have a list of their own."""
    named: tuple[str, ...] = ()
    """Fields with ids of other entities, beside which the view shows their current names."""

    @property
    def projection(self) -> Document:
        """The projection of reads: a field that is not read cannot be shown."""
        if self.shown:
            return dict.fromkeys(self.shown, 1)
        return dict.fromkeys(("tenant_id", "schema_version", "guards", *self.hidden), 0)

    def selects(self, actor: Actor) -> Document:
        """The filter of every read by this actor: always the tenant, then `visible`."""
        return {"tenant_id": actor.tenant_id} | self.visible(actor)


def plain(document: Document) -> Document:
    """The document without `_id`, which begins with the tenant."""
    return {name: value for name, value in document.items() if name != "_id"}


def plan_view(document: Document) -> Document:
    """The view of a plan: its rules at the top level, beside its state."""
    view = plain(document)
    rules: Document = view.pop("rules", {})
    return rules | view
