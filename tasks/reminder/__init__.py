"""Commands on reminders and their policies."""
