"""The commands of who keeps keys: `keys`. Private keys are files, and never leave this machine."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from harbourlight import routing
from harbourlight.cli.command import Group, SessionOptions, command
from harbourlight.cli.directory import show as show_directory
from harbourlight.errors import BadFile
from harbourlight.keys import making
from harbourlight.keys.entries import Entry, KeyEntry, Kind, Reason, parse, parse_time
from harbourlight.keys.files import Passphrase, RootFile, load_key, load_root
from harbourlight.proofs.notes import BadNote, Note, SignerKey

app = typer.Typer(help="Make keys, certify them, and see whose are whose.", no_args_is_help=True)
command(app, "show")(show_directory)


def _passphrase(
    passphrase_file: Annotated[
        Path | None,
        typer.Option(help="File whose first line is the passphrase; else it is asked for."),
    ] = None,
) -> Passphrase:
    def ask(path: Path) -> str:
        if passphrase_file is None:
            return str(typer.prompt(f"Passphrase of {path}", hide_input=True, err=True))
        try:
            return passphrase_file.read_text(encoding="utf-8").split("\n")[0]
        except (OSError, UnicodeDecodeError) as error:
            raise BadFile(f"cannot read the passphrase from {passphrase_file}: {error}") from None

    return ask


def _new_passphrase(
    protect: Annotated[
        bool, typer.Option("--protect", help="Encrypt the file under a passphrase.")
    ] = False,
    passphrase_file: Annotated[
        Path | None, typer.Option(help="File whose first line is the passphrase, to --protect.")
    ] = None,
) -> str:
    if passphrase_file:
        return _passphrase(passphrase_file)(passphrase_file)
    if not protect:
        return ""
    return str(typer.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True))


NewPassphraseOptions = Annotated[str, Group(_new_passphrase)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
FileArgument = Annotated[Path, typer.Argument(help="The new file, which is a secret.")]
OrganisationOption = Annotated[str, typer.Option(help="Whose it is, as its root is called.")]
NameOption = Annotated[
    str,
    typer.Option(
        help="Code of the desk, name of the custodian, subject of the officer's token, service."
    ),
]

root_app = typer.Typer(help="An organisation's root, best kept offline.", no_args_is_help=True)
app.add_typer(root_app, name="root")


@command(root_app, "new")
def new_root(
    file: FileArgument,
    organisation: OrganisationOption,
    passphrase: NewPassphraseOptions = "",
    as_json: JsonOption = False,
) -> None:
    """Make a root, and print its verifier key, which clients carry in their trust.json."""
    root = RootFile.generate(organisation)
    root.save(file, passphrase)
    vkey = str(root.signer.verifier)
    typer.echo(json.dumps({"vkey": vkey}) if as_json else vkey)


def _register(kind: Kind, about: str) -> None:
    kind_app = typer.Typer(help=about, no_args_is_help=True)
    app.add_typer(kind_app, name=kind.value)

    @command(kind_app, "new")
    def new(
        file: FileArgument,
        name: NameOption,
        organisation: OrganisationOption,
        jurisdiction: Annotated[
            str, typer.Option(help="Country, ISO 3166-1 alpha-2; * for all.")
        ] = "*",
        number: Annotated[int, typer.Option(min=1, help="One more than its last key's.")] = 1,
        days: Annotated[int, typer.Option(min=1, help="How long it is for use.")] = making.DAYS,
        passphrase: NewPassphraseOptions = "",
        as_json: JsonOption = False,
    ) -> None:
        """Make a key, and print its entry, which is to be certified and then published."""
        key = making.new_key(
            kind, name, organisation, jurisdiction=jurisdiction, number=number, days=days
        )
        key.save(file, passphrase)
        _say("entry", str(key.entry), as_json=as_json)


for _kind, _about in (
    (Kind.DESK, "A desk's key: it opens what is sealed to the desk, and certifies its officers."),
    (Kind.CUSTODIAN, "A custodian's key."),
    (Kind.ALTERNATE, "The key of an alternate custodian."),
    (Kind.OFFICER, "An officer's key, which signs."),
    (Kind.SERVICE, "The key of a service, which signs promises."),
):
    _register(_kind, _about)


def _signer(
    root: Annotated[
        Path | None, typer.Option(help="File of the organisation's root, to sign with.")
    ] = None,
    desk: Annotated[
        Path | None, typer.Option(help="File of the desk's key, to sign for its officers with.")
    ] = None,
    passphrase_file: Annotated[
        Path | None,
        typer.Option(help="File whose first line is its passphrase; else it is asked for."),
    ] = None,
) -> Callable[[], SignerKey]:
    def load() -> SignerKey:
        ask = _passphrase(passphrase_file)
        if root and not desk:
            return load_root(root, ask).signer
        if desk and not root:
            key = load_key(desk, ask)
            if key.entry.kind is not Kind.DESK:
                raise BadFile(f"{desk} is the key of a {key.entry.kind}, which certifies nobody")
            return key.signer
        raise BadFile("name one key to sign with: --root FILE, or --desk FILE for an officer")

    return load


SignerOptions = Annotated[Callable[[], SignerKey], Group(_signer)]


@command(app, "certify")
def certify(
    entry: Annotated[
        Path, typer.Argument(help="What `keys … new` printed, or the note to add a signature to.")
    ],
    signer: SignerOptions,
    as_json: JsonOption = False,
) -> None:
    """Sign an entry of the directory, and print the note to publish.

    A root signs the keys of desks, custodians and services; a desk's key those of its officers.
    """
    text = _read(entry)
    try:
        note = Note.parse(text) if "\n\n" in text else None
        found = parse(note.text if note else text)
        if not isinstance(found, KeyEntry):
            raise BadNote("it is no entry of a key")
        key = signer()
        _check_signer(found, key)
        signed = (note or Note(text, ())).with_signatures([key.sign(str(found))])
    except BadNote as error:
        raise BadFile(f"{entry} cannot be certified: {error}") from None
    _say("note", str(signed), as_json=as_json)


def _check_signer(entry: KeyEntry, key: SignerKey) -> None:
    """A wrong signature would be published and believed by nobody."""
    name = key.verifier.name
    if entry.kind is Kind.OFFICER and name == entry.organisation:
        raise BadNote("an officer's key is certified by its desk's: use --desk")
    if entry.kind is not Kind.OFFICER and name != entry.organisation:
        raise BadNote(
            f"a key of {entry.organisation} is certified by that organisation's root, and this is "
            f"the key of {name}"
        )


@command(app, "revoke")
def revoke(
    key: Annotated[str, typer.Argument(help="Id of the key, or a file with its entry.")],
    signer: SignerOptions,
    reason: Annotated[Reason, typer.Option(case_sensitive=False, help="Why it ends.")],
    time: Annotated[
        str, typer.Option(help="From when on it does not count, RFC 3339 in UTC; else now.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """End a key, and print the note to publish. What it signed before still counts."""
    try:
        at = parse_time(time) if time else datetime.now(UTC)
        key_id = _key_id(Path(key)) if Path(key).is_file() else key
        note = making.revoke(key_id, reason, signer(), time=at)
        parse(Note.parse(note).text)
    except BadNote as error:
        raise BadFile(f"this cannot be revoked: {error}") from None
    _say("note", note, as_json=as_json)


def _key_id(path: Path) -> str:
    text = _read(path)
    found = parse(Note.parse(text).text if "\n\n" in text else text)
    if not isinstance(found, KeyEntry):
        raise BadNote(f"{path} is no entry of a key")
    return found.key_id


@command(app, "routing")
def sign_routing(signer: SignerOptions, as_json: JsonOption = False) -> None:
    """Sign the routing table of this version, and print the note that puts it into force."""
    _say("note", making.sign_routing(routing.current(), signer()), as_json=as_json)


def _say(name: str, text: str, *, as_json: bool) -> None:
    """A text as it is, so that it can be kept as a file, or as JSON under its name."""
    typer.echo(json.dumps({name: text}) if as_json else text, nl=as_json)


@command(app, "publish")
def publish(
    session: SessionOptions,
    notes: Annotated[list[Path], typer.Argument(help="Signed notes; - for standard input.")],
) -> None:
    """Publish signed notes in the directory, as an operator. One that is there stays as it is."""
    found = [_note(path) for path in notes]
    with session.operator() as ledger:
        for path, (note, entry) in zip(notes, found, strict=True):
            index = ledger.publish_entry(str(note)).index
            said = {"file": str(path), "index": index, "key": getattr(entry, "key_id", None)}
            typer.echo(json.dumps(said) if session.json else f"{path}: entry {index}")


def _note(path: Path) -> tuple[Note, Entry]:
    try:
        note = Note.parse(_read(path))
        entry = parse(note.text)
        if entry is None:
            raise BadNote("it is no key, revocation or routing table")
    except BadNote as error:
        raise BadFile(f"{path} cannot be published: {error}") from None
    return note, entry


def _read(path: Path) -> str:
    """A small text; of a key's own file, the entry."""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(f"cannot read {path}: {error}") from None
    if text.startswith("{"):
        try:
            return str(json.loads(text)["entry"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise BadFile(f"{path} is not a key file") from None
    return text
