"""Cases and facts for tests."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from harbourlight import codes, routing
from harbourlight.types.v1 import types_pb2 as types
from services.reporting.domain import report
from services.reporting.domain.model import Case, Facts
from shared import translate

HANDLE = "HL-0000000000000000"
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
TABLE = routing.current()
TYPES = [translate.enum_name(types.ExploitationType.DESCRIPTOR, n) for n in range(1, 13)]
INDICATORS = [*codes.ilo_indicators(), *codes.operational_indicators()]

facts = st.builds(
    Facts,
    country=st.sampled_from(["MY", "DE"]),
    sector=st.sampled_from(["ISIC_C", "ISIC_A"]),
    exploitation_type=st.sampled_from(TYPES),
    child_involved=st.sampled_from(["YES", "NO", "NOT_SURE"]),
    ongoing_danger=st.booleans(),
    indicators=st.lists(st.sampled_from(INDICATORS), min_size=1, max_size=4, unique=True).map(
        tuple
    ),
    money_trail=st.booleans(),
)


def a_report(**changed: Any) -> Facts:
    """Facts of a report, with these in place of the usual ones."""
    usual: dict[str, Any] = {
        "country": "MY",
        "sector": "ISIC_C",
        "exploitation_type": "FORCED_LABOUR",
        "child_involved": "NO",
        "indicators": ("DEBT_BONDAGE",),
    }
    return Facts(**(usual | changed))


def marked(now: datetime = NOW) -> Case:
    """A marked case."""
    return report.place_marker(
        None,
        handle=HANDLE,
        country="MY",
        sector="ISIC_C",
        exploitation_type="FORCED_LABOUR",
        now=now,
    ).state


def filed(**changed: Any) -> Case:
    """A filed case."""
    return report.submit_report(
        None, handle=HANDLE, facts=a_report(**changed), table=TABLE, now=NOW
    ).state
