"""Leases with fencing tokens, and idempotency keys."""
