"""Kafka clients that kill their process at a point where nothing must be lost."""

import os
import signal
from collections.abc import Sequence
from typing import Any

from shared.kafka import Kafka, Producer, Record


def die() -> None:
    """Ends this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


class DyingAfterSend(Kafka):
    """Its producer dies once everything is acknowledged, before anybody is told."""

    def producer(self) -> Producer:
        """A producer that sends one batch."""
        return _DyingProducer(self._options)


class _DyingProducer(Producer):
    def send_all(self, records: Sequence[Record]) -> None:
        super().send_all(records)
        die()


class DyingBeforeCommit(Kafka):
    """Its consumer dies when it is to commit its offsets."""

    def consumer(self, *arguments: Any) -> Any:
        """A consumer that takes one batch in."""
        consumer = super().consumer(*arguments)
        consumer.commit_async = die
        return consumer


KINDS = {"after-send": DyingAfterSend, "before-commit": DyingBeforeCommit, "": Kafka}
"""When the process dies -> its Kafka."""
