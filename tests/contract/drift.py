"""Says where the compose file and the Kubernetes manifests differ from the code."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from deploy import topology
from deploy.topology import Process
from shared.kafka import MECHANISM
from shared.settings import MissingSetting, Settings
from tests.contract.manifests import (
    Document,
    Running,
    compose_processes,
    drawn,
    kubernetes_processes,
    named,
    of_kind,
)

_KEYS = topology.keystore_database("harbourlight")
_PROTOCOLS = "listener.security.protocol.map"
FIGURES = "0.0.0.0:9464"
"""Where whoever serves shows its figures, inside the network and by TLS."""
_LEDGERS = {
    f"HARBOURLIGHT_{name}" for name in ("RECEIPTS_KEY", "DIRECTORY_KEY", "ANCHOR", "WITNESSES")
}
"""What the ledger reads, and nobody else."""


def processes_drift(running: dict[str, Running]) -> Iterator[str]:
    """Where processes are not run as the topology says, with what the settings ask for."""
    wanted = {process.name: process for process in topology.PROCESSES}
    yield from _differ("processes", set(running), set(wanted))
    known = _known_settings()
    for name in running.keys() & wanted.keys():
        one, process = running[name], wanted[name]
        environment = one.environment
        has_database = process.principal in topology.DATABASES
        has_keys = process.principal in topology.KEYSTORES
        yield from _differ(f"{name}: command", one.command, ["python", "-m", process.module])
        ours = {key for key in environment if key.startswith("HARBOURLIGHT_")}
        yield from _differ(f"{name}: settings that do not exist", ours - known, set())
        try:
            settings = Settings.from_environment(
                environment, database=has_database, keystore=has_keys
            )
        except MissingSetting as missing:
            yield f"{name}: {missing}"
            continue
        yield from _differ(f"{name}: brokers' authority", settings.kafka_ca is not None, True)
        yield from _differ(f"{name}: principal", settings.kafka_username, process.principal)
        role = urlsplit(settings.database_url).username
        yield from _differ(f"{name}: role", role, process.principal if has_database else None)
        keys = urlsplit(settings.keystore_url)
        yield from _differ(
            f"{name}: key role", keys.username, process.principal if has_keys else None
        )
        if has_keys:
            yield from _differ(f"{name}: keys' database", keys.path.lstrip("/"), _KEYS)
        same = urlsplit(settings.database_url).hostname == keys.hostname
        yield from _differ(f"{name}: keys beside the data", has_keys and same, False)
        yield from _differ(f"{name}: database password", "PGPASSWORD" in environment, has_database)
        promises = process.module.split(".")[1] in topology.PROMISERS
        yield from _differ(f"{name}: key of promises", settings.promise_key is not None, promises)
        ledgers = _LEDGERS if process.name == "ledger" else set()
        yield from _differ(f"{name}: settings of the ledger", ours & _LEDGERS, ledgers)
        if process.serves:
            host, _, port = settings.listen.rpartition(":")
            yield from _differ(f"{name}: address", host, "0.0.0.0")
            yield from _differ(f"{name}: health port", one.health_port, int(port))
            yield from _differ(f"{name}: keys of tokens", settings.jwks is not None, True)
            yield from _differ(f"{name}: TLS", settings.tls is not None, True)
            yield from _differ(f"{name}: figures", settings.metrics, FIGURES)


def compose_drift(compose: Document, kafka: str) -> Iterator[str]:
    """Where the compose file, with its Kafka's properties, differs from the code."""
    yield from processes_drift(compose_processes(compose))
    properties = dict(
        line.split("=", 1) for line in kafka.replace("\\\n", "").splitlines() if "=" in line
    )
    yield from _differ("mechanism", properties["sasl.enabled.mechanisms"], MECHANISM)
    yield from _differ("open topics", properties["auto.create.topics.enable"], "false")
    listeners = {one.split(":")[1] for one in properties[_PROTOCOLS].split(",")}
    yield from _differ("broker's protocols", listeners, {"SASL_SSL"})
    yield from _differ("super users", properties["super.users"], "User:admin")
    for name, service in compose["services"].items():
        yield from _certificates_drift(name, service)
        for port in service.get("ports", ()):
            yield from _differ(f"{name}: published", port.split(":")[0], "127.0.0.1")
        for variable, value in service.get("environment", {}).items():
            is_secret = re.search(r"PASSWORD|SECRET", variable) is not None
            if is_secret and not re.fullmatch(r"\$\{\w+:\?[^}]+\}", str(value)):
                yield f"{name}: {variable} is not asked for"


def _certificates_drift(name: str, service: Document) -> Iterator[str]:
    """Where a container sees other keys than its own."""
    if name == "certificates":
        return
    seen = {
        one["volume"]["subpath"]
        for one in service.get("volumes", ())
        if isinstance(one, dict) and one["source"] == "certificates"
    }
    yield from _differ(
        f"{name}: certificates", seen, set() if name in ("postgres", "keystore") else {name}
    )


def kubernetes_drift(documents: list[Document]) -> Iterator[str]:
    """Where the manifests differ from the code."""
    running = kubernetes_processes(documents)
    yield from processes_drift(running)
    yield from _kafka_drift(documents)
    yield from _database_drift(documents)
    for process in topology.PROCESSES:
        if process.name not in running:
            continue
        yield from _objects_drift(documents, process)
        yield from _pod_drift(named(documents, "Deployment", process.name), running[process.name])
        environment = running[process.name].environment
        password = drawn(f"kafka-{process.principal}/password")
        actual = environment.get("HARBOURLIGHT_KAFKA_PASSWORD")
        yield from _differ(f"{process.name}: Kafka password", actual, password)
        if process.principal in topology.DATABASES:
            password = drawn(f"postgres-{process.principal}/password")
            actual = environment.get("PGPASSWORD")
            yield from _differ(f"{process.name}: database password", actual, password)


def _objects_drift(documents: list[Document], process: Process) -> Iterator[str]:
    label = {"app.kubernetes.io/name": process.name}
    selectors = {
        "Deployment": ("selector", "matchLabels"),
        "NetworkPolicy": ("podSelector", "matchLabels"),
        "PodDisruptionBudget": ("selector", "matchLabels"),
        **({"Service": ("selector",)} if process.serves else {}),
    }
    for kind, path in selectors.items():
        found = of_kind(documents, kind).get(process.name, {}).get("spec", {})
        for key in path:
            found = found.get(key, {})
        yield from _differ(f"{process.name}: {kind} selects", found, label)
    account = of_kind(documents, "ServiceAccount").keys() & {process.name}
    yield from _differ(f"{process.name}: account", account, {process.name})


def _pod_drift(deployment: Document, running: Running) -> Iterator[str]:
    name = deployment["metadata"]["name"]
    pod = deployment["spec"]["template"]
    label = pod["metadata"]["labels"]["app.kubernetes.io/name"]
    yield from _differ(f"{name}: label", label, name)
    yield from _differ(f"{name}: account", pod["spec"]["serviceAccountName"], name)
    (container,) = pod["spec"]["containers"]
    ports = {f"0.0.0.0:{one['containerPort']}" for one in container.get("ports", ())}
    serves = {running.environment.get(f"HARBOURLIGHT_{one}") for one in ("LISTEN", "METRICS")}
    yield from _differ(f"{name}: ports", ports, serves - {None})
    security = {**pod["spec"]["securityContext"], **container["securityContext"]}
    # Who may write on its volumes; a pod without one of its own needs none.
    security.pop("fsGroup", None)
    restricted = {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    yield from _differ(f"{name}: security", security, restricted)
    instance = running.environment.get("HARBOURLIGHT_INSTANCE")
    yield from _differ(f"{name}: instance", instance, drawn("metadata.name"))
    trust = next(one for one in pod["spec"]["volumes"] if one["name"] == "trust")
    mounted = {
        item["path"]
        for source in trust["projected"]["sources"]
        for one in source.values()
        for item in one["items"]
    }
    used = re.findall(r"/etc/harbourlight/([\w.-]+)", " ".join(running.environment.values()))
    yield from _differ(f"{name}: mounted files", mounted, set(used))


def _kafka_drift(documents: list[Document]) -> Iterator[str]:
    cluster = named(documents, "Kafka", "events")["spec"]["kafka"]
    (listener,) = cluster["listeners"]
    secured = (listener["tls"], listener["authentication"]["type"].upper())
    yield from _differ("listener", secured, (True, MECHANISM))
    settings = named(documents, "ConfigMap", "settings")["data"]
    address = f"events-kafka-bootstrap:{listener['port']}"
    yield from _differ("bootstrap", settings["HARBOURLIGHT_KAFKA"], address)
    yield from _differ("brokers' authority", "HARBOURLIGHT_KAFKA_CA" in settings, listener["tls"])
    yield from _differ("authorizer", cluster["authorization"], {"type": "simple"})
    yield from _differ("in-sync replicas", cluster["config"]["min.insync.replicas"], 2)
    topics = {
        (name, one["spec"]["partitions"], one["spec"]["config"]["retention.ms"])
        for name, one in of_kind(documents, "KafkaTopic").items()
    }
    wanted = {(one.name, one.partitions, one.retention_ms) for one in topology.topics()}
    yield from _differ("topics", topics, wanted)
    for name, one in of_kind(documents, "KafkaTopic").items():
        copies = (one["spec"]["replicas"], one["spec"]["config"]["min.insync.replicas"])
        yield from _differ(f"{name}: replicas", copies, (3, 2))
    users = of_kind(documents, "KafkaUser")
    yield from _differ("users", set(users), set(topology.PRINCIPALS))
    for name, user in users.items():
        mechanism = user["spec"]["authentication"]["type"].upper()
        yield from _differ(f"{name}: mechanism", mechanism, MECHANISM)
    rules = {rule for name, user in users.items() for rule in _rules(name, user)}
    yield from _differ("grants", rules, set(_granted()))


def _rules(name: str, user: Document) -> Iterator[tuple[str, str, str, str]]:
    for acl in user["spec"]["authorization"]["acls"]:
        resource = acl["resource"]
        kind = resource["type"] if resource["patternType"] == "literal" else "pattern"
        for operation in acl["operations"]:
            yield name, kind, resource["name"], operation.lower()


def _granted() -> Iterator[tuple[str, str, str, str]]:
    for grant in topology.grants():
        for kind, name in (("topic", grant.topic), ("group", grant.group)):
            if name is not None:
                for operation in grant.operations:
                    yield grant.principal, kind, name, operation


def _database_drift(documents: list[Document]) -> Iterator[str]:
    yield from _cluster_drift(documents, "postgres", "harbourlight", topology.DATABASES)
    yield from _cluster_drift(documents, "keystore", "harbourlight-keys", topology.KEYSTORES)
    keystore = named(documents, "Cluster", "keystore")["spec"]
    yield from _differ("copies of keys", keystore.keys() & {"backup", "plugins", "replica"}, set())
    recycle = keystore["postgresql"]["parameters"].get("wal_recycle")
    yield from _differ("logs of keys used again", recycle, "off")


def _cluster_drift(
    documents: list[Document], name: str, database: str, owners: tuple[str, ...]
) -> Iterator[str]:
    cluster = named(documents, "Cluster", name)["spec"]
    quorum = {"method": "any", "number": 1, "dataDurability": "required", "failoverQuorum": True}
    yield from _differ(f"{name}: instances", cluster["instances"], 3)
    yield from _differ(f"{name}: quorum", cluster["postgresql"]["synchronous"], quorum)
    roles = {(one["name"], one["passwordSecret"]["name"]) for one in cluster["managed"]["roles"]}
    yield from _differ(f"{name}: roles", roles, {(one, f"postgres-{one}") for one in owners})
    schemas = named(documents, "Database", database)["spec"]["schemas"]
    found = {(one["name"], one["owner"]) for one in schemas}
    yield from _differ(f"{name}: schemas", found, {(one, one) for one in owners})


def _known_settings() -> set[str]:
    asked: set[str] = set()

    class Asking(dict[str, str]):
        def get(self, name: str, default: Any = None) -> Any:
            asked.add(name)
            return "" if name.endswith("_ADDRESSES") else "00"

    Settings.from_environment(Asking(), keystore=True)
    return asked | _LEDGERS | {"HARBOURLIGHT_DUMMY_SECONDS"}


def _differ(what: str, found: Any, wanted: Any) -> Iterator[str]:
    if isinstance(found, set) and isinstance(wanted, set):
        for extra in sorted(found - wanted):
            yield f"{what}: {extra} is too much"
        for missing in sorted(wanted - found):
            yield f"{what}: {missing} is missing"
    elif found != wanted:
        yield f"{what}: {found!r} and not {wanted!r}"
