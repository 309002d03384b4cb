"""Commands on assets."""
