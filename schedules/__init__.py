"""One file is one schedule: it says when and yields commands."""
