"""Numbered, recorded, reversible changes to the database."""
