"""A SOCKS5 server that alone knows where names lead: `socks.py LOG NAME:PORT=PORT …`.

It listens on a free port of this machine, writes `port`, and then each name it is asked for with
the user who asked, a line each.
"""

import asyncio
import sys
from pathlib import Path

_CHUNK = 65_536


class Socks:
    """RFC 1928 with RFC 1929, as far as a client that connects needs it."""

    def __init__(self, log: Path, places: dict[str, int]) -> None:
        self._log = log
        self._places = places

    def say(self, line: str) -> None:
        with self._log.open("a") as file:
            file.write(f"{line}\n")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            user = await self._greet(reader, writer)
            _, command, _, kind = await reader.readexactly(4)
            if kind == 3:
                name = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
            else:
                name = f"address {(await reader.readexactly(4 if kind == 1 else 16)).hex()}"
            port = int.from_bytes(await reader.readexactly(2), "big")
            self.say(f"{name}:{port} {user}")
            target = self._places.get(f"{name}:{port}")
            if command != 1 or target is None:
                writer.write(b"\x05\x04\x00\x01" + bytes(6))
                return
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
            writer.write(b"\x05\x00\x00\x01" + bytes(6))
            ways = (self._copy(reader, far_writer), self._copy(far_reader, writer))
            await asyncio.gather(*ways)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        _, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        if 2 not in methods:
            writer.write(b"\x05\x00")
            return ""
        writer.write(b"\x05\x02")
        await reader.readexactly(1)
        user = await reader.readexactly((await reader.readexactly(1))[0])
        await reader.readexactly((await reader.readexactly(1))[0])
        writer.write(b"\x01\x00")
        return user.decode()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(_CHUNK):
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()


async def main(log: Path, places: dict[str, int]) -> None:
    socks = Socks(log, places)
    server = await asyncio.start_server(socks.serve, "127.0.0.1", 0)
    socks.say(f"port {server.sockets[0].getsockname()[1]}")
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(
        main(
            Path(sys.argv[1]),
            {place: int(port) for place, port in (one.split("=") for one in sys.argv[2:])},
        )
    )
