"""Internal commands on the document with a tenant's policies."""
