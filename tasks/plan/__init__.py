"""What can be asked of maintenance plans."""
