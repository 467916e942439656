"""Structured logs: one JSON object per line, with the trace that it belongs to."""

import logging
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from shared import telemetry


def _trace_id(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    if found := telemetry.current_trace_id():
        event["trace_id"] = found
    return event


def set_up(service: str, level: int = logging.INFO) -> None:
    """Sends every logger's output to standard error as JSON."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.format_exc_info,
        _trace_id,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.EventRenamer("message"),
            lambda _, __, event: {"service": service, **event},
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # kafka-python tells each step of every connection; what fails in the end is raised to us.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    for chatty in ("aiokafka", "faust", "mode"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
