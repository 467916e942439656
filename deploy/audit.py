"""What this project is made of, and what is known against it: `python -m deploy.audit`.

Writes `.harbourlight/sbom.json` (CycloneDX): the Python packages of this environment and Kafka's
jars. Then asks a database of known vulnerabilities about the packages that run in production, and
fails where one is named. Where no database can be reached it says so in one line and does not fail.
Both are done once for the same lock files and day; the tools live in an environment of their own.
"""

import datetime
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".harbourlight"
TOOLS = HOME / "audit"
SBOM = HOME / "sbom.json"
_LOCKS = [ROOT / "requirements" / f"{name}.lock" for name in ("audit", "dev", "run")]
_JARS = ROOT / "deploy" / "embedded" / "jars.lock"
_RUN = ROOT / "requirements" / "run.lock"
_SECONDS = 120


def main() -> int:
    """Command line; the exit code is 1 where something is known against a package."""
    stamp = HOME / "audited"
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in (*_LOCKS, _JARS)))
    digest.update(datetime.datetime.now(datetime.UTC).date().isoformat().encode())
    known, _, said = stamp.read_text().partition("\n") if stamp.exists() else ("", "", "")
    if SBOM.exists() and said and known == digest.hexdigest():
        print(f"bill of materials: made today; known vulnerabilities: {said}")
        return 0
    if wrong := _get_tools():
        print(f"bill of materials and known vulnerabilities: not made, {wrong}")
        return 0
    print(f"bill of materials: {_write_sbom()} components in {SBOM.relative_to(ROOT)}")
    asked, found = _vulnerabilities()
    print(f"known vulnerabilities: {asked}")
    for line in found:
        print(f"  {line}")
    if not found:
        stamp.write_text(f"{digest.hexdigest()}\n{asked}")
    return 1 if found else 0


def _get_tools() -> str:
    """Installs what is locked; why that did not work, or nothing."""
    lock = ROOT / "requirements" / "audit.lock"
    stamp, wanted = TOOLS / ".stamp", hashlib.sha256(lock.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return ""
    pip = [str(TOOLS / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    try:
        _run([sys.executable, "-m", "venv", "--clear", str(TOOLS)])
        _run([*pip, "--only-binary", ":all:", "--require-hashes", "-r", str(lock)])
    except (OSError, subprocess.SubprocessError):
        return "because the packages of requirements/audit.lock cannot be installed from here"
    stamp.write_text(wanted)
    return ""


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, timeout=_SECONDS, check=True, cwd=ROOT
    )


def _write_sbom() -> int:
    tool = [str(TOOLS / "bin" / "cyclonedx-py"), "environment", sys.executable]
    said = _run([*tool, "--output-reproducible", "--of", "JSON", "--output-file", "-"])
    content: dict[str, Any] = json.loads(said.stdout)
    content["components"] += jars(_JARS.read_text())
    SBOM.write_text(json.dumps(content, indent=1) + "\n")
    return len(content["components"])


def jars(lock: str) -> list[dict[str, Any]]:
    """The jars of a lock file as components."""
    found = []
    for line in filter(None, lock.splitlines()):
        coordinates, digest = line.split()
        group, name, version = coordinates.split(":")
        found.append(
            {
                "bom-ref": coordinates,
                "type": "library",
                "group": group,
                "name": name,
                "version": version,
                "purl": f"pkg:maven/{group}/{name}@{version}",
                "hashes": [{"alg": "SHA-256", "content": digest}],
            }
        )
    return found


def _vulnerabilities() -> tuple[str, list[str]]:
    """(how it went in a few words, a line for each that is known)."""
    tool = [str(TOOLS / "bin" / "pip-audit"), "--format", "json", "--progress-spinner", "off"]
    try:
        # Its exit code says whether it found any, and also whether it broke down.
        said = subprocess.run(
            [*tool, "--timeout", "5", "--disable-pip", "--require-hashes", "-r", str(_RUN)],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
            cwd=ROOT,
        )
        packages = json.loads(said.stdout)["dependencies"]
    except (OSError, ValueError, KeyError, subprocess.SubprocessError):
        packages = []
    return summary(packages)


def summary(packages: list[dict[str, Any]]) -> tuple[str, list[str]]:
    """What pip-audit's answer comes to."""
    known = [one for one in packages if "vulns" in one]
    if not known:
        return "not looked up, because no database of them can be reached from here", []
    found = [
        f"{one['name']} {one['version']}: {vulnerability['id']}, fixed in "
        + (", ".join(vulnerability["fix_versions"]) or "no version yet")
        for one in known
        for vulnerability in one["vulns"]
    ]
    left = len(packages) - len(known)
    words = f"{len(found)} in {len(known)} packages"
    return (f"{words}; {left} are not in the database" if left else words), found


if __name__ == "__main__":
    sys.exit(main())
