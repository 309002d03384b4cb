"""Files of work orders: what their columns mean, which rows are good, and which commands a row stands for."""
