"""Writes the contract code: Python modules from the protos and the imports they need.

The protos import `buf/validate/validate.proto`, which its authors publish as a Maven artifact;
it is fetched from there, once, and checked against the hash below. Every folder written here
holds a `.gitignore` that keeps it out of git and carries the fingerprint of what it was made
from, so that nothing is written twice and what no proto asks for any more is removed.
"""

import argparse
import hashlib
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
OUT = HERE / "src"
# In the repository the protos are beside the client, in a source distribution inside it.
_IN_REPOSITORY = not (HERE / "protos").is_dir()
PROTOS = HERE.parent / "protos" if _IN_REPOSITORY else HERE / "protos"
VENDOR = HERE.parent / ".harbourlight" / "vendor" if _IN_REPOSITORY else HERE / "vendor"

VALIDATE = "buf/validate/validate.proto"
VALIDATE_ARTIFACT = ("build.buf", "protovalidate", "1.3.0")
VALIDATE_JAR_SHA256 = "fc65013a322d9b390759670b454c05f94579c49a40dff872143dfba831ebbdc2"
_VENDORED = VENDOR / "sha256"
_MARK = ".gitignore"
_MARK_TEXT = "# Generated from the protos; fingerprint {}\n*\n"


class CodegenError(Exception):
    """The code could not be written; the message says why and what to do."""


def fingerprint() -> str:
    """Hash of all that decides the code: protos, this file, and the pinned tools.

    Needs nothing but the standard library. Raises CodegenError where there are no protos.
    """
    sources = sorted(PROTOS.rglob("*.proto"))
    if not sources:
        raise CodegenError(f"no .proto file in {PROTOS}: this needs a full checkout")
    digest = hashlib.sha256()
    for path in (*sources, HERE / "codegen.py", HERE / "pyproject.toml"):
        name = path.relative_to(PROTOS) if path in sources else Path(path.name)
        content = path.read_bytes()
        digest.update(f"{name.as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def is_current() -> bool:
    """Whether the code on disk is what the protos say."""
    mark = _MARK_TEXT.format(fingerprint())
    present = {path for path, text in _generated() if text == mark}
    stale = [path for path, text in _generated() if text != mark]
    wanted = {OUT / "buf", *(OUT / package for package in _packages())}
    return present == wanted and not stale and _is_vendored()


def generate() -> bool:
    """Brings the code up to date; True where there was something to do. Raises CodegenError."""
    if is_current():
        return False
    mark = _MARK_TEXT.format(fingerprint())
    _vendor()
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".codegen-", dir=OUT) as temporary:
        made = Path(temporary)
        _protoc(made)
        packages = [Path("buf"), *_packages()]
        for package in packages[1:]:
            # `buf` stays a namespace: other distributions may carry parts of it.
            for folder in (made / package, *(made / package).rglob("*/")):
                (folder / "__init__.py").touch()
        for path, _ in list(_generated()):
            if path.relative_to(OUT) not in packages:
                shutil.rmtree(path)
        for package in packages:
            (made / package / _MARK).write_text(mark)
            shutil.rmtree(OUT / package, ignore_errors=True)
            (OUT / package).parent.mkdir(parents=True, exist_ok=True)
            (made / package).rename(OUT / package)
    return True


def _packages() -> list[Path]:
    """Folders that the protos generate, such as harbourlight/reporting."""
    return sorted({path.relative_to(PROTOS).parents[-3] for path in PROTOS.rglob("*.proto")})


def _generated() -> Iterator[tuple[Path, str]]:
    """Folders that an earlier run wrote, with their marks."""
    for mark in (*OUT.glob(f"*/{_MARK}"), *OUT.glob(f"*/*/{_MARK}")):
        text = mark.read_text()
        if text.startswith(_MARK_TEXT.partition("{")[0]):
            yield mark.parent, text


def _protoc(out: Path) -> None:
    import grpc_tools
    from grpc_tools import protoc

    ours = sorted(path.relative_to(PROTOS).as_posix() for path in PROTOS.rglob("*.proto"))
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    include = [f"-I{folder}" for folder in (PROTOS, VENDOR, well_known)]
    code = [f"--python_out={out}", f"--pyi_out={out}"]
    # Only files with services need gRPC code; the others would get empty modules.
    serving = [name for name in ours if "\nservice " in (PROTOS / name).read_text()]
    runs = [[*code, *ours, VALIDATE], [f"--grpc_python_out={out}", *serving]]
    for arguments in runs[: 2 if serving else 1]:
        if protoc.main(["protoc", *include, *arguments]) != 0:
            raise CodegenError("protoc refused the protos: its words are above")


def _is_vendored() -> bool:
    """Whether VENDOR holds the imports of the pinned artifact, whole."""
    return _VENDORED.is_file() and _VENDORED.read_text() == VALIDATE_JAR_SHA256


def _vendor() -> None:
    """Puts the imported protos that are not ours into VENDOR."""
    if _is_vendored():
        return
    import truststore

    # Before jgo, which would trust its own list of authorities and not this machine's.
    truststore.inject_into_ssl()
    from jgo.maven import MavenContext

    group, artifact, version = VALIDATE_ARTIFACT
    with tempfile.TemporaryDirectory() as cache:
        context = MavenContext(repo_cache=Path(cache), timeout=60)
        try:
            jar = context.project(group, artifact).at_version(version).artifact().resolve()
        except Exception as error:
            raise CodegenError(
                f"cannot fetch {group}:{artifact}:{version} from Maven Central ({error}): "
                "check the network, and the proxy settings if there is a proxy, and run again"
            ) from error
        digest = hashlib.sha256(jar.read_bytes()).hexdigest()
        if digest != VALIDATE_JAR_SHA256:
            raise CodegenError(
                f"{group}:{artifact}:{version} has SHA-256 {digest}, not the expected "
                f"{VALIDATE_JAR_SHA256}: somebody on the way changes files, so it is not used"
            )
        with zipfile.ZipFile(jar) as archive:
            archive.extract(VALIDATE, VENDOR)
        _VENDORED.write_text(VALIDATE_JAR_SHA256)


def main() -> None:
    """Command line: brings the code up to date and says what it did."""
    argparse.ArgumentParser(description=main.__doc__).parse_args()
    try:
        print("contract code written" if generate() else "contract code is current")
    except CodegenError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
