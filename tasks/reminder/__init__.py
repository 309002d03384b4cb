"""What can be asked of reminders and their policies."""
