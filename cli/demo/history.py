"""The demo's history: real work orders of five excavators, imported like any customer's file."""

from typing import Any

from pymongo.database import Database

from adapters.process.clock import Clock
from adapters.settings.table import ROOT
from cli.importing import permitted, submit
from domain.importing.mapping import Mapping

FILE = ROOT / "data" / "excavators.csv"
NAME = "excavators"
TENANT = "demo"
IMPORTER = "admin@demo.millwright.test"

# The source tells PM01 (repair) and PM02 (planned); the others count as repairs.
TYPES = {
    "PM01": "corrective",
    "PM02": "preventive",
    "PM04": "corrective",
    "PM05": "corrective",
    "PM06": "corrective",
    "PM13": "corrective",
}

MAPPING = Mapping(
    columns={
        "title": "OriginalShorttext",
        "asset": "Asset",
        "created_at": "BscStartDate",
        "cost": "Cost",
        "type": "PMType",
    },
    values={"type": TYPES},
    currency="AUD",
    status="closed",
)


def seed(db: Database[dict[str, Any]], clock: Clock) -> bool:
    """Stores the import unless it was stored before; the first worker takes it from there."""
    if db.imports.count_documents({"tenant_id": TENANT, "name": NAME}, limit=1):
        return False
    submit(db, clock, permitted(db, IMPORTER), FILE, name=NAME, mapping=MAPPING)
    return True
