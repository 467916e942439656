"""Callers as a service knows them."""

from pathlib import Path

import pytest
from hypothesis import settings

from shared.callers import Callers
from tests.unit.shared.credentials import ISSUER, ORIGIN, jwks

# A busy machine is no failure.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "jwks.json"
    path.write_text(jwks(issuer=ISSUER))
    return path


@pytest.fixture
def known(file: Path) -> Callers:
    return Callers(ORIGIN, file)


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Callers:
    path = tmp_path_factory.mktemp("keys") / "jwks.json"
    path.write_text(jwks(issuer=ISSUER))
    return Callers(ORIGIN, path)
