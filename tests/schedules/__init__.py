"""Schedules: when they fire, and what comes of it, on a real store."""
