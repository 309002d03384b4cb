"""What applies accepted commands, and the scheduler process."""
