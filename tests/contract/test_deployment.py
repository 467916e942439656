"""Compose file, Kubernetes manifests and image, held against the code that they run."""

import asyncio
import copy
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import provision, topology
from deploy.docker import fresh_env
from tests.contract import drift, manifests
from tests.contract.manifests import Document, named, of_kind

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "deploy" / "k8s"
PRODUCTION = KUBERNETES / "overlays" / "production"
COMPOSE = yaml.safe_load(fresh_env.COMPOSE.read_text())
KAFKA = (ROOT / "deploy" / "docker" / "kafka.properties").read_text()
DOCUMENTS = manifests.render(PRODUCTION, set())
PRINCIPALS = {process.name: process.principal for process in topology.PROCESSES}


def test_the_compose_file_says_what_the_code_says() -> None:
    assert list(drift.compose_drift(COMPOSE, KAFKA)) == []


def test_the_kubernetes_manifests_say_what_the_code_says() -> None:
    assert list(drift.kubernetes_drift(DOCUMENTS)) == []


def _first_topic(documents: list[Document]) -> Document:
    return next(one for one in documents if one["kind"] == "KafkaTopic")


def _acls(documents: list[Document]) -> list[Document]:
    acls: list[Document] = named(documents, "KafkaUser", "ngo")["spec"]["authorization"]["acls"]
    return acls


def _container(documents: list[Document]) -> Document:
    pod = named(documents, "Deployment", "triage")["spec"]["template"]["spec"]
    container: Document = pod["containers"][0]
    return container


def _variable(documents: list[Document], name: str) -> Document:
    variables = _container(documents)["env"]
    variable: Document = next(one for one in variables if one["name"] == f"HARBOURLIGHT_{name}")
    return variable


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.remove(_first_topic(d)),
        lambda d: _first_topic(d)["spec"].update(partitions=6),
        lambda d: _first_topic(d)["spec"].update(replicas=1),
        lambda d: _first_topic(d)["spec"]["config"].update({"retention.ms": 1}),
        lambda d: _first_topic(d)["metadata"].update(name="triage.events.v2"),
        lambda d: d.remove(named(d, "KafkaUser", "ngo")),
        lambda d: _acls(d).pop(),
        lambda d: _acls(d)[0]["operations"].append("Write"),
        lambda d: _acls(d)[0]["resource"].update(name="remedy.events.v1"),
        lambda d: _acls(d)[0]["resource"].update(patternType="prefix"),
        lambda d: named(d, "Kafka", "events")["spec"]["kafka"]["listeners"][0].update(tls=False),
        lambda d: d.remove(named(d, "Deployment", "remedy")),
        lambda d: named(d, "Deployment", "remedy")["metadata"].update(name="remedies"),
        lambda d: _container(d).update(command=["python", "-m", "services.remedy"]),
        lambda d: _variable(d, "KAFKA_USERNAME").update(value="remedy"),
        lambda d: _variable(d, "KAFKA_USERNAME").update(name="HARBOURLIGHT_KAFKA_USER"),
        lambda d: _variable(d, "KAFKA_PASSWORD")["valueFrom"]["secretKeyRef"].update(name="x"),
        lambda d: _container(d)["env"].remove(_variable(d, "SECRET")),
        lambda d: _variable(d, "DATABASE_URL").update(value="postgresql://remedy@postgres-rw/h"),
        lambda d: _variable(d, "LISTEN").update(value="0.0.0.0:7001"),
        lambda d: _container(d)["env"].remove(_variable(d, "METRICS")),
        lambda d: _container(d)["ports"].pop(),
        lambda d: _container(d)["env"].remove(_variable(d, "TLS_KEY")),
        lambda d: _variable(d, "TLS_KEY").update(value="/etc/harbourlight/other.key"),
        lambda d: _variable(d, "INSTANCE").update(value="1"),
        lambda d: _variable(d, "JWKS").update(value="/etc/harbourlight/keys.json"),
        lambda d: named(d, "ConfigMap", "settings")["data"].pop("HARBOURLIGHT_KAFKA_CA"),
        lambda d: named(d, "ConfigMap", "settings")["data"].update(
            HARBOURLIGHT_KAFKA="events:9093"
        ),
        lambda d: _container(d).pop("livenessProbe"),
        lambda d: _container(d)["securityContext"].update(readOnlyRootFilesystem=False),
        lambda d: named(d, "Service", "triage")["spec"].update(selector={"app": "triage"}),
        lambda d: d.remove(named(d, "NetworkPolicy", "triage")),
        lambda d: d.remove(named(d, "ServiceAccount", "triage")),
        lambda d: named(d, "Database", "harbourlight")["spec"]["schemas"].pop(),
        lambda d: named(d, "Database", "harbourlight-keys")["spec"]["schemas"].pop(),
        lambda d: named(d, "Cluster", "keystore")["spec"].update(backup={}),
        lambda d: _variable(d, "KEYSTORE_URL").update(
            value="postgresql://triage@postgres-rw/harbourlight_keys"
        ),
        lambda d: named(d, "Cluster", "postgres")["spec"]["postgresql"]["synchronous"].update(
            dataDurability="preferred"
        ),
    ],
)
def test_a_drift_of_the_kubernetes_manifests_is_found(
    change: Callable[[list[Document]], Any],
) -> None:
    documents = copy.deepcopy(DOCUMENTS)
    change(documents)
    assert documents != DOCUMENTS
    assert list(drift.kubernetes_drift(documents))


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.pop("remedy"),
        lambda c: c["remedy"].update(command=["python", "-m", "services.triage"]),
        lambda c: c["remedy"].update(ports=["7004:7000"]),
        lambda c: c["remedy"].pop("healthcheck"),
        lambda c: c["remedy"]["environment"].pop("HARBOURLIGHT_TLS_KEY"),
        lambda c: c["remedy"]["environment"].pop("HARBOURLIGHT_KAFKA_CA"),
        lambda c: c["remedy"]["volumes"][0]["volume"].update(subpath="triage"),
        lambda c: c["remedy"]["environment"].update(HARBOURLIGHT_KAFKA_PASSWORD="secret"),
        lambda c: c["remedy"]["environment"].update(HARBOURLIGHT_TELEMETRIES="x"),
        lambda c: c["remedy"]["environment"].update(HARBOURLIGHT_LISTEN="127.0.0.1:7000"),
        lambda c: c["remedy"]["environment"].pop("HARBOURLIGHT_KAFKA"),
        lambda c: c["reporting"]["environment"].pop("HARBOURLIGHT_KEYSTORE_URL"),
        lambda c: c["reporting"]["environment"].pop("HARBOURLIGHT_PROMISE_KEY"),
        lambda c: c["notification-router"]["environment"].update(
            HARBOURLIGHT_KAFKA_USERNAME="notification"
        ),
    ],
)
def test_a_drift_of_the_compose_file_is_found(change: Callable[[Document], Any]) -> None:
    compose = copy.deepcopy(COMPOSE)
    change(compose["services"])
    assert list(drift.compose_drift(compose, KAFKA))


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ("SCRAM-SHA-512", "SCRAM-SHA-256"),
        ("User:admin", "User:ngo"),
        ("enable=false", "enable=true"),
        ("CLIENTS:SASL_SSL", "CLIENTS:SASL_PLAINTEXT"),
    ],
)
def test_a_drift_of_the_brokers_properties_is_found(said: str, instead: str) -> None:
    assert list(drift.compose_drift(COMPOSE, KAFKA.replace(said, instead)))


def test_compose_provisions_the_passwords_that_its_processes_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[tuple[Any, ...]] = []

    async def record(*arguments: Any) -> None:
        given.append(arguments)

    monkeypatch.setattr(provision, "provision_database", record)
    monkeypatch.setattr(provision, "provision_keystore", record)
    monkeypatch.setattr(provision, "provision_kafka", record)
    environment = manifests.compose_environment(COMPOSE["services"]["provision"])
    asyncio.run(provision.provision(environment))
    (_, roles), (_, key_roles), (access, _, _, principals) = given

    assert principals.keys() == set(topology.PRINCIPALS)
    assert roles == {name: principals[name] for name in topology.DATABASES}
    assert key_roles == roles
    for name, running in manifests.compose_processes(COMPOSE).items():
        principal = PRINCIPALS[name]
        assert running.environment["HARBOURLIGHT_KAFKA_PASSWORD"] == principals[principal]
        assert running.environment.get("PGPASSWORD") == roles.get(principal)
    kafka = manifests.compose_environment(COMPOSE["services"]["kafka"])
    assert access.password == kafka["ADMIN_PASSWORD"]


def test_processes_of_one_service_share_its_secret_and_no_two_services_do() -> None:
    for processes in (
        manifests.compose_processes(COMPOSE),
        manifests.kubernetes_processes(DOCUMENTS),
    ):
        services = {
            (process.module.split(".")[1], processes[process.name].environment[name])
            for process in topology.PROCESSES
            for name in ["HARBOURLIGHT_SECRET"]
        }
        assert len(services) == len(dict(services)) == len({secret for _, secret in services})


def test_a_fresh_env_has_what_compose_requires() -> None:
    text = fresh_env.COMPOSE.read_text()
    lines = [line for line in fresh_env.lines(text) if not line.startswith("#")]
    found = dict(line.split("=") for line in lines)
    required = set(re.findall(r"\$\{(\w+)", text))
    files = {"JWKS", "PROMISE_KEY_REPORTING", "RECEIPTS_KEY", "DIRECTORY_KEY", "WITNESSES"}
    assert found.keys() | {f"HARBOURLIGHT_{name}" for name in files} == required
    assert len(set(found.values())) == len(found)
    assert all(re.fullmatch(r"[0-9a-f]{64}", value) for value in found.values())


def test_prometheus_is_told_of_everybody_who_shows_figures() -> None:
    told = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yaml").read_text())
    (job,) = told["scrape_configs"]
    (targets,) = job["static_configs"]
    port = drift.FIGURES.rpartition(":")[2]
    serving = {f"{one.name}:{port}" for one in topology.PROCESSES if one.serves}
    assert (job["scheme"], set(targets["targets"])) == ("https", serving)


def test_every_manifest_is_part_of_production() -> None:
    seen: set[Path] = set()
    manifests.render(PRODUCTION, seen)
    assert seen == set(KUBERNETES.rglob("*.yaml"))


def _referred(node: Any) -> Iterator[str]:
    """Names of the Secrets and ConfigMaps that a document refers to."""
    if isinstance(node, list):
        for item in node:
            yield from _referred(item)
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("secretKeyRef", "passwordSecret", "secret", "configMap", "configMapRef"):
                yield value["name"]
            yield from _referred(value)


def test_the_kubernetes_guide_names_every_object_that_people_make() -> None:
    made = {"settings", "events-cluster-ca-cert", "postgres-ca", "keystore-ca"}
    made |= {f"kafka-{principal}" for principal in topology.PRINCIPALS}
    made |= {one["spec"]["secretName"] for one in of_kind(DOCUMENTS, "Certificate").values()}
    by_people = set(_referred(DOCUMENTS)) - made
    assert {"jwks", *topology.DATABASES} <= by_people
    guide = (KUBERNETES / "README.md").read_text()
    assert [name for name in by_people if f"`{name}`" not in guide] == []


def test_the_image_is_of_this_version() -> None:
    overlay = yaml.safe_load((PRODUCTION / "kustomization.yaml").read_text())
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert overlay["images"] == [{"name": "harbourlight", "newTag": version[1]}]


_IMPORT_ALL = """
import importlib, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in REFUSED:
            raise ModuleNotFoundError(f"{name} is not in the image", name=name)

REFUSED = set(sys.argv[1].split(","))
sys.meta_path.insert(0, Refuse())
for name in sys.argv[2:]:
    importlib.import_module(name)
"""


def test_the_image_holds_all_that_its_processes_import(tmp_path: Path) -> None:
    *_, last = (ROOT / "deploy" / "docker" / "Dockerfile").read_text().split("\nFROM ")
    for line in re.findall(r"^COPY (?!--from)(.*)$", last, re.MULTILINE):
        *sources, target = line.split()
        for source in sources:
            into = tmp_path / target
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, into)
            else:
                into.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, into)
    locked = re.findall(r"^([\w.-]+)==", (ROOT / "requirements" / "run.lock").read_text(), re.M)
    kept = {_normal(name) for name in (*locked, "harbourlight")}
    refused = [
        module
        for module, owners in importlib.metadata.packages_distributions().items()
        if kept.isdisjoint(map(_normal, owners))
    ]
    assert "pytest" in refused
    modules = [
        f"{process.module}.__main__"
        if (ROOT / process.module.replace(".", "/")).is_dir()
        else process.module
        for process in topology.PROCESSES
    ]
    others = [
        "deploy.provision",
        "deploy.certificates",
        "deploy.docker.probe",
        "deploy.ops.cli",
    ]
    subprocess.run(
        [sys.executable, "-c", _IMPORT_ALL, ",".join(refused), *modules, *others],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT / 'client' / 'src'}"},
        check=True,
    )


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()
