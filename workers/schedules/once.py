"""`python -m workers.schedules.once`: one round over all schedules, for a cron job.

For deployments in which no scheduler process runs.
"""

from __future__ import annotations

import sys

from adapters.broker import hints
from adapters.mongo import client as mongo
from adapters.mongo.client import Unavailable
from adapters.process import logs
from adapters.process.metrics import Metrics
from adapters.settings import table as settings
from locks.lease import Unreachable
from workers.schedules import runner as schedules


def main() -> int:
    """Exit code 1: the store did not answer, run it again; 2: the settings are wrong."""
    try:
        told = settings.from_environment()
    except settings.SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logs.configure(told, "scheduler")
    broker = hints.broker(told.broker)
    with mongo.client(told.mongo_uri, **told.mongo_options) as client:
        for runner in schedules.runners(
            client[told.database], broker, told, Metrics(), term=None, by_hint=False
        ):
            try:
                accepted = runner.tick()
            except (Unavailable, Unreachable) as error:
                sys.stderr.write(f"{runner.schedule.name}: {error}\n")
                return 1
            sys.stdout.write(f"{runner.schedule.name}: {accepted} commands\n")
    broker.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
