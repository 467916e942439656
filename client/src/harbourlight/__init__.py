"""Harbourlight: companies come forward safely, authorities act, remedy is followed to its end.

`Company`, `Authority`, `Custodian` and `Ngo` are the callers (async; the same without async are
in `harbourlight.sync`). Each takes the `Endpoints` of an installation; a company holds its case by
the `CaseKey` in its `CaseFile`, the others carry a token. `Ledger` is open to anyone, and
`harbourlight.proofs` checks what it says without asking anybody. Everything that can go wrong is in
`harbourlight.errors`, and the messages are the contract's own: `harbourlight.types.v1`,
`harbourlight.reporting.v1` and so on.
"""

import os

# Else gRPC writes remarks of its own to standard error; it reads this when it is imported.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

from harbourlight import errors
from harbourlight.auditor import Ledger
from harbourlight.authority import Authority
from harbourlight.casefile import CaseFile
from harbourlight.company import Company
from harbourlight.custodian import Custodian
from harbourlight.endpoints import Endpoints
from harbourlight.ngo import Ngo
from harbourlight.signing import CaseKey

__all__ = [
    "Authority",
    "CaseFile",
    "CaseKey",
    "Company",
    "Custodian",
    "Endpoints",
    "Ledger",
    "Ngo",
    "errors",
]
