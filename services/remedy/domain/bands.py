"""What may be told of a number where the number itself would give somebody away."""

from decimal import Decimal

_FIRST_OF_BAND = (1, 5, 20, 100, 500, 2000)


def headcount_band(people: int) -> str:
    """The band that a number of people lies in: "0", "1-4", "5-19", ... "2000+"."""
    if people < 1:
        return "0"
    reached = [first for first in _FIRST_OF_BAND if first <= people]
    if len(reached) == len(_FIRST_OF_BAND):
        return f"{reached[-1]}+"
    return f"{reached[-1]}-{_FIRST_OF_BAND[len(reached)] - 1}"


def money_band(amount: str) -> str:
    """The power of ten that an exact decimal lies in, such as "100000-999999" for 734000.00."""
    digits = len(str(int(Decimal(amount))))
    if digits < 4:
        return "under 1000"
    return f"{10 ** (digits - 1)}-{10**digits - 1}"
