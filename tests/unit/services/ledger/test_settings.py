"""What the ledger is set up with: keys that fit, witnesses that can be told apart, and a memory."""

from pathlib import Path

import pytest

from harbourlight.proofs.checkpoints import Checkpoint
from harbourlight.proofs.merkle import EMPTY_ROOT
from harbourlight.proofs.notes import COSIGNATURE, SignerKey
from services.ledger.anchor import Anchor, BadAnchor
from services.ledger.handlers import Floors
from services.ledger.settings import BadSetting, LedgerSettings
from shared.settings import MissingSetting

ORIGIN = "harbourlight.test"
WITNESS = SignerKey.of("w.example", bytes(32), COSIGNATURE)
OTHER = SignerKey.of(f"{ORIGIN}/directory", bytes(32))


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    for name in ("receipts", "directory"):
        (tmp_path / f"{name}.key").write_text(SignerKey.generate(f"{ORIGIN}/{name}").write() + "\n")
    (tmp_path / "witnesses").write_text(f"# ours\n\n{WITNESS.verifier} https://w.example/m/\n")
    return {
        "HARBOURLIGHT_RECEIPTS_KEY": str(tmp_path / "receipts.key"),
        "HARBOURLIGHT_DIRECTORY_KEY": str(tmp_path / "directory.key"),
        "HARBOURLIGHT_WITNESSES": str(tmp_path / "witnesses"),
        "HARBOURLIGHT_ANCHOR": str(tmp_path / "anchor"),
    }


def test_settings_are_read(environment: dict[str, str]) -> None:
    found = LedgerSettings.from_environment(ORIGIN, environment)
    assert [key.verifier.name for key in found.keys.values()] == [
        f"{ORIGIN}/receipts",
        f"{ORIGIN}/directory",
    ]
    (witness,) = found.witnesses
    assert (witness.key, witness.url) == (WITNESS.verifier, "https://w.example/m")
    assert found.dummy_seconds == 20
    assert "PRIVATE" not in repr(found)
    del environment["HARBOURLIGHT_WITNESSES"]
    assert LedgerSettings.from_environment(ORIGIN, environment).witnesses == ()


@pytest.mark.parametrize("name", ["RECEIPTS_KEY", "DIRECTORY_KEY", "ANCHOR"])
def test_what_is_missing_is_named(environment: dict[str, str], name: str) -> None:
    del environment[f"HARBOURLIGHT_{name}"]
    with pytest.raises(MissingSetting, match=name):
        LedgerSettings.from_environment(ORIGIN, environment)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("RECEIPTS_KEY", OTHER.write(), "not that of"),
        ("RECEIPTS_KEY", WITNESS.write(), "holds the key of w.example"),
        ("RECEIPTS_KEY", "nonsense", "does not hold the key"),
        ("WITNESSES", str(OTHER.verifier), "no key for cosignatures"),
        ("WITNESSES", f"{WITNESS.verifier}\n{WITNESS.verifier}", "the same key"),
        ("WITNESSES", f"{WITNESS.verifier} file:///etc/passwd", "no http address"),
        ("WITNESSES", "nonsense", "cannot read the witnesses"),
    ],
)
def test_what_does_not_fit_is_refused_and_shown_nowhere(
    environment: dict[str, str], name: str, content: str, said: str
) -> None:
    Path(environment[f"HARBOURLIGHT_{name}"]).write_text(content)
    with pytest.raises(BadSetting, match=said) as refused:
        LedgerSettings.from_environment(ORIGIN, environment)
    assert OTHER.write().rpartition("+")[2] not in str(refused.value)


@pytest.mark.parametrize("seconds", ["-1", "x", "nan", "1e9"])
def test_a_time_that_is_none_is_refused(environment: dict[str, str], seconds: str) -> None:
    environment["HARBOURLIGHT_DUMMY_SECONDS"] = seconds
    with pytest.raises(BadSetting, match="no number of seconds"):
        LedgerSettings.from_environment(ORIGIN, environment)


def test_what_is_remembered_is_this_logs_own(tmp_path: Path) -> None:
    key, other = (SignerKey.generate(f"{ORIGIN}/receipts") for _ in range(2))
    anchor = Anchor(tmp_path / "anchor", key.verifier)
    assert anchor.read() is None
    checkpoint = Checkpoint(key.verifier.name, 0, EMPTY_ROOT)
    anchor.write(checkpoint.sign(key))
    assert anchor.read() == checkpoint
    for damage in ("", "nonsense", str(checkpoint.sign(other))):
        anchor.path.write_text(damage)
        with pytest.raises(BadAnchor, match="put the newest"):
            anchor.read()


def test_a_log_below_its_floor_takes_nothing_in() -> None:
    floors = Floors({1: 5})
    assert floors.problem(1, 5, None) is None
    assert floors.problem(2, 0, None) is None
    assert floors.problem(1, 9, "why") == "why"
    floors.raise_to(1, 3)
    floors.raise_to(1, 7)
    assert "7 were signed" in str(floors.problem(1, 6, None))
