"""Schedules, which turn time into commands: one file each, collected by walking this package."""
