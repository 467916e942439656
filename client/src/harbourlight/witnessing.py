"""A witness at work: looks at logs, cosigns what continues them, and hands that in.

It believes nothing but the log's key and what it saw before. Whatever disagrees with that it keeps
as evidence, says so, and signs nothing more.
"""

import hashlib
import http.server
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from harbourlight.auditor import Ledger
from harbourlight.errors import BadFile, Error, Untrusted, WrongState
from harbourlight.ledger.v1 import ledger_pb2 as pb
from harbourlight.privatefile import write_private
from harbourlight.proofs.checkpoints import Checkpoint, open_checkpoint
from harbourlight.proofs.merkle import BadProof
from harbourlight.proofs.notes import COSIGNATURE, BadNote, Note, SignerKey, VerifierKey
from harbourlight.proofs.witness import Forked, Seen, SeenFile, Shrunk, cosign, examine

AGAIN_SECONDS = 60
"""A tree that did not change is cosigned anew so often, so that its readers know it is the last."""
_LOGS = {"receipts": pb.LOG_RECEIPTS, "directory": pb.LOG_DIRECTORY}


def number(log: VerifierKey) -> pb.Log:
    """The log in the contract, by the name of its key. Raises BadFile where it is neither."""
    name = log.name.rpartition("/")[2]
    if name not in _LOGS:
        raise BadFile(
            f"{log.name} is not a log that can be witnessed here: its key is named "
            "ORIGIN/receipts or ORIGIN/directory"
        )
    return _LOGS[name]


class Witness:
    """One witness, for the logs of one installation."""

    def __init__(self, key: SignerKey, logs: Sequence[VerifierKey], file: SeenFile) -> None:
        self._key = key
        self._logs = logs
        self._file = file

    async def look(self, ledger: Ledger) -> list[Checkpoint]:
        """Looks at each log once; the checkpoints that it cosigned.

        Raises Untrusted where a log contradicts what it signed before, and what the call raises.
        """
        found = [await self._look(ledger, log) for log in self._logs]
        return [one for one in found if one]

    async def _look(self, ledger: Ledger, log: VerifierKey) -> Checkpoint | None:
        all_seen = self._file.read()
        seen = all_seen.get(log.name)
        try:
            shown = Note.parse((await ledger.get_checkpoint(number(log))).checkpoint)
            size = open_checkpoint(shown, log).checkpoint.size
            proof: Sequence[bytes] = ()
            if seen and 0 < seen.checkpoint.size < size:
                old = seen.checkpoint.size
                answer = await ledger.get_consistency_proof(number(log), old, size)
                proof = answer.hashes
            opened = examine(seen, shown, log, proof)
        except Shrunk as shrunk:
            assert seen
            raise await self._accuse(ledger, log, str(shrunk), seen.note, shown) from None
        except Forked as forked:
            raise await self._accuse(ledger, log, str(forked), forked.seen, forked.shown) from None
        except BadProof as wrong:
            assert seen
            reason = f"it cannot prove that it continues what it signed: {wrong}"
            raise await self._accuse(ledger, log, reason, seen.note, shown) from None
        except BadNote as wrong:
            raise Untrusted(f"{log.name}: {wrong}") from None
        now = time.time()
        if seen and seen.checkpoint == opened.checkpoint and now < self._said(seen) + AGAIN_SECONDS:
            return None
        note = cosign(self._key, opened, now)
        # Remembered before anybody is told.
        self._file.write({**all_seen, log.name: Seen(note)})
        await ledger.add_cosignature(number(log), str(note))
        return opened.checkpoint

    def _said(self, seen: Seen) -> float:
        own = [one for one in seen.note.signatures if one.is_by(self._key.verifier)]
        return max((one.timestamp for one in own), default=0)

    async def _accuse(
        self, ledger: Ledger, log: VerifierKey, reason: str, seen: Note, shown: Note
    ) -> Untrusted:
        """Keeps the evidence, shows it to the log, and returns what to raise."""
        path = self._file.keep_evidence(log.name, seen, shown)
        try:
            await ledger.add_cosignature(number(log), str(seen))
            heard = "the log was shown its own word, and did not object"
        except WrongState:
            heard = "the log was shown its own word, and has stopped signing"
        except Error as error:
            heard = f"the log could not be shown its own word ({error})"
        return Untrusted(
            f"THE LOG {log.name} CONTRADICTS ITSELF: {reason}.\n"
            f"Nothing was cosigned. Both checkpoints are in {path}: keep them, and tell everybody "
            f"who relies on this log; {heard}."
        )


class Teller:
    """Tells what the witness saw last, over HTTP, as C2SP's tlog-witness has it.

    So a ledger can ask, when it starts, whether it has forgotten something.
    """

    def __init__(self, host: str, port: int, file: SeenFile) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self) -> None:
                status, body = _told(file, self.path)
                self.send_response(status)
                self.send_header("Content-Type", "text/plain; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        try:
            self._server = http.server.ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise BadFile(f"cannot listen at {host}:{port}: {error.strerror}") from error
        self.port = self._server.server_address[1]

    def __enter__(self) -> "Teller":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _told(file: SeenFile, path: str) -> tuple[int, bytes]:
    """HTTP status and body of a question, /<SHA-256 of the log's name>/checkpoint."""
    try:
        seen = file.read()
    except BadFile:
        return 500, b""
    for name, one in seen.items():
        if path == f"/{hashlib.sha256(name.encode()).hexdigest()}/checkpoint":
            return 200, str(one.note).encode()
    return 404, b""


def new_key(path: Path, name: str) -> SignerKey:
    """A fresh witness's key, in a new file of its own. Raises BadFile."""
    try:
        key = SignerKey.generate(name, COSIGNATURE)
        write_private(path, f"{key.write()}\n")
    except BadNote as error:
        raise BadFile(str(error)) from None
    except FileExistsError:
        raise BadFile(f"{path} exists already and is never replaced: name another file") from None
    except OSError as error:
        raise BadFile(f"cannot write {path}: {error.strerror}") from error
    return key
