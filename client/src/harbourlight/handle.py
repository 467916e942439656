"""Case handles: `HL-`, 16 Crockford base32 characters and a check symbol.

The characters are the first 80 bits of SHA-256 of the case's public key, so a handle is
self-certifying and can be restored from the key alone. The check symbol (Crockford, modulo 37)
catches any single mistyped or swapped character before a look-up is made.
"""

import hashlib

PREFIX = "HL-"
_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CHECK_SYMBOLS = _DIGITS + "*~$=U"
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
_LENGTH = 16


def derive(public_key: bytes) -> str:
    """The handle of the case whose raw Ed25519 public key this is."""
    number = int.from_bytes(hashlib.sha256(public_key).digest()[:10], "big")
    digits = "".join(_DIGITS[number >> shift & 31] for shift in range(75, -1, -5))
    return PREFIX + digits + _CHECK_SYMBOLS[number % 37]


def problem(text: str) -> str | None:
    """Why `text` is no handle in its canonical form, or None if it is one."""
    if not text.startswith(PREFIX) or len(text) != len(PREFIX) + _LENGTH + 1:
        return f"a handle is {PREFIX} and {_LENGTH + 1} characters long"
    digits, symbol = text[len(PREFIX) : -1], text[-1]
    number = 0
    for digit in digits:
        if digit not in _VALUES:
            return f"{digit!r} does not occur in a handle (0-9 and A-Z without I, L, O, U do)"
        number = number << 5 | _VALUES[digit]
    if _CHECK_SYMBOLS[number % 37] != symbol:
        return "the check symbol does not match: a character is mistyped or two are swapped"
    return None


def parse(text: str) -> str:
    """The canonical form of a handle as a person types it: any case, O for 0, I and L for 1.

    Raises ValueError with the reason where it is none.
    """
    upper = text.strip().upper()
    body = upper.removeprefix(PREFIX).replace("-", "").replace(" ", "")
    canonical = PREFIX + body.translate(str.maketrans("OIL", "011"))
    if reason := problem(canonical):
        raise ValueError(f"{text!r} is not a case handle: {reason}")
    return canonical
