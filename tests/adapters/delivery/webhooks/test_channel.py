"""The sender against a real receiver that fails in every way."""

from __future__ import annotations

import random
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import timedelta
from ipaddress import ip_network
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from pymongo.database import Database

from adapters.delivery.ledger import row
from adapters.delivery.outcomes import Again, Failed, Later, Outcome, Sent
from adapters.delivery.webhooks.channel import WebhookSender
from adapters.mongo import client as mongo
from adapters.mongo.client import Document
from adapters.process.clock import SystemClock
from domain.notices.breaker import FAILURES
from tests.servers import Servers
from tests.support.seeds import new_id
from tests.support.webhook_receiver import SECRET, Receiver, running

HERE = (ip_network("127.0.0.0/8"),)

Send = Callable[..., Outcome]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running() as found:
        yield found


class Hooks:
    """One tenant's webhooks and the sender that serves them."""

    def __init__(self, db: Database[Any]) -> None:
        self.db = db

    def add(self, url: str, **more: Any) -> str:
        id = new_id()
        document = {
            "_id": f"t/{id}",
            "tenant_id": "t",
            "id": id,
            "url": url,
            "secret": SECRET,
            "active": True,
        }
        self.db["webhooks"].insert_one(document | more)
        return id

    def row(self, webhook: str, step: str = "e:0") -> Document:
        made = row(
            tenant_id="t",
            about="work_order:1",
            step=step,
            kind="work_order.completed",
            recipient=webhook,
            channel="webhook",
            at=SystemClock().now(),
            payload={"id": step, "type": "work_order.completed", "data": {"minutes": 5}},
        )
        return made | {"attempts": 1}

    def health(self, webhook: str) -> Document:
        return dict(self.db["webhook_health"].find_one({"_id": f"t/{webhook}"}) or {})

    def sender(self, **options: Any) -> WebhookSender:
        known: dict[str, Any] = {
            "allowed": HERE,
            "monotonic": SystemClock().monotonic,
            "chance": random.Random(7),
            "within": timedelta(seconds=2),
        }
        return WebhookSender(self.db, **known | options)

    def send(self, url: str, **options: Any) -> Outcome:
        return self.sender(**options).send([self.row(self.add(url))])


@pytest.fixture(scope="module")
def hooks(servers: Servers) -> Iterator[Hooks]:
    """Every test has webhooks of its own in it."""
    with mongo.client(servers.mongo_uri) as client:
        name = f"hooks_{uuid4().hex[:12]}"
        yield Hooks(client[name])
        client.drop_database(name)


def test_a_signed_event_arrives_and_is_taken_once(hooks: Hooks, receiver: Receiver) -> None:
    made = hooks.row(hooks.add(receiver.url("ok?token=1")))
    sender = hooks.sender()

    outcomes = [sender.send([made]), sender.send([made])]

    assert outcomes == [Sent(), Sent()]
    first, second = receiver.received
    assert first.path == "/ok?token=1"
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == made["id"]
    assert first.headers["content-type"] == "application/json"
    assert receiver.taken == {made["id"]: made["payload"]}
    assert receiver.forged == 0
    assert hooks.health(made["recipient"])["last_ok_at"]


@pytest.mark.parametrize(
    ("path", "code"), [("404", "http_404"), ("410", "http_410"), ("redirect", "http_307")]
)
def test_what_the_endpoint_will_never_take_is_failed_and_no_redirect_is_followed(
    hooks: Hooks, receiver: Receiver, path: str, code: str
) -> None:
    webhook = hooks.add(receiver.url(path))

    outcome = hooks.sender().send([hooks.row(webhook)])

    assert isinstance(outcome, Failed)
    assert outcome.error.code == code
    assert [heard.path for heard in receiver.received] == [f"/{path}"]
    assert hooks.health(webhook)["last_error"]["code"] == code
    assert hooks.health(webhook)["failures"] == 0


@pytest.mark.parametrize(
    ("path", "code", "within_s"),
    [
        ("500", "http_500", 2),
        ("hang", "timeout", 0.3),
        ("dribble", "timeout", 0.3),
        ("cut", "cut", 2),
    ],
)
def test_what_may_pass_is_tried_again(
    hooks: Hooks, receiver: Receiver, path: str, code: str, within_s: float
) -> None:
    webhook = hooks.add(receiver.url(path))

    outcome = hooks.sender(within=timedelta(seconds=within_s)).send([hooks.row(webhook)])

    assert isinstance(outcome, Again)
    assert outcome.error.code == code
    assert outcome.after is not None
    assert timedelta(seconds=1) <= outcome.after <= timedelta(seconds=10)
    assert hooks.health(webhook)["failures"] == 1


def test_an_endpoint_that_asks_for_time_gets_it(hooks: Hooks, receiver: Receiver) -> None:
    outcome = hooks.send(receiver.url("429"))

    assert isinstance(outcome, Again)
    assert outcome.after == timedelta(seconds=120)


def test_what_was_taken_before_the_line_was_cut_is_recognised_when_it_comes_again(
    hooks: Hooks, receiver: Receiver
) -> None:
    webhook = hooks.add(receiver.url("cut"))
    made = hooks.row(webhook)
    sender = hooks.sender()

    assert isinstance(sender.send([made]), Again)
    hooks.db["webhooks"].update_one({"id": webhook}, {"$set": {"url": receiver.url("ok")}})

    assert sender.send([made]) == Sent()
    assert len(receiver.received) == 2
    assert list(receiver.taken) == [made["id"]]


def test_the_body_of_an_answer_is_not_waited_for(hooks: Hooks, receiver: Receiver) -> None:
    assert hooks.send(receiver.url("huge")) == Sent()


def test_nobody_there_is_tried_again(hooks: Hooks) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: nothing else can be there

        outcome = hooks.send(f"http://127.0.0.1:{taken.getsockname()[1]}/")

    assert isinstance(outcome, Again)
    assert outcome.error.code == "unreachable"


def test_a_name_nobody_knows_is_tried_again(hooks: Hooks) -> None:
    def resolve(host: str, port: int) -> list[str]:
        raise socket.gaierror(f"{host}:{port}")

    outcome = hooks.send("https://nowhere.example.com/", resolve=resolve)

    assert isinstance(outcome, Again)
    assert outcome.error.code == "unknown_host"


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://0x7f.1/",
        "https://localhost/",
    ],
)
def test_nothing_is_sent_to_a_private_address(hooks: Hooks, url: str) -> None:
    outcome = hooks.send(url, allowed=())

    assert isinstance(outcome, Failed)
    assert outcome.error.code == "address_refused"


def test_one_private_address_among_public_ones_condemns_the_name(hooks: Hooks) -> None:
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(f"{host}:{port}")
        return ["93.184.216.34", "10.0.0.1"]

    outcome = hooks.send("https://rebinding.example.com/", allowed=(), resolve=resolve)

    assert isinstance(outcome, Failed)
    assert outcome.error.code == "address_refused"
    assert asked == ["rebinding.example.com:443"]


def test_the_judged_address_is_the_one_connected_to(hooks: Hooks, receiver: Receiver) -> None:
    """A name that leads elsewhere when it is asked again is not asked again."""
    answers = iter([["127.0.0.1"]])

    outcome = hooks.send(
        receiver.url("ok", "twofaced.example.com"), resolve=lambda _host, _port: next(answers)
    )

    assert outcome == Sent()
    assert receiver.received[0].headers["host"] == f"twofaced.example.com:{receiver.port}"


def test_a_public_address_is_reached_by_https_only(hooks: Hooks) -> None:
    outcome = hooks.send("http://example.com/", resolve=lambda _host, _port: ["93.184.216.34"])

    assert isinstance(outcome, Failed)
    assert "https only" in outcome.error.message


def test_the_certificate_must_be_of_the_name(
    hooks: Hooks, certificates: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    serves, trusts = certificates
    with running(serves) as secure:
        right, wrong = (
            hooks.send(
                secure.url("ok", host, "https"), tls=trusts, resolve=lambda _host, _port: ["127.0.0.1"]
            )
            for host in ("hooks.example.com", "other.example.com")
        )
        untrusted = hooks.send(
            secure.url("ok", "hooks.example.com", "https"), resolve=lambda _host, _port: ["127.0.0.1"]
        )

        assert right == Sent()
        assert isinstance(wrong, Again)
        assert isinstance(untrusted, Again)
        assert wrong.error.code == untrusted.error.code == "unreachable"
        assert len(secure.received) == 1


def test_an_endpoint_that_keeps_failing_is_left_alone_and_then_asked_once(
    hooks: Hooks, receiver: Receiver
) -> None:
    webhook = hooks.add(receiver.url("500"))
    sender = hooks.sender()
    for n in range(FAILURES):
        assert isinstance(sender.send([hooks.row(webhook, f"e:{n}")]), Again)

    paused = sender.send([hooks.row(webhook, "e:9")])

    assert isinstance(paused, Later)
    assert timedelta(seconds=25) < paused.after < timedelta(seconds=40)
    assert len(receiver.received) == FAILURES

    now = SystemClock().now()
    past = {"$set": {"open_until": now - timedelta(seconds=1)}}
    hooks.db["webhook_health"].update_one({"_id": f"t/{webhook}"}, past)
    assert isinstance(sender.send([hooks.row(webhook, "e:9")]), Again)
    assert hooks.health(webhook)["open_until"] > now + timedelta(seconds=50)

    hooks.db["webhook_health"].update_one({"_id": f"t/{webhook}"}, past)
    hooks.db["webhooks"].update_one({"id": webhook}, {"$set": {"url": receiver.url("ok")}})
    assert sender.send([hooks.row(webhook, "e:9")]) == Sent()
    assert hooks.health(webhook)["open_until"] is None
    assert hooks.health(webhook)["openings"] == 0


def test_while_one_asks_the_others_wait(hooks: Hooks, receiver: Receiver) -> None:
    webhook = hooks.add(receiver.url("ok"))
    now = SystemClock().now()
    known = {"failures": 5, "openings": 1, "open_until": now - timedelta(seconds=1), "probe_until": None}
    hooks.db["webhook_health"].insert_one({"_id": f"t/{webhook}", "tenant_id": "t", "revision": 1} | known)
    probing = {"$set": {"probe_until": now + timedelta(seconds=30)}}
    hooks.db["webhook_health"].update_one({"_id": f"t/{webhook}"}, probing)

    assert isinstance(hooks.sender().send([hooks.row(webhook)]), Later)

    assert receiver.received == []


def test_a_webhook_that_was_switched_off_gets_nothing_more(hooks: Hooks, receiver: Receiver) -> None:
    webhook = hooks.add(receiver.url("ok"), active=False)

    outcome = hooks.sender().send([hooks.row(webhook)])

    assert isinstance(outcome, Failed)
    assert outcome.error.code == "webhook_inactive"
    assert receiver.received == []


def test_no_proxy_of_the_environment_is_asked(
    hooks: Hooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert hooks.send(receiver.url("ok")) == Sent()


def test_what_is_noted_of_an_endpoint_holds_no_secret(hooks: Hooks, receiver: Receiver) -> None:
    webhook = hooks.add(receiver.url("500?token=hidden"))

    outcome = hooks.sender().send([hooks.row(webhook)])

    told = msgspec.json.encode([outcome, hooks.health(webhook)["last_error"]])
    assert b"hidden" not in told
    assert SECRET.encode() not in told
