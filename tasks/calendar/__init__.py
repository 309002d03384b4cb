"""Commands on working calendars."""
