"""Kafka's jars: resolved once into a lock of coordinates and hashes, and fetched from it.

`python -m deploy.embedded.jars` fetches what the lock names; `--lock` writes the lock anew from
the versions below, trusting what the repository serves at that moment.
"""

import argparse
import hashlib
import shutil
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import truststore

# Before jgo, which would trust its own list of authorities and not this machine's.
truststore.inject_into_ssl()

from jgo.maven import Artifact, MavenContext  # noqa: E402

from deploy.embedded.bootstrap import HOME, JARS  # noqa: E402

KAFKA = "org.apache.kafka:kafka_2.13:4.4.0"
# Kafka logs through SLF4J and leaves the choice of what listens to who runs it.
LOGGING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.5"
LOCK = Path(__file__).with_name("jars.lock")


class JarError(Exception):
    """A jar could not be had; the message says which, why, and what to do."""


def fetch() -> None:
    """Fills JARS with exactly what the lock names, all of it checked. Raises JarError."""
    wanted = dict(line.split() for line in LOCK.read_text().splitlines())
    cache = HOME / "maven"
    context = MavenContext(repo_cache=cache, timeout=60)
    artifacts = [context.create_dependency(coordinate).artifact for coordinate in wanted]
    made = JARS.with_suffix(".partial")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    for artifact, jar in _download(artifacts):
        expected, found = wanted[_coordinate(artifact)], _sha256(jar)
        if found != expected:
            # Half a download looks the same, so it must not be there on the next run.
            jar.unlink()
            raise JarError(
                f"{jar.name} has SHA-256 {found}, and {LOCK.name} says {expected}: "
                "run again in case the download broke; if it stays so, do not use the file"
            )
        jar.rename(made / jar.name)
    shutil.rmtree(JARS, ignore_errors=True)
    made.rename(JARS)
    shutil.rmtree(cache)


def lock() -> None:
    """Writes the lock from KAFKA and LOGGING. Raises JarError."""
    context = MavenContext(repo_cache=HOME / "maven", timeout=60)
    direct, transitive = context.resolver.resolve([context.create_dependency(KAFKA)])
    artifacts = [
        dependency.artifact
        for dependency in (*direct, *transitive, context.create_dependency(LOGGING))
        if dependency.scope in (None, "compile", "runtime")
    ]
    lines = [f"{_coordinate(artifact)} {_sha256(jar)}" for artifact, jar in _download(artifacts)]
    LOCK.write_text("\n".join(sorted(lines)) + "\n")


def _download(artifacts: list[Artifact]) -> Iterable[tuple[Artifact, Path]]:
    def one(artifact: Artifact) -> Path:
        try:
            path: Path = artifact.resolve()
        except Exception as error:
            raise JarError(
                f"cannot fetch {_coordinate(artifact)} from Maven Central ({error}): "
                "check the network, and the proxy settings if there is a proxy, and run again"
            ) from error
        return path

    with ThreadPoolExecutor(8) as pool:
        return list(zip(artifacts, pool.map(one, artifacts), strict=True))


def _coordinate(artifact: Artifact) -> str:
    return f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lock", action="store_true", help="write the lock anew")
    try:
        if parser.parse_args().lock:
            lock()
        fetch()
    except JarError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
