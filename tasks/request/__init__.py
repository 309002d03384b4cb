"""Commands on requests for work."""
