"""Everything through a SOCKS or onion proxy, and nothing beside it: no connection, no look-up.

gRPC knows no SOCKS, and its way through an HTTP proxy heeds `no_proxy` in the environment, so that
a forgotten variable would open a direct connection. It is therefore given a socket of ours: each
connection to it goes on through the proxy, byte by byte, and TLS stays between gRPC and the
service. Names are the proxy's to look up, so `.onion` works.
"""

import asyncio
import contextlib
import secrets
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from python_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError, ProxyType
from python_socks.async_.asyncio import Proxy

from harbourlight.errors import BadFile

_SECONDS = 60.0
"""Onion services take their time."""
_CHUNK_BYTES = 64 * 1024


def _read(url: str) -> SplitResult:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme == "socks5":
        raise BadFile(
            f"the proxy {url} would have names looked up here, in clear: write socks5h://"
        )
    if parts.scheme != "socks5h" or not parts.hostname or not port:
        raise BadFile(
            f"the proxy {url!r} is not socks5h://host:port or socks5h://user:pw@host:port"
        )
    return parts


class Bridge:
    """Sockets of this process's own that lead through a proxy to one address each."""

    def __init__(self, url: str) -> None:
        """Raises BadFile where the URL is not a proxy's."""
        parts = _read(url)
        # Who isolates by user name, as Tor does, gives each bridge, and so each case, a circuit.
        user = parts.username or f"harbourlight-{secrets.token_hex(8)}"
        self._proxy = Proxy(
            proxy_type=ProxyType.SOCKS5,
            host=parts.hostname or "",
            port=parts.port or 0,
            username=unquote(user),
            password=unquote(parts.password or secrets.token_hex(8)),
            rdns=True,
        )
        self.name = f"{parts.hostname}:{parts.port}"
        """Of the proxy, for messages."""
        self.failure = ""
        """What the proxy said last, where it did not connect."""
        self._opening = asyncio.Lock()
        self._folder: Path | None = None
        self._servers: dict[str, tuple[asyncio.Server, str]] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def open(self, address: str) -> str:
        """What gRPC connects to in place of host:port."""
        async with self._opening:
            if address not in self._servers:
                self._servers[address] = await self._listen(address)
            return self._servers[address][1]

    async def _listen(self, address: str) -> tuple[asyncio.Server, str]:
        host, _, port = address.rpartition(":")

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._running.add(task)
            try:
                await self._pass(host.strip("[]"), int(port), reader, writer)
            finally:
                self._running.discard(task)
                writer.close()

        if hasattr(asyncio, "start_unix_server"):
            # In a folder of ours: no other user of this machine goes the same way.
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="harbourlight-"))
            path = self._folder / str(len(self._servers))
            return await asyncio.start_unix_server(serve, path), f"unix:{path}"
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        return server, f"127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def _pass(
        self, host: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            socket = await self._proxy.connect(host, port, timeout=_SECONDS)
        except (ProxyError, ProxyConnectionError, ProxyTimeoutError, OSError) as error:
            self.failure = f"the proxy {self.name} does not connect: {error}"
            return
        self.failure = ""
        far_reader, far_writer = await asyncio.open_connection(sock=socket)
        try:
            await _first(_copy(reader, far_writer), _copy(far_reader, writer))
        finally:
            far_writer.close()

    async def close(self) -> None:
        """Ends every connection."""
        for server, _ in self._servers.values():
            server.close()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
        self._servers.clear()


async def _first(*work: Coroutine[Any, Any, None]) -> None:
    """Returns when the first of them has ended, and ends the others."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
