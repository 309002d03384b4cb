"""Handlers against the small fake of `Work`."""
