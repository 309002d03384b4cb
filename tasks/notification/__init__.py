"""Commands on notification preferences."""
