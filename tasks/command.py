"""How a command is declared: a frozen payload, a handler, and one line that binds them.

    class Start(Payload):
        work_order_id: Id

    @handles("work_order.start", permission="workorders.execute", touches=("status",))
    def start(cmd: Start, work: Work) -> None: ...

The target is the entity that the payload names by `<kind>_id`; a create may bring its own `id`. The kind is
the first word of the command's name, or `target=` if they differ. `of="actor"` is for entities that every
user has one of (preferences), `of="tenant"` for those that a tenant has one of (policies); payloads do not
name these.

The API's route, its OpenAPI entry, both permission checks and the worker's dispatch all derive from this
line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, TypeVar, get_type_hints

import msgspec
from msgspec import inspect

from domain.entity import Entity
from domain.read_ahead import read_ahead
from tasks.work import Work


class Payload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of payloads, as clients send them: immutable, and unknown fields are refused."""


P = TypeVar("P", bound=Payload)
PayloadType = type[Payload]
Handler = Callable[[P, Work], None]
Reads = Callable[[Any], Iterable[tuple[type[Entity], str]]]
Refers = Callable[[Any], Iterable[tuple[type[Entity], str]]]

Of = Literal["payload", "actor", "tenant"]
"""What determines the target: an id in the payload, the actor (whose own it is), or the tenant."""

THE_TENANTS = "tenant"
"""The id of an entity that a tenant has one of."""


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """The declaration of one command type."""

    type: str
    payload: PayloadType
    handler: Callable[[Any, Work], None]
    permission: str | None
    """Checked at acceptance and again when applied; None: any signed-in user of the tenant."""
    touches: tuple[str, ...]
    """Fields of the target whose change since `base_version` is a conflict; empty for appends. A list item is
    named by a payload field: `checklist/{item_id}`."""
    kind: str
    """The target's kind: `work_order` for `work_order.parts.consume`."""
    of: Of
    creates: bool
    """Whether the payload names its target by an optional `id`, not by `<kind>_id`."""
    numbers: str | None
    """The kind of entity that each such command usually numbers: a batch reserves the numbers together."""
    internal: bool
    """Whether it is a follow-up only: it has no route, and the API refuses it."""
    reads: Reads | None
    """Other entities that the handler reads, derived from the payload, so that a batch reads them
    together."""
    refers: Refers | None
    """The same, derived from the target after a batch has read it."""
    schema_version: int
    secrets: frozenset[str] = frozenset()
    """Members of the payload that nobody is ever shown: those of type `domain.fields.Secret`."""
    blob_paths: tuple[Path, ...] = ()
    """Where its payload can name blobs: the paths of fields of type `domain.fields.Sha256`."""
    summary: str

    @property
    def is_guarded(self) -> bool:
        """Whether it can conflict with other commands; those that only append cannot."""
        return bool(self.touches)

    def touched(self, payload: Mapping[str, Any]) -> frozenset[str]:
        """The paths that a command with this payload contends for."""
        return frozenset(path.format_map(payload) if "{" in path else path for path in self.touches)

    @property
    def names_blobs(self) -> bool:
        """Whether its payload can name blobs."""
        return bool(self.blob_paths)

    def blobs(self, payload: Mapping[str, Any]) -> list[str]:
        """The blob hashes that a payload names, sorted, each once."""
        if not self.blob_paths:  # most commands, and all are asked
            return []
        return sorted({hash for path in self.blob_paths for hash in _at(payload, path)})

    def target_id(self, payload: Payload, user_id: str | None) -> str | None:
        """The id of the target for this user; None if a create leaves it to the server."""
        if self.of == "tenant":
            return THE_TENANTS
        if self.of == "actor":
            return user_id
        id: str | None = getattr(payload, "id" if self.creates else f"{self.kind}_id")
        return id


def _secrets(payload: PayloadType) -> frozenset[str]:
    return frozenset(
        field.name for field in msgspec.structs.fields(payload) if _is_secret(inspect.type_info(field.type))
    )


def _is_secret(kind: inspect.Type) -> bool:
    if isinstance(kind, inspect.UnionType):
        return any(map(_is_secret, kind.types))
    return isinstance(kind, inspect.Metadata) and bool((kind.extra or {}).get("secret"))


EACH = "*"
Path = tuple[str, ...]


def _paths(kind: inspect.Type, at: Path) -> Iterator[Path]:
    match kind:
        case inspect.Metadata(type=inner, extra=extra):
            if (extra or {}).get("blob"):
                yield at
            yield from _paths(inner, at)
        case inspect.UnionType(types=types):
            for one in types:
                yield from _paths(one, at)
        case inspect.StructType(fields=fields):
            for field in fields:
                yield from _paths(field.type, (*at, field.encode_name))
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            yield from _paths(item, (*at, EACH))


def _at(value: Any, path: Path) -> Iterator[str]:
    if not path:
        if isinstance(value, str):
            yield value
    elif path[0] == EACH:
        for item in value or ():
            yield from _at(item, path[1:])
    elif value is not None:
        yield from _at(value.get(path[0]), path[1:])


def handles(
    type: str,
    *,
    permission: str | None,
    target: str | None = None,
    of: Of = "payload",
    touches: tuple[str, ...] = (),
    numbers: type[Entity] | None = None,
    internal: bool = False,
    reads: Reads | None = None,
    refers: Refers | None = None,
    schema_version: int = 1,
) -> Callable[[Handler[P]], Handler[P]]:
    """Bind a handler to its permanent wire name.

    Raises: TypeError: the payload has no field that names its target.
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
            numbers=numbers.kind if numbers else None,
            internal=internal,
            reads=reads,
            refers=refers,
            schema_version=schema_version,
            secrets=_secrets(payload),
            blob_paths=tuple(_paths(inspect.type_info(payload), ())),
            summary=(handler.__doc__ or "").strip().partition("\n")[0],
        )
        read_ahead(payload)
        handler.__dict__["spec"] = spec
        return handler

    return bind
