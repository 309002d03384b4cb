"""What devices did meanwhile: what merges, what gives way, what is a conflict, and who waits behind it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pymongo.client_session import ClientSession
from pymongo.database import Database

from adapters.commands.document import AT_ONCE, TargetQueue, lane_id
from adapters.devices import replays
from adapters.devices.batch import Batch, Entry
from adapters.mongo import client as mongo
from adapters.mongo.client import Document
from adapters.mongo.transactions import in_transaction
from adapters.operators import dead_letters, resolutions
from adapters.operators.audit import Act
from adapters.process.clock import SystemClock
from locks.idempotency import KEYS_KEPT
from tests.promises.test_drain import Wire
from tests.servers import Servers
from tests.support import seeds
from tests.support.drains import Drains
from tests.support.outbox import Device
from tests.support.seeds import USER, Seeds, new_id

ANN, BOB = new_id(), new_id()


@pytest.fixture
def people(shared: Database[Any], tenant: str) -> None:
    shared.users.insert_many([seeds.user(tenant, roles=("technician",), id=id) for id in (ANN, BOB)])


class Field:
    """One order, two devices, an office."""

    def __init__(self, seed: Seeds, drains: Drains, order_id: str) -> None:
        self.seed, self.drains, self.id = seed, drains, order_id
        self.ann = Device(seed, user_id=ANN)
        self.line: TargetQueue = (seed.tenant_id, f"work_order:{order_id}")

    def office(self, type: str, /, **payload: Any) -> Document:
        done = self.seed.accept(type, work_order_id=self.id, **payload)
        self.run()
        return self.seed.found(done)

    def sends(self, type: str, /, **more: Any) -> Document:
        return self.ann.sends(type, work_order_id=self.id, **more)

    def run(self) -> None:
        self.drains.until_dry([self.line])

    def runs_into_a_bug(self) -> None:
        """Whatever is at the head of the line dies."""
        status, mine = self.order["status"], {"_id": f"{self.seed.tenant_id}/{self.id}"}
        self.seed.db.work_orders.update_one(mine, {"$set": {"status": "nonsense"}})
        for _ in range(3):
            self.run()
            self.drains.clock.push(timedelta(seconds=15))
        self.seed.db.work_orders.update_one(mine, {"$set": {"status": status}})

    def act(self, user_id: str = USER) -> Act:
        return Act(
            id=new_id(),
            tenant_id=self.seed.tenant_id,
            user_id=user_id,
            via="api",
            reason="",
            at=SystemClock().now(),
        )

    @property
    def item(self) -> str:
        id: str = self.order["checklist"][0]["item_id"]
        return id

    def events(self) -> list[Document]:
        """Those that moved the order, in the order of its versions."""
        query = {"tenant_id": self.seed.tenant_id, "target": self.line[1], "version": {"$ne": None}}
        return list(self.seed.db.events.find(query).sort("version", 1))

    @property
    def order(self) -> Document:
        found = self.seed.db.work_orders.find_one({"_id": f"{self.seed.tenant_id}/{self.id}"})
        assert found is not None
        return dict(found)

    def states(self, *commands: Document) -> list[str]:
        return [self.seed.state(command) for command in commands]


@pytest.fixture
def field(seed: Seeds, drains: Drains, people: None) -> Field:  # noqa: ARG001
    """An order that Ann and Bob are to do, with one question on its list."""
    id = new_id()
    seed.accept(
        "work_order.create",
        id=id,
        title="Oil leak",
        type="corrective",
        priority="low",
        assignee_ids=[ANN, BOB],
        checklist=[{"item_id": new_id(), "text": "Pressure", "kind": "number"}],
    )
    drains.until_dry([(seed.tenant_id, f"work_order:{id}")])
    return Field(seed, drains, id)


def test_a_device_never_conflicts_with_its_own_lane(field: Field) -> None:
    day = [
        field.sends("work_order.start", base=1),
        field.sends("work_order.hold", base=1, reason="parts"),
        field.sends("work_order.resume", base=1),
        field.sends("work_order.complete", base=1, note="done"),
    ]

    field.run()

    assert field.states(*day) == ["applied"] * 4
    assert field.order["status"] == "completed"


def test_a_change_on_a_moved_state_is_a_conflict_that_shows_what_differs(field: Field) -> None:
    field.office("work_order.cancel", reason="sold")
    late = field.sends("work_order.start", base=1)

    field.run()

    stored = field.seed.found(late)
    assert (stored["state"], stored["inbox"], stored["blocks"]) == ("conflict", "conflict", f"{ANN}/d1")
    row = stored["error"]["diff"][0]
    assert {name: row[name] for name in ("path", "base", "mine", "server", "by")} == {
        "path": "/status",
        "base": "assigned",
        "mine": "in_progress",
        "server": "cancelled",
        "by": "u1",
    }
    assert "purge_at" not in stored


def test_two_who_both_say_that_work_has_begun_agree(field: Field) -> None:
    field.office("work_order.start")
    day = [field.sends("work_order.start", base=1), field.sends("work_order.complete", base=1)]

    field.run()

    assert field.states(*day) == ["applied"] * 2


def test_appends_go_on_after_a_conflict_and_guarded_actions_wait_behind_it(field: Field) -> None:
    field.office("work_order.cancel", reason="sold")
    conflict = field.sends("work_order.start", base=1)
    hours = field.sends("work_order.labor.log", minutes=30, worked_on="2026-03-02", kind="regular")
    parked = field.sends("work_order.complete", base=1)
    field.run()
    later = field.sends("work_order.hold", base=1, reason="parts")
    field.run()

    assert field.states(conflict, hours, parked, later) == ["conflict", "applied", "parked", "parked"]
    assert field.seed.found(later)["after"] == [conflict["_id"]]
    assert field.order["labor_minutes"] == 30


def test_another_device_is_not_held_up_by_a_lane_that_is_blocked(field: Field) -> None:
    field.office("work_order.start")
    item = field.item
    field.office("work_order.checklist.answer", item_id=item, value=4)
    conflict = field.sends("work_order.checklist.answer", base=2, item_id=item, value=5)
    field.run()
    free = Device(field.seed, user_id=BOB, device_id="d2").sends(
        "work_order.hold", work_order_id=field.id, base=3, reason="parts"
    )
    field.run()

    assert field.states(conflict, free) == ["conflict", "applied"]


def test_the_resolving_action_passes_and_what_waited_goes_on_in_the_order_of_the_lane(field: Field) -> None:
    item = field.item
    start = field.sends("work_order.start", base=1)
    field.run()
    field.office("work_order.checklist.answer", item_id=item, value=4)
    conflict = field.sends("work_order.checklist.answer", base=1, item_id=item, value=5)
    hold = field.sends("work_order.hold", base=1, reason="parts")
    field.run()
    assert field.states(start, conflict, hold) == ["applied", "conflict", "parked"]

    way_out = field.sends(
        "work_order.checklist.answer", base=field.order["version"], resolves=conflict, item_id=item, value=5
    )
    resume = field.sends("work_order.resume", base=1)
    field.run()

    assert field.states(way_out, hold, resume) == ["applied"] * 3
    told = [event["type"] for event in field.events()]
    assert told[-3:] == ["work_order.checklist_answered", "work_order.held", "work_order.resumed"]
    settled = field.seed.found(conflict)
    assert (settled["state"], settled["resolution"]["by_command"]) == ("conflict", way_out["_id"])
    assert not {"inbox", "blocks"} & settled.keys()
    assert "purge_at" in settled


def test_a_way_out_that_conflicts_itself_leaves_the_lane_waiting(field: Field) -> None:
    item = field.item
    field.office("work_order.start")
    field.office("work_order.checklist.answer", item_id=item, value=4)
    conflict = field.sends("work_order.checklist.answer", base=1, item_id=item, value=5)
    field.run()
    parked = field.sends("work_order.hold", base=1, reason="parts")
    stale = field.sends("work_order.checklist.answer", base=2, resolves=conflict, item_id=item, value=6)
    field.run()

    assert field.states(conflict, parked, stale) == ["conflict", "parked", "conflict"]
    assert "inbox" in field.seed.found(conflict)
    assert "inbox" not in field.seed.found(stale)


def test_a_dead_action_of_a_device_holds_up_those_that_build_on_it(field: Field) -> None:
    dead = field.sends("work_order.start", base=1)
    field.runs_into_a_bug()
    complete = field.sends("work_order.complete", base=1)
    field.run()

    assert field.states(dead, complete) == ["dead", "parked"]


def test_what_comes_back_to_a_line_in_which_its_lane_waits_already_goes_first(field: Field) -> None:
    dead = field.sends("work_order.start", base=1)
    field.runs_into_a_bug()
    complete = field.sends("work_order.complete", base=1)
    hours = field.sends("work_order.labor.log", minutes=5, worked_on="2026-03-02", kind="regular")

    dead_letters.replay(field.seed.db, dead["_id"], field.act())
    field.run()

    assert field.states(dead, complete, hours) == ["applied"] * 3


def test_a_way_out_that_died_settles_its_conflict_also_when_it_is_replayed_with_another_payload(
    field: Field,
) -> None:
    item = field.item
    field.office("work_order.start")
    field.office("work_order.checklist.answer", item_id=item, value=4)
    conflict = field.sends("work_order.checklist.answer", base=1, item_id=item, value=5)
    parked = field.sends("work_order.hold", base=1, reason="parts")
    field.run()
    way_out = field.sends("work_order.checklist.answer", base=3, resolves=conflict, item_id=item, value=6)
    field.runs_into_a_bug()
    assert field.states(conflict, parked, way_out) == ["conflict", "parked", "dead"]

    payload = way_out["payload"] | {"value": 7}
    edit = dead_letters.edit(
        way_out, payload, catalogue=field.seed.catalogue, may=lambda _: True, new_id=new_id()
    )
    dead_letters.replay_edited(field.seed.db, way_out["_id"], field.act(), edit, keys_kept=KEYS_KEPT)
    field.run()

    assert field.order["checklist"][0]["value"] == 7
    assert field.seed.found(conflict)["resolution"]["by_command"] == edit.new_id
    assert field.states(parked, way_out) == ["applied", "superseded"]


def test_items_of_one_checklist_are_contended_for_one_by_one(field: Field) -> None:
    item = field.item
    field.office("work_order.start")
    field.office("work_order.checklist.answer", item_id=item, value=4)
    same = field.sends("work_order.checklist.answer", base=2, item_id=item, value=4)
    other = field.sends("work_order.checklist.answer", base=2, item_id=item, value=5)

    field.run()

    assert field.states(same, other) == ["applied", "conflict"]
    row = field.seed.found(other)["error"]["diff"][0]
    assert (row["path"], row["base"], row["mine"], row["server"]) == (f"/checklist/{item}", None, 5, 4)


def test_the_office_wins_on_due_date_and_priority_and_the_rest_is_merged(
    field: Field, shared: Database[Any]
) -> None:
    shared.users.update_one({"id": ANN, "tenant_id": field.seed.tenant_id}, {"$set": {"roles": ["planner"]}})
    field.office("work_order.update", priority="critical", due_at="2026-05-01T08:00:00Z")
    late = field.sends(
        "work_order.update", base=1, priority="medium", due_at="2026-05-01T10:00:00+02:00", title="Oil, left"
    )
    nothing_left = field.sends("work_order.update", base=1, priority="high")

    field.run()

    assert field.states(late, nothing_left) == ["applied", "applied"]
    assert (field.order["priority"], field.order["title"]) == ("critical", "Oil, left")
    told = [warning["params"] for warning in field.seed.found(late)["warnings"]]
    assert told == [{"field": "priority", "mine": "medium", "server": "critical"}]


def test_hours_after_completion_count_until_the_books_are_closed_then_a_person_decides(field: Field) -> None:
    field.office("work_order.start")
    field.office("work_order.complete")
    late = field.sends("work_order.labor.log", minutes=30, worked_on="2026-03-02", kind="regular")
    field.run()
    field.office("work_order.close")
    later = field.sends("work_order.labor.log", minutes=15, worked_on="2026-03-02", kind="regular")
    field.run()

    assert field.states(late, later) == ["applied", "parked"]
    assert field.seed.found(later)["inbox"] == "review"
    assert field.seed.found(later)["error"]["code"] == "locked_period"


def test_work_of_someone_since_demoted_or_taken_off_the_order_waits_for_a_review(
    field: Field, shared: Database[Any]
) -> None:
    shared.users.update_one({"id": ANN, "tenant_id": field.seed.tenant_id}, {"$set": {"roles": ["viewer"]}})
    hours = field.sends("work_order.labor.log", minutes=30, worked_on="2026-03-02", kind="regular")
    field.run()
    shared.users.update_one(
        {"id": ANN, "tenant_id": field.seed.tenant_id}, {"$set": {"roles": ["technician"]}}
    )
    field.office("work_order.assign", assignee_ids=[BOB])
    start = field.sends("work_order.labor.log", minutes=5, worked_on="2026-03-02", kind="regular")
    field.run()

    assert field.states(hours, start) == ["parked", "parked"]
    codes = [field.seed.found(command)["error"]["code"] for command in (hours, start)]
    assert codes == ["forbidden", "not_assigned"]


def test_what_happened_more_than_90_days_ago_waits_for_a_review(field: Field) -> None:
    past = SystemClock().now() - timedelta(days=91)
    old = field.sends(
        "work_order.labor.log", minutes=30, worked_on="2026-01-02", kind="regular", occurred_at=past
    )

    field.run()

    assert (field.seed.state(old), field.seed.found(old)["error"]["code"]) == ("parked", "too_old")


def test_a_missing_entity_parks_what_a_device_did_to_it_and_its_arrival_releases(
    seed: Seeds,
    drains: Drains,
    people: None,  # noqa: ARG001
) -> None:
    id = new_id()
    early = Device(seed, user_id=ANN).sends("work_order.comment.add", work_order_id=id, text="first")
    line = (seed.tenant_id, f"work_order:{id}")
    drains.until_dry([line])

    stored = seed.found(early)
    assert (stored["state"], stored["waits_for"]) == ("parked", f"work_order:{id}")


def test_the_time_a_device_noted_goes_before_one_told_to_the_office(field: Field) -> None:
    noted = SystemClock().now() - timedelta(hours=3)
    field.office("work_order.start")
    start = field.sends("work_order.start", base=1, occurred_at=noted)

    field.run()

    assert field.seed.state(start) == "applied"
    assert abs(field.order["started_at"] - noted) < timedelta(milliseconds=1)
    told = field.seed.db.events.find({"command_id": start["_id"]})
    assert [event["type"] for event in told] == ["work_order.time_corrected"]


def test_behind_a_dead_create_a_devices_lane_keeps_its_order(field: Field, drains: Drains) -> None:
    asset = new_id()
    field.seed.db.users.update_one(
        {"id": ANN, "tenant_id": field.seed.tenant_id}, {"$set": {"roles": ["planner"]}}
    )
    dead = field.seed.accept("asset.create", id=asset, name="Pump", criticality="low")
    field.seed.db.commands.update_one(
        {"_id": dead["_id"]},
        {"$set": {"state": "dead"}, "$unset": {"active": "", "next_at": "", "hint_at": ""}},
    )
    to_it = field.sends("work_order.update", base=1, asset_id=asset)
    away = field.sends("work_order.update", base=1, title="Oil, again")
    field.run()
    assert field.states(to_it, away) == ["parked", "parked"]

    field.seed.db.commands.update_one(
        {"_id": dead["_id"]}, {"$set": {"state": "accepted", "active": True, "next_at": AT_ONCE}}
    )
    drains.until_dry([(field.seed.tenant_id, f"asset:{asset}"), field.line])

    assert field.states(to_it, away) == ["applied", "applied"]
    assert [event["data"]["fields"] for event in field.events()[-2:]] == [["asset_id"], ["title"]]


def test_what_comes_in_while_its_lane_is_released_stays_behind_what_was_parked(field: Field) -> None:
    db, tenant, item = field.seed.db, field.seed.tenant_id, field.item
    start = field.sends("work_order.start", base=1)
    field.run()
    field.office("work_order.checklist.answer", item_id=item, value=4)
    conflict = field.sends("work_order.checklist.answer", base=1, item_id=item, value=5)
    hold = field.sends("work_order.hold", base=1, reason="parts")
    field.run()
    wanted = {"work_order_id": field.id}
    resume = field.seed.document("work_order.resume", wanted, user_id=ANN, base_version=1)
    resume["origin"] = hold["origin"] | {"lane_seq": 4}
    db.lanes.insert_one({"_id": lane_id(tenant, f"{ANN}/d1", field.line[1]), "next": 4})
    now, tries = SystemClock().now(), 0

    def decides(session: ClientSession) -> None:
        nonlocal tries
        tries += 1
        db.commands.find_one({"_id": conflict["_id"]}, session=session)
        if tries == 1:  # what the first try sees has no `resume` in it
            entry = Entry(id="resume", lane=field.line[1], lane_seq=4, document=resume)
            batch = Batch(
                tenant_id=tenant,
                user_id=ANN,
                device_id="d1",
                batch_id=new_id(),
                received_at=now,
                told={},
                actions=(entry,),
            )
            replays.take(db, batch, keys_kept=KEYS_KEPT)
        act = field.act(ANN)
        resolutions.settle(db, session, conflict["_id"], act, "take_server", keys_kept=KEYS_KEPT)

    in_transaction(db, decides)
    field.run()

    assert field.states(start, conflict, hold, resume) == ["applied", "conflict", "applied", "applied"]
    assert field.order["status"] == "in_progress"


def test_what_is_awaited_by_many_lanes_ends_with_as_few_questions_as_what_is_awaited_by_few(
    seed: Seeds, drains: Drains, servers: Servers
) -> None:
    asked: list[int] = []
    for many in (2, 40):
        device, asset, later = Device(seed), new_id(), drains.clock.now() + timedelta(hours=1)
        create = seed.accept("asset.create", id=asset, name="Pump", criticality="low")
        seed.db.commands.update_one({"_id": create["_id"]}, {"$set": {"next_at": later}})
        days = {order: _day(device, order, asset) for order in (new_id() for _ in range(many))}
        lines = [(seed.tenant_id, f"work_order:{order}") for order in days]
        drains.drain(*lines)
        assert all(seed.found(day[0])["after"] == [create["_id"]] for day in days.values())
        seed.db.commands.update_one({"_id": create["_id"]}, {"$set": {"next_at": AT_ONCE}})
        wire = Wire()

        with mongo.client(servers.mongo_uri, event_listeners=[wire]) as watched:
            Drains(watched, seed.db.name, drains.catalogue).drain((seed.tenant_id, f"asset:{asset}"))

        asked.append(sum(collection in ("commands", "lanes") for _, collection, _ in wire.sent))
        drains.until_dry(lines)
        assert all(seed.state(command) == "applied" for day in days.values() for command in day)
    few, as_many = asked
    assert as_many == few


def _day(device: Device, order: str, asset: str) -> list[Document]:
    said: dict[str, Any] = {"title": "Leak", "type": "corrective", "priority": "low", "asset_id": asset}
    made = device.sends("work_order.create", id=order, **said)
    return [made, device.sends("work_order.start", work_order_id=order, base=1)]
