"""Ids of facilities: an OS ID of Open Supply Hub, or scheme:identifier of another register.

An OS ID is 15 characters: country (ISO 3166-1 alpha-2), year and day of the year of its making,
5 characters of Crockford base32, and a check digit, such as CN2021250D1DTN7.
"""

import re

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_OS_ID = re.compile(rf"[A-Z]{{2}}[0-9]{{7}}[{_DIGITS}]{{6}}")
_OTHER = re.compile(r"[a-z][a-z0-9-]{1,15}:[0-9A-Z][0-9A-Z./-]{0,63}")


def problem(text: str) -> str | None:
    """Why `text` is no facility id in its canonical form, or None if it is one.

    What has a scheme is an identifier, never a name: capitals, digits, dots, slashes and dashes.
    """
    if _OTHER.fullmatch(text):
        return None
    if not _OS_ID.fullmatch(text):
        return (
            f"{text!r} is neither an OS ID, such as CN2021250D1DTN7, nor scheme:identifier, such "
            "as gln:4012345000009"
        )
    # The sum of the letters' ASCII codes and the digits' values, modulo 32.
    total = sum(map(ord, text[:2])) + sum(map(_DIGITS.index, text[2:-1]))
    if _DIGITS[total % 32] != text[-1]:
        return f"the check digit of {text!r} does not match: a character is mistyped"
    return None
