"""Commands on how people want to be told."""
