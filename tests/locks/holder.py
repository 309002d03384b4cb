"""A pod that takes a lease, says so, and at each line of its input tries to go on with its work.

It knows nothing of being stopped: it tries to write, to extend and to release as if it still held the lease.
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from uuid import uuid4

from adapters.mongo import client as mongo
from adapters.process.clock import SystemClock
from locks.fence import fenced, stamped
from locks.lease import Leases


def main(uri: str, ttl_ms: str) -> None:
    db = mongo.client(uri).get_default_database()
    monotonic = SystemClock().monotonic
    leases = Leases(db["leases"], monotonic=monotonic, new_owner=lambda: str(uuid4()))
    lease = leases.acquire("door", ttl=timedelta(milliseconds=int(ttl_ms)))
    assert lease is not None
    print(json.dumps({"token": lease.token}), flush=True)
    for _ in sys.stdin:
        trusts_itself = lease.holds(monotonic=monotonic())
        written = db["guarded"].update_one(
            fenced({"_id": "account"}, lease), stamped({"$inc": {"balance": 1}}, lease)
        )
        told = {
            "holds": trusts_itself,
            "written": written.matched_count,
            "extended": leases.extend(lease) is not None,
            "released": leases.release(lease),
        }
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
