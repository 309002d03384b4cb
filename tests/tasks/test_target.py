"""How a payload picks its command's target."""

import pytest

from tasks.command import Payload, Spec, handles
from tasks.work import Work
from tests.tasks.fake_work import ident


class Snooze(Payload, frozen=True, kw_only=True):
    work_order_id: str


class Mistyped(Payload, frozen=True, kw_only=True):
    workorder_id: str


def test_a_name_that_begins_with_another_word_says_what_kind_it_acts_on() -> None:
    @handles("reminder.snooze", permission=None, target="work_order")
    def snooze(cmd: Snooze, work: Work) -> None: ...

    spec: Spec = snooze.__dict__["spec"]

    assert (spec.kind, spec.creates) == ("work_order", False)
    assert spec.target_id(Snooze(work_order_id=ident(1)), None) == ident(1)


@pytest.mark.parametrize(("name", "payload"), [("reminder.snooze", Snooze), ("work_order.start", Mistyped)])
def test_a_payload_that_names_no_target_is_refused_instead_of_getting_one_at_random(
    name: str, payload: type[Payload]
) -> None:
    def handler(cmd: Payload, work: Work) -> None: ...

    handler.__annotations__["cmd"] = payload

    with pytest.raises(TypeError, match="payload has neither"):
        handles(name, permission=None)(handler)


def test_what_everybody_or_the_tenant_has_one_of_is_named_by_no_payload() -> None:
    class Prefer(Payload, frozen=True, kw_only=True):
        digest: str

    @handles("notification.preferences.set", permission=None, target="preferences", of="actor")
    def prefer(cmd: Prefer, work: Work) -> None: ...

    @handles("sla.policy.set", permission=None, target="policies", of="tenant")
    def rule(cmd: Prefer, work: Work) -> None: ...

    mine: Spec = prefer.__dict__["spec"]
    ours: Spec = rule.__dict__["spec"]

    assert mine.target_id(Prefer(digest="daily"), "u7") == "u7"
    assert ours.target_id(Prefer(digest="daily"), "u7") == "tenant"
