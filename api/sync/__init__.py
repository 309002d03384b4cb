"""GET /api/sync: what a person needs offline, and what changed of it since they last asked."""
