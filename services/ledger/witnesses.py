"""Asks the witnesses that can be asked what they saw last."""

import asyncio
import hashlib
import logging
import urllib.request
from collections.abc import Sequence

from harbourlight.proofs.checkpoints import Checkpoint, open_checkpoint
from harbourlight.proofs.notes import BadNote, VerifierKey
from services.ledger.settings import Witness

log = logging.getLogger(__name__)

_SECONDS = 5.0
_MOST_BYTES = 64 * 1024


async def seen(witnesses: Sequence[Witness], key: VerifierKey) -> list[Checkpoint]:
    """The checkpoints of a log that its witnesses know; one that is away says nothing."""
    asked = [asyncio.to_thread(_ask, one, key) for one in witnesses if one.url]
    return [found for found in await asyncio.gather(*asked) if found]


def _ask(witness: Witness, key: VerifierKey) -> Checkpoint | None:
    name = hashlib.sha256(key.name.encode()).hexdigest()
    try:
        # The address is http or https: the settings take no other.
        with urllib.request.urlopen(  # noqa: S310
            f"{witness.url}/{name}/checkpoint", timeout=_SECONDS
        ) as answer:
            text = answer.read(_MOST_BYTES)
        return open_checkpoint(text, key).checkpoint
    except (OSError, ValueError, BadNote) as error:
        log.warning("the witness %s does not say what it saw: %s", witness.key.name, error)
        return None
