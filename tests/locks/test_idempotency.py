"""What an idempotency key may look like."""

import pytest

from locks.idempotency import parse_key


@pytest.mark.parametrize(
    "text", ["k" * 16, "k" * 255, "!~:/-_.=+0123456", f'"{"k" * 16}"', f"  {'k' * 16}\t"]
)
def test_a_key_of_16_to_255_visible_characters_is_taken_bare_or_quoted(text: str) -> None:
    assert parse_key(text) == text.strip(' \t"')


@pytest.mark.parametrize(
    "text",
    [
        "",
        "k" * 15,
        "k" * 256,
        f'"{"k" * 15}"',
        "k" * 16 + " k",
        "k" * 16 + "\x00",
        "schlüssel-schlüssel",
        "k" * 16 + "\x7f",
    ],
)
def test_anything_else_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="an idempotency key"):
        parse_key(text)
