"""What an idempotency key may look like, and how long one is remembered at the least.

Races between equal keys are decided by a unique index, not here.
"""

from datetime import timedelta

KEYS_KEPT = timedelta(days=90)
"""The least that IDEMPOTENCY_TTL_MS may say, and its default. Everything that runs takes the setting."""

SHORTEST = 16
LONGEST = 255

_QUOTE = '"'


def parse_key(text: str) -> str:
    """The key as it is stored, without the quotes of a structured-field string.

    Raises: ValueError: its message names the fault.
    """
    key = text.strip(" \t")
    if len(key) >= 2 and key[0] == key[-1] == _QUOTE:
        key = key[1:-1]
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ValueError("an idempotency key consists of visible ASCII characters, without spaces")
    if not SHORTEST <= len(key) <= LONGEST:
        raise ValueError(
            f"an idempotency key has {SHORTEST} to {LONGEST} characters; this one has {len(key)}"
        )
    return key
