"""What applies accepted commands, and the scheduler process."""

import os

# Read by Dramatiq when it is imported, and there is no other way to say it: how many milliseconds a consumer
# waits after an error of the broker before it connects anew. Its own 3,000 outlast a short outage.
os.environ.setdefault("dramatiq_restart_delay", "500")  # noqa: TID251
