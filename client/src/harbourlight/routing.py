"""Which desk leads a case: a versioned table from country, exploitation type and child to desk.

The client evaluates it too, because it must know the desk before it seals anything to it; that
its table is the one in force, a signed entry of the key directory says (see `keys.directory`).
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from harbourlight import codes

COLUMNS = ("country", "exploitation_type", "child", "desk")


@dataclass(frozen=True)
class RoutingTable:
    """A version and its rows, of which the first that matches decides."""

    version: str
    rows: tuple[dict[str, str], ...]

    @property
    def canonical(self) -> bytes:
        """What is signed: the version, then each row with commas between, all ended by newlines."""
        lines = (self.version, *(",".join(row[one] for one in COLUMNS) for row in self.rows))
        return "".join(f"{line}\n" for line in lines).encode()

    @property
    def sha256(self) -> str:
        """Of the canonical bytes, hexadecimal."""
        return hashlib.sha256(self.canonical).hexdigest()

    @property
    def desks(self) -> frozenset[str]:
        """Every desk that leads some case."""
        return frozenset(row["desk"] for row in self.rows)

    def lead_desk(self, country: str, exploitation_type: str, child: bool) -> str:
        """The desk that leads. `child` is True where a child is involved or that is not sure."""
        wanted = {
            "country": country,
            "exploitation_type": exploitation_type,
            "child": "YES" if child else "NO",
        }
        for row in self.rows:
            if all(row[column] in ("*", value) for column, value in wanted.items()):
                return row["desk"]
        raise LookupError(f"routing table {self.version} has no row for {wanted}")


@cache
def current() -> RoutingTable:
    """The table that this version of the contract carries."""
    text = files("harbourlight").joinpath("data", "routing.csv").read_text(encoding="utf-8")
    version = text.splitlines()[0].removeprefix("# version:").strip()
    return RoutingTable(version, tuple(codes.rows("routing.csv")))
