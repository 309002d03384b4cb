"""Which passwords are accepted, wherever one is set."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import msgspec

LONGEST_BYTES = 72
"""What bcrypt reads; a longer password is refused rather than cut."""

SHORTEST_PART = 4
"""Letters of a name or an address from which a password that holds them is refused."""

_WORDS = """
    abc abcdef abcdefgh access admin adminadmin administrator april asdf asdfgh asdfghjkl august autumn
    azerty baseball batman changeme charlie computer december default donald dragon february football
    freedom guest hello hunter iloveyou january july june letmein login maintenance manager march master
    may millwright monkey mustang mypassword newpassword ninja november october operator pass passphrase
    passpass passport password passwordpassword passwort planner princess qazwsx qwerty qwertyqwerty
    qwertyuiop qwertz root secret security september service shadow solo spring starwars summer sunshine
    superman supervisor technician temp temporary test tester testing testtest thisismypassword trustno
    trustnoone user viewer welcome welcomewelcome whatever winter workorder zxcvbn zxcvbnm
"""
COMMON = frozenset(_WORDS.split())
"""Words that, with digits and signs around them or for their letters, are guessed first."""

_LOOKALIKES = str.maketrans("013457@$!|", "oleastasil")
_NO_LETTER = re.compile(r"[^a-z]+")


class PasswordPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of this installation."""

    min_length: int = 12
    uppercase: bool = True
    lowercase: bool = True
    number: bool = True
    symbol: bool = True


def weaknesses(password: str, policy: PasswordPolicy, *, email: str, name: str) -> list[tuple[str, str]]:
    """Why this user may not have this password: a code and a sentence for each rule broken."""
    return [*_size(password, policy), *_composition(password, policy), *_guessable(password, email, name)]


def _size(password: str, policy: PasswordPolicy) -> Iterator[tuple[str, str]]:
    if len(password) < policy.min_length:
        yield "too_short", f"a password has at least {policy.min_length} characters"
    if len(password.encode("utf-8", "surrogatepass")) > LONGEST_BYTES:
        yield "too_long", f"a password has at most {LONGEST_BYTES} bytes"
    if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in password):
        yield "malformed", "a password has no control characters"


def _composition(password: str, policy: PasswordPolicy) -> Iterator[tuple[str, str]]:
    if policy.uppercase and not any(sign.isupper() for sign in password):
        yield "no_uppercase", "a password has an upper-case letter"
    if policy.lowercase and not any(sign.islower() for sign in password):
        yield "no_lowercase", "a password has a lower-case letter"
    if policy.number and not any(sign.isdigit() for sign in password):
        yield "no_number", "a password has a digit"
    if policy.symbol and all(sign.isalnum() for sign in password):
        yield "no_symbol", "a password has a character that is neither letter nor digit"


def _guessable(password: str, email: str, name: str) -> Iterator[tuple[str, str]]:
    lowered = password.casefold()
    if any(part in lowered for part in _parts(email, name)):
        yield "personal", "a password holds no part of your name or address"
    spellings = {_NO_LETTER.sub("", lowered), _NO_LETTER.sub("", lowered.translate(_LOOKALIKES))}
    # Without signs at the ends, which look like letters too: Passw0rd!2026
    spellings.add(_NO_LETTER.sub("", lowered.strip("0123456789!@$|").translate(_LOOKALIKES)))
    if spellings & COMMON or len(set(lowered)) < 5:
        yield "too_common", "this password is among the first that are guessed"


def _parts(email: str, name: str) -> Iterator[str]:
    address = email.casefold()
    for part in {
        address,
        address.partition("@")[0],
        *re.split(r"[\s._@+-]+", f"{name.casefold()} {address}"),
    }:
        if len(part) >= SHORTEST_PART:
            yield part
