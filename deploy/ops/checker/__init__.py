"""The independent checker: whether everything that was accepted is where it should be, once.

It reads the databases, the topics and, where they are given, the clients' own logs, and compares
them by rules of its own. It shares no code with what it checks: not the inbox, the outbox, the
relay or the decoder of events. From the contract it takes who may see which event.
"""

from deploy.ops.checker.model import Fault, Report
from deploy.ops.checker.run import verify

__all__ = ["Fault", "Report", "verify"]
