"""Recurrence: triggers, and the local times at which they are due."""
