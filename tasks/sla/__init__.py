"""Commands on SLA policies."""
