"""Files of work orders, from the cell to the closed order."""
