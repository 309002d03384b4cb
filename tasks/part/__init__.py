"""Commands on parts."""
