"""Prints a fresh key that signs notes, which is to be kept as a secret.

    python -m deploy.note_key harbourlight.example/reporting > reporting.key

The name is the origin, then the service whose promises the key signs, or the log, receipts or
directory, whose checkpoints it does. What to publish, so that others can check them, goes to
standard error.
"""

import sys

from harbourlight.proofs.notes import BadNote, SignerKey


def main() -> int:
    """Exit code 0, or 2 where the name is missing or cannot be one."""
    if len(sys.argv) != 2:
        print("name the key: python -m deploy.note_key ORIGIN/SERVICE", file=sys.stderr)
        return 2
    try:
        key = SignerKey.generate(sys.argv[1])
    except BadNote as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(key.write())
    print(f"to publish: {key.verifier}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
