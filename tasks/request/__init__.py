"""Commands on work requests."""
