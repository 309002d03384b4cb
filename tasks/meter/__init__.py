"""Commands on meters."""
