"""GET /api/policies."""

from __future__ import annotations

from typing import Any

import httpx
from pymongo.database import Database

from tests.api.people import People


async def test_a_tenant_reads_its_own_policies_and_none_where_there_are_none(
    web: httpx.AsyncClient, people: People, store: Database[Any]
) -> None:
    viewer, requester, stranger = (
        people.add("viewer"),
        people.add("requester"),
        people.add("viewer", tenant_id="another"),
    )
    store["policies"].insert_one(
        {
            "_id": f"{viewer.tenant_id}/tenant",
            "tenant_id": viewer.tenant_id,
            "id": "tenant",
            "version": 3,
            "schema_version": 1,
            "sla": [{"id": "p", "name": "Gold", "response": "PT4H"}],
            "reminders": [],
            "fresh": True,
        }
    )

    mine = await web.get("/api/policies", headers=viewer.auth)
    theirs = await web.get("/api/policies", headers=stranger.auth)
    refused = await web.get("/api/policies", headers=requester.auth)

    sla = [{"id": "p", "name": "Gold", "response": "PT4H"}]
    assert mine.json() == {"id": "tenant", "version": 3, "sla": sla, "reminders": []}
    assert theirs.json() == {"id": "tenant", "version": 0, "sla": [], "reminders": []}
    assert refused.status_code == 403
