"""What became of a plan's occurrences, against what its preview said before any of them was due."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from pymongo.database import Database

from adapters.mongo.client import Document
from domain.plan.changes import new_plan
from domain.plan.generate import LATE
from domain.plan.model import Plan
from domain.plan.occurrences import Occurrence
from domain.plan.preview import preview
from domain.time.durations import duration
from domain.time.working_calendar import Calendar

FAR = timedelta(days=100)
"""What is due so long after the end may have been asked for before it: leads and holidays move things."""

Name = tuple[str, str]
"""The lane of an order, and the occurrence that it is for."""


class Foreseen:
    """What a plan that has just begun says it will bring up to a time, if nothing is ever missed."""

    def __init__(self, plan: Plan, calendar: Calendar | None, until: datetime) -> None:
        at = plan.begins_at
        new = new_plan(plan.id, plan.rules, calendar, at=at, now=at)
        shown = preview(new, calendar, at - FAR, until + FAR, now=at)
        due = [(lane, one) for lane, one in shown if one.generate_at <= until]
        self.orders = {(lane, one.occurrence): one for lane, one in due if one.skipped is None}
        self.left_out = Counter({(one.occurrence, one.skipped.code) for _, one in due if one.skipped})
        kept = sorted({one.occurrence: one for one in self.orders.values()}.values(), key=_number)
        self.occurrences = {one.occurrence: one for one in kept}
        self.followers = {one.occurrence: behind for one, behind in pairwise(kept)}


def _number(one: Occurrence) -> int:
    return one.index


class Books:
    """Everything that the store has of the plans of one tenant, by plan."""

    def __init__(self, db: Database[Any], tenant_id: str) -> None:
        of = {"tenant_id": tenant_id}
        self.orders = _by(
            db.work_orders.find(of, {"plan": 1, "due_at": 1, "status": 1}), lambda row: row["plan"]["id"]
        )
        told = of | {"type": {"$in": ["plan.generated", "plan.occurrence_skipped"]}}
        events = db.events.find(told, {"type": 1, "target": 1, "at": 1, "data": 1})
        self.events = _by(events, lambda row: row["target"].partition(":")[2])
        opened = of | {"type": "work_order.created", "data.plan_id": {"$exists": True}}
        self.opened = _by(
            db.events.find(opened, {"target": 1, "data": 1}), lambda row: row["data"]["plan_id"]
        )
        merged = of | {"type": "work_order.merge_occurrence", "state": "applied"}
        self.merged = _by(
            db.commands.find(merged, {"payload": 1}), lambda row: row["payload"]["instead"]["plan_id"]
        )

    def check(self, plan: Plan, foreseen: Foreseen, *, clocks_differ: timedelta) -> Counter[str]:
        """Each occurrence has one order, or one true record of why not. Returns how many of which."""
        issued = Counter[Name]()
        missed = Counter[Name]()
        in_the_way = Counter[Name]()
        left_out = Counter[Name]()
        for event in self.events[plan.id]:
            data = event["data"]
            if event["type"] == "plan.generated":
                issued.update((order["lane"], order["occurrence"]) for order in data["orders"])
                for order in data["orders"]:
                    _was_in_time(plan, foreseen, order["occurrence"], event["at"] - clocks_differ)
            elif data["code"] == "missed":
                _was_missed(plan, foreseen, data["occurrence"], event["at"] + clocks_differ)
                missed.update((lane, data["occurrence"]) for lane in plan.rules.order_lanes)
            elif data["code"] == "open_order":
                in_the_way[data["lane"], data["occurrence"]] += 1
            else:
                left_out[data["occurrence"], data["code"]] += 1
        assert left_out == foreseen.left_out, plan
        assert issued + missed + in_the_way == Counter(foreseen.orders.keys()), plan
        assert not missed or plan.rules.catch_up != "all", plan
        assert not in_the_way or plan.rules.open_policy == "skip", plan
        merged = self._check_orders(plan, foreseen, issued)
        return Counter(
            issued=issued.total(),
            merged=merged,
            missed=missed.total(),
            in_the_way=in_the_way.total(),
            left_out=left_out.total(),
        )

    def _check_orders(self, plan: Plan, foreseen: Foreseen, issued: Counter[Name]) -> int:
        """The orders, and what was told and asked of them, are those that the plan says it has issued."""
        orders = self.orders[plan.id]
        opened = [(row["plan"]["lane"], row["plan"]["occurrence"]) for row in orders]
        if plan.rules.open_policy == "supersede":
            _check_superseded(plan, orders)
        for name, row in zip(opened, orders, strict=True):
            assert row["due_at"] == foreseen.orders[name].due_at, (plan, name)
        assert sorted(event["data"]["occurrence"] for event in self.opened[plan.id]) == sorted(
            occurrence for _, occurrence in opened
        ), plan
        merged = [command["payload"]["instead"] for command in self.merged[plan.id]]
        added = Counter((asked["lane"], asked["occurrence"]) for asked in merged)
        assert Counter(opened) + added == issued, plan
        assert plan.rules.open_policy == "merge" or len(opened) == issued.total(), plan
        return issued.total() - len(opened)


def _check_superseded(plan: Plan, orders: list[Document]) -> None:
    """Of each lane the last one alone is open."""
    for lane in plan.rules.order_lanes:
        of_lane = [row for row in orders if row["plan"]["lane"] == lane]
        inorder = sorted(of_lane, key=lambda row: row["plan"]["occurrence"])
        assert [row["status"] for row in inorder[:-1]] == ["cancelled"] * (len(inorder) - 1), (plan, lane)
        assert all(row["status"] == "requested" for row in inorder[-1:]), (plan, lane)


def _was_missed(plan: Plan, foreseen: Foreseen, occurrence: str, looked_at: datetime) -> None:
    found = foreseen.occurrences[occurrence]
    if plan.rules.catch_up == "latest":
        assert foreseen.followers[occurrence].due_at <= looked_at, (plan, occurrence)
    else:
        assert looked_at > found.due_at + _window(plan), (plan, occurrence)


def _was_in_time(plan: Plan, foreseen: Foreseen, occurrence: str, looked_at: datetime) -> None:
    """What catches up with all of them is never too late."""
    found, follower = foreseen.occurrences[occurrence], foreseen.followers.get(occurrence)
    if plan.rules.catch_up == "latest":
        assert follower is None or follower.due_at > looked_at, (plan, occurrence)
    elif plan.rules.catch_up == "none":
        assert looked_at <= found.due_at + _window(plan), (plan, occurrence)


def _window(plan: Plan) -> timedelta:
    return duration(plan.rules.due_window) if plan.rules.due_window else LATE


def _by(rows: Iterable[Document], key: Any) -> Mapping[str, list[Document]]:
    found: defaultdict[str, list[Document]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return found
