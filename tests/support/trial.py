"""A small catalogue: the real part commands, and some that show how a drain behaves.

Their target is a part, whose name grows by what they append: appending does not commute, so the name tells
the order in which they took effect.
"""

from __future__ import annotations

import msgspec

from adapters.process.clock import SystemClock
from domain.assets.part import Part
from domain.errors import Conflict, Rejected, Transient
from tasks.catalogue import Catalogue, catalogue
from tasks.command import Payload, Spec, handles
from tasks.work import Work

NOT_IN_BSON = 2**70


class OnPart(Payload, frozen=True, kw_only=True):
    part_id: str


class Make(Payload, frozen=True, kw_only=True):
    id: str | None = None
    name: str = ""


class Append(OnPart, frozen=True, kw_only=True):
    text: str
    unless: str | None = None
    """Refuse when the name ends so: then order decides who is refused."""


class Behind(OnPart, frozen=True, kw_only=True):
    other_id: str


class Send(OnPart, frozen=True, kw_only=True):
    to_id: str
    quantity: int


class Fail(OnPart, frozen=True, kw_only=True):
    how: str


@handles("part.make", permission=None)
def make(cmd: Make, work: Work) -> None:
    if work.find(Part):
        raise Rejected("already_exists", "there is such a part")
    work.save(Part(id=work.target_id, name=cmd.name, unit="piece", created_at=work.now))


@handles("part.append", permission=None, touches=("name",))
def append(cmd: Append, work: Work) -> None:
    part = work.load(Part)
    if cmd.unless is not None and part.name.endswith(cmd.unless):
        raise Rejected("ends_so", f"the name ends in {cmd.unless}")
    grow(work, part, cmd.text)


def grow(work: Work, part: Part, text: str) -> None:
    work.save(msgspec.structs.replace(part, name=part.name + text))
    work.emit("part.appended", text=text)


@handles("part.append_behind", permission=None)
def append_behind(cmd: Behind, work: Work) -> None:
    """Needs another part to exist."""
    part = work.load(Part)
    work.require(Part, cmd.other_id, path="other_id")
    grow(work, part, "b")


@handles("part.send", permission=None)
def send(cmd: Send, work: Work) -> None:
    """Takes from this part, and gives to the other by a follow-up."""
    part = work.load(Part)
    work.save(msgspec.structs.replace(part, stock=part.stock - cmd.quantity))
    work.follow_up(
        "part.adjust", {"part_id": cmd.to_id, "quantity": cmd.quantity, "reason": "sent"}, step="give"
    )


@handles("part.fail", permission=None)
def fail(cmd: Fail, work: Work) -> None:
    """Writes first and fails then: nothing of it may stay."""
    grow(work, work.load(Part), "FAILED")
    match cmd.how:
        case "refusal":
            raise Rejected("no", "the business says no")
        case "conflict":
            raise Conflict("moved", "the base has moved")
        case "outage":
            raise Transient("something outside is down")
        case "unwritable":
            work.emit("part.unwritable", number=NOT_IN_BSON)
        case _:
            raise RuntimeError("a bug of ours")


class Gate(OnPart, frozen=True, kw_only=True):
    path: str
    """A directory: `<path>/entered` appears when the handler runs; it goes on when `<path>/open` does."""


@handles("part.gate", permission=None)
def gate(cmd: Gate, work: Work) -> None:
    from pathlib import Path

    part = work.load(Part)
    (Path(cmd.path) / f"entered-{work.command_id}").touch()
    clock = SystemClock()
    while not (Path(cmd.path) / "open").exists():
        clock.sleep(0.01)
    grow(work, part, "g")


@handles("part.poison", permission=None)
def poison(cmd: OnPart, work: Work) -> None:  # noqa: ARG001
    """Ends the process that runs it."""
    import os
    import signal

    work.load(Part)
    os.kill(os.getpid(), signal.SIGKILL)


OWN = (make, append, append_behind, send, fail, gate, poison)


def spec_of(handler: object) -> Spec:
    found: Spec = handler.__dict__["spec"]
    return found


def trial_catalogue(*more: object) -> Catalogue:
    """The real commands, the trial ones, and handlers made inside a test."""
    own = {spec_of(handler).type: spec_of(handler) for handler in (*OWN, *more)}
    return dict(sorted({**catalogue(), **own}.items()))
