"""What ends a command with a line for a person instead of a traceback."""


class Stop(Exception):
    """Says in one line what is wrong and what to do about it; the command exits with 1."""


def first_words(error: Exception) -> str:
    """What a driver says, without its description of the whole topology."""
    return str(error).split(", full error:")[0].split(", Timeout:")[0]
