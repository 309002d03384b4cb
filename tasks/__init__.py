"""What can be asked for: one file is one command."""
