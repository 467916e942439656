"""What a domain answers: a new state and what happened, not yet, or a refusal."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

S = TypeVar("S")


@dataclass(frozen=True)
class Decision(Generic[S]):
    """The new state, and the events that led there, in order.

    A command without events changed nothing. An event taken in may change a state silently: what
    happened has been told already.
    """

    state: S
    events: tuple[Any, ...] = ()


class NotYet(Exception):
    """The event makes sense only after another that has not arrived: it waits, it is no fault."""
