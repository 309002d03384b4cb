"""How a command is declared: a frozen payload, a handler, and one line that binds them.

    class Start(Payload):
        work_order_id: Id

    @handles("work_order.start", permission="workorders.execute", touches=("status",))
    def start(cmd: Start, work: Work) -> None: ...

The target is what the payload names by `<kind>_id`; a create may bring its own `id`. The kind is the name's
first word, or `target=` where the name begins with another. `of="actor"` is for what everybody has one of
(preferences), `of="tenant"` for what a tenant has one of (policies): no payload names those.

From that line follow the API's route, its OpenAPI entry, both permission checks and the worker's dispatch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Literal, TypeVar, get_type_hints

import msgspec
from msgspec import inspect

from domain.entity import Entity
from domain.read_ahead import read_ahead
from tasks.work import Work


class Payload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client sends. Messages are values; an unknown field is an error, not a surprise."""


P = TypeVar("P", bound=Payload)
PayloadType = type[Payload]
Handler = Callable[[P, Work], None]
Reads = Callable[[Any], Iterable[tuple[type[Entity], str]]]
Refers = Callable[[Any], Iterable[tuple[type[Entity], str]]]

Of = Literal["payload", "actor", "tenant"]
"""Who names the target: the payload, by an id; the actor, whose own it is; or the tenant, which has one."""

THE_TENANTS = "tenant"
"""The id of what a tenant has one of."""


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one command type."""

    type: str
    payload: PayloadType
    handler: Callable[[Any, Work], None]
    permission: str | None
    """Needed of the actor at acceptance and again when applied; None: any signed-in user of the tenant."""
    touches: tuple[str, ...]
    """Top-level fields of the entity whose change since `base_version` is a conflict; none for appends."""
    kind: str
    """The target's: `work_order` of `work_order.parts.consume`."""
    of: Of
    creates: bool
    """Whether the payload names its target by an optional `id` rather than by `<kind>_id`."""
    numbered: bool
    internal: bool
    """Follow-ups only: no route, and refused at the door."""
    reads: Reads | None
    """Other entities the handler will want, so that a batch reads them at once."""
    refers: Refers | None
    """Likewise those that the target itself names, once a batch has read it."""
    schema_version: int
    summary: str

    @property
    def secrets(self) -> frozenset[str]:
        """Members of the payload that nobody is ever shown: those of type `domain.fields.Secret`."""
        return _secrets(self.payload)

    def target_id(self, payload: Payload, user_id: str | None) -> str | None:
        """The id of the entity meant by this user; None when a create leaves it to us."""
        if self.of == "tenant":
            return THE_TENANTS
        if self.of == "actor":
            return user_id
        id: str | None = getattr(payload, "id" if self.creates else f"{self.kind}_id")
        return id


@cache
def _secrets(payload: PayloadType) -> frozenset[str]:
    return frozenset(
        field.name for field in msgspec.structs.fields(payload) if _is_secret(inspect.type_info(field.type))
    )


def _is_secret(kind: inspect.Type) -> bool:
    if isinstance(kind, inspect.UnionType):
        return any(map(_is_secret, kind.types))
    return isinstance(kind, inspect.Metadata) and bool((kind.extra or {}).get("secret"))


def handles(
    type: str,
    *,
    permission: str | None,
    target: str | None = None,
    of: Of = "payload",
    touches: tuple[str, ...] = (),
    numbered: bool = False,
    internal: bool = False,
    reads: Reads | None = None,
    refers: Refers | None = None,
    schema_version: int = 1,
) -> Callable[[Handler[P]], Handler[P]]:
    """Bind a handler to the wire name that it will answer to for ever.

    Raises: TypeError: the payload names no target, so each command would get one of its own.
    """
    kind = target or type.partition(".")[0]

    def bind(handler: Handler[P]) -> Handler[P]:
        payload = get_type_hints(handler)["cmd"]
        names = payload.__struct_fields__
        if of == "payload" and not {"id", f"{kind}_id"}.intersection(names):
            raise TypeError(f"{type}: its payload has neither `{kind}_id` nor, to create one, `id`")
        spec = Spec(
            type=type,
            payload=payload,
            handler=handler,
            permission=permission,
            touches=touches,
            kind=kind,
            of=of,
            creates=f"{kind}_id" not in names,
            numbered=numbered,
            internal=internal,
            reads=reads,
            refers=refers,
            schema_version=schema_version,
            summary=(handler.__doc__ or "").strip().partition("\n")[0],
        )
        read_ahead(payload)
        handler.__dict__["spec"] = spec
        return handler

    return bind
