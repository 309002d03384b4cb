"""What the house asks of the document that holds a tenant's policies."""
