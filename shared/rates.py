"""How often a caller may do something: token buckets, one number each, and not without end."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

_MOST_BUCKETS = 65_536


@dataclass(frozen=True)
class Rate:
    """So many at once, and so many per minute in the long run."""

    burst: int
    per_minute: float

    @property
    def interval(self) -> float:
        """Seconds in which one more is allowed."""
        return 60.0 / self.per_minute


class Rates:
    """The buckets of many callers. Where there are too many, those not used for longest are full.

    A bucket is the moment from which it is full again (the generic cell rate algorithm).
    """

    def __init__(self, most: int = _MOST_BUCKETS) -> None:
        self._most = most
        self._full_at: OrderedDict[Hashable, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, key: Hashable, rate: Rate, now: float) -> float:
        """Takes one, and returns 0; or takes none, and returns in how many seconds there is one."""
        if wait := self.wait(key, rate, now):
            return wait
        self._full_at[key] = max(self._full_at.get(key, now), now) + rate.interval
        self._full_at.move_to_end(key)
        if len(self._full_at) > self._most:
            self._full_at.popitem(last=False)
        return 0.0

    def wait(self, key: Hashable, rate: Rate, now: float) -> float:
        """In how many seconds there is one to take; 0 where there is one now."""
        full_at = max(self._full_at.get(key, now), now) + rate.interval
        wait = full_at - now - rate.burst * rate.interval
        # Rounding must not take from a burst what the rate gives.
        return wait if wait > 1e-6 else 0.0
