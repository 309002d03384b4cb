"""Real processes under faults."""
