"""What can be asked of SLA policies."""
