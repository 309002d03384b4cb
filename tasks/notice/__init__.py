"""Commands on notices."""
