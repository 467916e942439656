"""A company that reports through the proxy of its endpoints file: `behind_proxy.py ENDPOINTS`.

It prints what Python was asked to look up or to connect to on the way, one JSON list.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from harbourlight import CaseKey, Company, Endpoints
from tests.integration.calls import facts

asked: list[str] = []


def note(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect":
        asked.append(f"connect {arguments[1]}")
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        asked.append(f"look up {arguments[0]}")


async def main(endpoints: Path) -> None:
    async with Company(Endpoints.load(endpoints), CaseKey.generate(), patience=20) as company:
        await company.submit_report(facts())
        cases = company.watch_case()
        assert (await anext(cases)).handle == company.handle
        await cases.aclose()


if __name__ == "__main__":
    sys.addaudithook(note)
    asyncio.run(main(Path(sys.argv[1])))
    print(json.dumps(asked))
