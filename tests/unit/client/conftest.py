"""A real gRPC server in this process that gives the answers a test wrote down for it.

`run` runs the command line against it.
"""

import json
import shlex
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import grpc
import pytest
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import status_pb2
from grpc_status import rpc_status
from typer.testing import CliRunner, Result

from harbourlight import CaseKey, Endpoints, handle
from harbourlight.cli import app
from harbourlight.types.v1 import types_pb2 as types

M = TypeVar("M", bound=Message)
Run = Callable[..., Result]

ORIGIN = "harbourlight.test"
ITEM = "0d8f3c1e-7b2a-4c3d-9e4f-5a6b7c8d9e0f"
"""An id as referrals and remedy items have."""
HANDLE = handle.derive(bytes(32))
FACTS = types.ReportFacts(
    country="MY",
    sector="ISIC_C",
    exploitation_type=types.EXPLOITATION_TYPE_FORCED_LABOUR,
    child_involved=types.CHILD_INVOLVEMENT_NO,
    indicators=["DEBT_BONDAGE", "EXPLOITATION/LOW_OR_NO_SALARY"],
)
OPTIONS = (
    "--country MY --sector ISIC_C --type forced-labour --child no "
    "--indicator DEBT_BONDAGE --indicator EXPLOITATION/LOW_OR_NO_SALARY"
)
"""FACTS as the command line takes them."""


def pack(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed


class Failure(NamedTuple):
    """An answer that is a status."""

    code: grpc.StatusCode
    message: str = "scripted"
    details: tuple[Message, ...] = ()


class Call(NamedTuple):
    """A call as the server received it."""

    method: str
    """Without package and service."""
    path: str
    request: bytes
    metadata: dict[str, str]


class Server(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    """Answers each call of a method with the next entry of its script.

    A unary entry is a message, a Failure, or a function that makes one of the request's bytes; a
    stream's entry is a list of messages that may end in a Failure. A stream without an entry stays
    open and brings nothing.
    """

    def __init__(self) -> None:
        self.script: dict[str, deque[Any]] = defaultdict(deque)
        self.calls: list[Call] = []
        self.waits = threading.Event()
        """Set once a caller waits at a stream without an entry."""
        self.gone = threading.Event()
        """Set once it has left."""
        self._server = grpc.server(ThreadPoolExecutor(8), handlers=[self])
        port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        names = ("reporting", "triage", "notification", "remedy", "ledger")
        self.endpoints = Endpoints(ORIGIN, dict.fromkeys(names, f"127.0.0.1:{port}"))

    def answer(self, method: str, *entries: Any) -> None:
        self.script[method].extend(entries)

    def last(self, message: type[M]) -> M:
        """The request of the last call."""
        return message.FromString(self.calls[-1].request)

    def stop(self) -> None:
        self.gone.set()
        self._server.stop(None).wait()

    def service(self, details: Any) -> Any:
        path = details.method
        method = path.rpartition("/")[2]
        metadata = dict(details.invocation_metadata)

        def record(request: bytes) -> None:
            self.calls.append(Call(method, path, request, metadata))

        def unary(request: bytes, context: grpc.ServicerContext) -> bytes:
            record(request)
            entry = self.script[method].popleft()
            return self._emit(entry(request) if callable(entry) else entry, context)

        def stream(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
            record(request)
            if not self.script[method]:
                context.add_callback(self.gone.set)
                self.waits.set()
                self.gone.wait()
                return
            for entry in self.script[method].popleft():
                yield self._emit(entry, context)

        if method.startswith(("Watch", "Subscribe")):
            return grpc.unary_stream_rpc_method_handler(stream)
        return grpc.unary_unary_rpc_method_handler(unary)

    @staticmethod
    def _emit(entry: Failure | Message, context: grpc.ServicerContext) -> bytes:
        if isinstance(entry, Failure):
            status = status_pb2.Status(code=entry.code.value[0], message=entry.message)
            status.details.extend(map(pack, entry.details))
            context.abort_with_status(rpc_status.to_status(status))
        return entry.SerializeToString()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def key() -> CaseKey:
    return CaseKey.generate()


@pytest.fixture
def run(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command line in a directory whose endpoints are the scripted server's."""
    home = tmp_path / ".harbourlight"
    home.mkdir()
    tokens = {}
    for role in ("AUTHORITY", "NGO", "OPERATOR"):
        (home / role).write_text(f"token-of-{role}")
        tokens[role] = role
    content = {"origin": ORIGIN, "services": server.endpoints.services, "tokens": tokens}
    (home / "endpoints.json").write_text(json.dumps(content))
    monkeypatch.chdir(tmp_path)
    for variable in ("ENDPOINTS", "CASE", "TOKEN", "TOKEN_FILE"):
        monkeypatch.delenv(f"HARBOURLIGHT_{variable}", raising=False)

    def invoke(line: str) -> Result:
        return CliRunner().invoke(app, shlex.split(line))

    return invoke
