"""Reads the compose file and the Kubernetes manifests."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Document = dict[str, Any]
KUSTOMIZATION_FIELDS = {
    *("apiVersion", "kind", "resources", "namespace"),
    *("images", "replicas", "configMapGenerator"),
}

PROBE = ["python", "-m", "deploy.docker.probe"]


def drawn(name: str) -> str:
    """Stands for a secret value, the same for the same name: 64 hexadecimal digits."""
    return hashlib.sha256(name.encode()).hexdigest()


@dataclass
class Running:
    """A process as a manifest runs it; secrets are `drawn` from where they come from."""

    command: list[str]
    environment: dict[str, str]
    health_port: int | None
    """Port that its health is asked at."""


def compose_processes(compose: Document) -> dict[str, Running]:
    """The containers that run our image, all but those that only prepare."""
    return {
        name: Running(service["command"], compose_environment(service), _compose_health(service))
        for name, service in compose["services"].items()
        if service["image"] == "harbourlight" and name not in ("certificates", "provision")
    }


def compose_environment(service: Document) -> dict[str, str]:
    """A container's environment, `${NAME:?…}` drawn, and what is only passed on left out."""
    return {
        name: re.sub(r"\$\{(\w+):\?[^}]+\}", lambda found: drawn(found[1]), value)
        for name, value in service["environment"].items()
        if value is not None
    }


def _compose_health(service: Document) -> int | None:
    if service.get("healthcheck", {}).get("test") != ["CMD", *PROBE]:
        return None
    return int(service["environment"]["HARBOURLIGHT_LISTEN"].rpartition(":")[2])


def render(folder: Path, seen: set[Path]) -> list[Document]:
    """What a kustomization comes to, as far as ours go; puts every file read into `seen`."""
    path = folder / "kustomization.yaml"
    seen.add(path.resolve())
    kustomization = yaml.safe_load(path.read_text())
    unknown = kustomization.keys() - KUSTOMIZATION_FIELDS
    assert not unknown, f"{path}: {unknown} is more than is understood here"
    documents: list[Document] = []
    for resource in kustomization["resources"]:
        target = (folder / resource).resolve()
        if target.is_dir():
            documents += render(target, seen)
        else:
            seen.add(target)
            documents += yaml.safe_load_all(target.read_text())
    for generator in kustomization.get("configMapGenerator", ()):
        data = dict(literal.split("=", 1) for literal in generator["literals"])
        if generator.get("behavior") == "merge":
            named(documents, "ConfigMap", generator["name"])["data"] |= data
        else:
            metadata = {"name": generator["name"]}
            documents.append({"kind": "ConfigMap", "metadata": metadata, "data": data})
    for replicas in kustomization.get("replicas", ()):
        named(documents, "Deployment", replicas["name"])["spec"]["replicas"] = replicas["count"]
    return documents


def of_kind(documents: Iterable[Document], kind: str) -> dict[str, Document]:
    """Documents of a kind, by name."""
    return {one["metadata"]["name"]: one for one in documents if one["kind"] == kind}


def named(documents: Iterable[Document], kind: str, name: str) -> Document:
    """The one document of a kind and name."""
    return of_kind(documents, kind)[name]


def kubernetes_processes(documents: list[Document]) -> dict[str, Running]:
    """The Deployments."""
    return {
        name: _running(deployment, of_kind(documents, "ConfigMap"))
        for name, deployment in of_kind(documents, "Deployment").items()
    }


def _running(deployment: Document, maps: dict[str, Document]) -> Running:
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    environment: dict[str, str] = {}
    for source in container["envFrom"]:
        environment |= maps[source["configMapRef"]["name"]]["data"]
    for variable in container["env"]:
        environment[variable["name"]] = variable.get("value") or _drawn(variable["valueFrom"])
    probes = [container.get(f"{kind}Probe") for kind in ("startup", "readiness", "liveness")]
    ports = {port["containerPort"] for port in container.get("ports", ()) if port["name"] == "grpc"}
    asked = [probe and probe.get("exec", {}).get("command") for probe in probes]
    is_checked = len(ports) == 1 and asked == [PROBE] * 3
    return Running(container["command"], environment, ports.pop() if is_checked else None)


def _drawn(source: Document) -> str:
    if "secretKeyRef" in source:
        return drawn("{name}/{key}".format(**source["secretKeyRef"]))
    return drawn(source["fieldRef"]["fieldPath"])
