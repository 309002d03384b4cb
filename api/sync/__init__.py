"""GET /api/sync: the data a person needs offline, and its changes since their last sync."""
