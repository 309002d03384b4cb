"""What ends a command with a line for a person instead of a traceback."""


class Stop(Exception):
    """Says in one line what is wrong and what to do about it; the command exits with 1."""
