"""Spans: OpenTelemetry's in content, made in a fraction of the time that its SDK takes.

Each event has several, so what the SDK does for any library's spans (locks, limits, contexts that
can hold anything) took a fifth of a consumer's time. These keep W3C's text of a trace as it is,
and become the SDK's objects only where an exporter of it asks for them.
"""

import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import ContextVar, Token
from pathlib import Path
from random import getrandbits
from typing import Any, ClassVar, Self

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, Sampler
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_SAMPLED = "01"
_SCOPE = InstrumentationScope("harbourlight")
_MOST_LINKS = 128
_MOST_WAITING = 20_000
_WRITE_SECONDS = 0.5

current: ContextVar["Span | None"] = ContextVar("span", default=None)
"""The span that what happens now belongs to."""


class Span:
    """A span from now until `end`, which is recorded where its trace is sampled."""

    resource: ClassVar[Resource] = Resource.create({})
    """What every span of this process says of it."""
    recorder: ClassVar["Callable[[Span], None] | None"] = None
    """Gets every sampled span that has ended; None records none."""
    sampler: ClassVar[Sampler | None] = None
    """Decides for a trace that begins; None takes all. One that goes on is sampled as it was."""

    def __init__(
        self,
        name: str,
        kind: SpanKind,
        attributes: dict[str, Any],
        *,
        parent: str | None = None,
        linked: Sequence[str] = (),
    ) -> None:
        """`parent` and `linked` are traceparents; without a parent a trace begins here."""
        self.name, self.kind, self.attributes = name, kind, attributes
        self.linked = linked[:_MOST_LINKS]
        if parent and (found := _TRACEPARENT.fullmatch(parent)):
            self.trace_id, self.parent_id, self._flags = found.groups()
        else:
            self.trace_id, self.parent_id = f"{getrandbits(128):032x}", ""
            self._flags = _SAMPLED if self._is_sampled() else "00"
        self.span_id = f"{getrandbits(64):016x}"
        self.failure: str | None = None
        """What went wrong, if something did."""
        self.started_ns = time.time_ns()
        self.ended_ns = 0
        self._token: Token[Span | None] | None = None

    def _is_sampled(self) -> bool:
        if self.sampler is None:
            return True
        found = self.sampler.should_sample(None, int(self.trace_id, 16), self.name)
        return found.decision is Decision.RECORD_AND_SAMPLE

    @property
    def traceparent(self) -> str:
        """The span as W3C's traceparent, for what it causes."""
        return f"00-{self.trace_id}-{self.span_id}-{self._flags}"

    def end(self) -> None:
        """Records it."""
        self.ended_ns = time.time_ns()
        recorder = Span.recorder
        if recorder is not None and self._flags == _SAMPLED:
            recorder(self)

    def __enter__(self) -> Self:
        """Makes it the current one."""
        self._token = current.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._token is not None
        current.reset(self._token)
        self.end()

    def line(self) -> str:
        """What a picture of the path needs, as JSON."""
        return _encode(
            {
                "service": self.resource.attributes["service.name"],
                "trace": self.trace_id,
                "span": self.span_id,
                "parent": self.parent_id or None,
                "name": self.name,
                "start_ns": self.started_ns,
                "end_ns": self.ended_ns,
                "attributes": self.attributes,
                "links": [one[3:35] for one in self.linked],
            }
        )

    def for_exemplars(self) -> Context:
        """What tells the SDK's figures which span they are of."""
        here = _context(self.trace_id, self.span_id, self._flags)
        return set_span_in_context(NonRecordingSpan(here), Context())

    def for_sdk(self) -> ReadableSpan:
        """The same as the SDK's exporters take it."""
        failed = self.failure is not None
        parent = self.parent_id
        return ReadableSpan(
            self.name,
            _context(self.trace_id, self.span_id, self._flags),
            _context(self.trace_id, parent, self._flags) if parent else None,
            self.resource,
            self.attributes,
            links=[
                Link(_context(*found.groups()))
                for one in self.linked
                if (found := _TRACEPARENT.fullmatch(one))
            ],
            kind=self.kind,
            status=Status(StatusCode.ERROR, self.failure) if failed else Status(),
            start_time=self.started_ns,
            end_time=self.ended_ns,
            instrumentation_scope=_SCOPE,
        )


_encode = json.JSONEncoder(separators=(",", ":")).encode


def _context(trace_id: str, span_id: str, flags: str) -> SpanContext:
    return SpanContext(
        int(trace_id, 16), int(span_id, 16), is_remote=False, trace_flags=TraceFlags(int(flags, 16))
    )


class SpanFile(SpanProcessor):
    """Writes spans to a file, one JSON object per line, from a thread of its own.

    Where they come faster than they are written, the oldest ones are lost.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._waiting: deque[Span] = deque(maxlen=_MOST_WAITING)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="spans", daemon=True)
        self._thread.start()

    def take(self, span: Span) -> None:
        """To be written soon."""
        self._waiting.append(span)

    def shutdown(self) -> None:
        """Returns when everything is written."""
        self._stop.set()
        self._thread.join()
        self._file.close()

    def _run(self) -> None:
        while not self._stop.wait(_WRITE_SECONDS):
            self._write()
        self._write()

    def _write(self) -> None:
        lines = []
        while self._waiting:
            lines.append(self._waiting.popleft().line())
        if lines:
            self._file.write("\n".join(lines) + "\n")
            self._file.flush()
