"""The whole way: an event happens, the feed writes a row, a courier carries it, a receiver takes it."""

from __future__ import annotations

import random
from datetime import timedelta
from ipaddress import ip_network

from adapters.delivery.dispatcher import Dispatcher
from adapters.delivery.webhooks.channel import WebhookSender
from adapters.process.clock import SystemClock
from adapters.process.metrics import Metrics
from tests.support.seeds import new_id
from tests.support.webhook_ground import Ground
from tests.support.webhook_receiver import SECRET, running


def carrier(ground: Ground) -> Dispatcher:
    clock, chance = SystemClock(), random.Random(1)
    sender = WebhookSender(
        ground.db, allowed=(ip_network("127.0.0.0/8"),), monotonic=clock.monotonic, chance=chance
    )
    return Dispatcher(ground.db, sender, now=clock.now, new_token=new_id, chance=chance, metrics=Metrics())


def test_an_event_reaches_its_receiver_through_a_cut_and_a_pause_of_the_endpoint(ground: Ground) -> None:
    with running() as receiver:
        webhook = ground.listen("work_order.started", url=receiver.url("cut"), secret=SECRET)
        feed, courier = ground.feed(), carrier(ground)
        feed.tick()
        event = ground.happen()
        feed.tick()
        feed.close()
        rows, hooks, health = (ground.db[name] for name in ("deliveries", "webhooks", "webhook_health"))

        courier.tick()
        once = rows.find_one({})
        rows.update_one({}, {"$set": {"due_at": ground.now()}})
        paused = {"open_until": ground.now() + timedelta(minutes=1), "openings": 1, "failures": 5}
        health.update_one({}, {"$set": paused})
        courier.tick()
        waiting = rows.find_one({})
        rows.update_one({}, {"$set": {"due_at": ground.now()}})
        health.update_one({}, {"$set": {"open_until": ground.now()}})
        hooks.update_one({"id": webhook}, {"$set": {"url": receiver.url("ok")}})
        courier.tick()

        done = rows.find_one({})
        assert once
        assert waiting
        assert done
        assert (once["state"], once["attempts"], once["error"]["code"]) == ("pending", 1, "cut")
        assert (waiting["state"], waiting["attempts"]) == ("pending", 1)
        assert waiting["due_at"] > ground.now() + timedelta(seconds=50)
        assert (done["state"], done["attempts"]) == ("sent", 2)
        assert receiver.taken[done["id"]]["id"] == event
        assert receiver.taken[done["id"]]["data"] == {"minutes": 2**40}
        assert len(receiver.received) == 2
