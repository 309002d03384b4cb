"""Commands on work orders."""
