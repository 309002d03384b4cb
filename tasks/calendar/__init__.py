"""What can be asked of working calendars."""
