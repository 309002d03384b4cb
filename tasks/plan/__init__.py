"""Commands on maintenance plans."""
