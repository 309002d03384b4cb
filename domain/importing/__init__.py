"""Imports of work orders from files: the mapping of columns, the rows, and the commands of each row."""
