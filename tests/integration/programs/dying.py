"""Kafka clients that kill their process at a point where nothing must be lost."""

import os
import signal
from collections.abc import Sequence
from typing import Any

from shared.kafka import Kafka, Record, Sender


def die() -> None:
    """Ends this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


class DyingAfterSend(Kafka):
    """Its sender dies once everything is acknowledged, before anybody is told."""

    def sender(self) -> Sender:
        """A sender that sends one batch."""
        return _Dying(self.sender_options())


class _Dying(Sender):
    async def send_all(self, records: Sequence[Record]) -> None:
        await super().send_all(records)
        die()


class DyingBeforeCommit(Kafka):
    """Its consumer dies when it is to commit its offsets."""

    def consumer(self, *arguments: Any) -> Any:
        """A consumer that takes one batch in."""
        consumer = super().consumer(*arguments)
        consumer.commit = die
        return consumer


KINDS = {"after-send": DyingAfterSend, "before-commit": DyingBeforeCommit, "": Kafka}
"""When the process dies -> its Kafka."""
