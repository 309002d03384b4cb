"""What can be asked of work orders."""
