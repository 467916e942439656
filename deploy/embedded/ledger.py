"""The ledger's files: the keys of its logs, that of a witness, and what is published of them."""

from deploy.embedded.folder import Folder
from harbourlight.proofs.notes import COSIGNATURE, ED25519, SignerKey


class LedgerFiles:
    """In a stack's folder, the same after a restart, and readable by its owner alone."""

    def __init__(self, folder: Folder, origin: str) -> None:
        self._folder = folder.folder("ledger")

        def key(name: str, algorithm: int = ED25519) -> SignerKey:
            secret = bytes.fromhex(folder.secret(f"note {name}"))
            made = SignerKey.of(f"{origin}/{name}", secret, algorithm)
            folder.write(f"ledger/{name}.key", f"{made.write()}\n")
            return made

        # Nobody runs the witness: its key is there for who does, and the ledger knows it.
        witness = key("witness", COSIGNATURE)
        verifiers = {"ledger": key("receipts"), "directory": key("directory"), "witness": witness}
        self.logs = {
            "receipts": verifiers["ledger"].verifier,
            "directory": verifiers["directory"].verifier,
        }
        """Name of a log -> what its checkpoints are checked against."""
        self.witness = witness.verifier
        folder.write("ledger/witnesses", f"{witness.verifier}\n")
        self.published = {
            f"{name}.vkey": folder.write(f"{name}.vkey", f"{one.verifier}\n")
            for name, one in verifiers.items()
        }
        """Verifier keys, and the key of the witness."""
        self.published["witness.key"] = self._folder / "witness.key"

    def settings(self, database: str) -> dict[str, str]:
        """What the ledger of one installation on these servers is run with."""
        return {
            "RECEIPTS_KEY": str(self._folder / "receipts.key"),
            "DIRECTORY_KEY": str(self._folder / "directory.key"),
            "WITNESSES": str(self._folder / "witnesses"),
            # Beside the database, and not in it: each has a memory of its own.
            "ANCHOR": str(self._folder / database),
        }
