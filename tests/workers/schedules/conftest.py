"""A scheduler and a worker on one database."""

from tests.support.scheduling import database_name, house

__all__ = [
    "database_name",
    "house",
]
