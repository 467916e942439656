"""What a caller is told while a database is away: to ask again, and not that something failed."""

import contextlib
import logging
from collections.abc import Iterator

from shared.database import is_passing
from shared.errors import Kind, Refusal

log = logging.getLogger(__name__)


@contextlib.contextmanager
def as_refusals(path: str) -> Iterator[None]:
    """Turns what passes (see `is_passing`) into a Refusal; every other error goes its way."""
    try:
        yield
    except Exception as error:
        if not is_passing(error):
            raise
        log.warning("%s: a database is away (%s: %s)", path, type(error).__name__, error)
        # A commit may have gone through unheard.
        raise Refusal(
            Kind.DATABASE_AWAY,
            "a database of this service is away, and it is not known whether anything was changed: "
            "send the same request again",
        ) from error
