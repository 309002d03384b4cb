"""Leases with fencing tokens; idempotency."""
