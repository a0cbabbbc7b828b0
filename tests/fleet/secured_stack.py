"""Kafka, Redis and PostgreSQL as they should run where others share the network: TLS, users, and rights of each role.

Certificates are made here, of two CAs: our own and a stranger's.
"""

import hashlib
import ipaddress
import os
import secrets
import shutil
import socket
import ssl
import subprocess
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SECURITY = Path(__file__).resolve().parents[2] / "deploy" / "security"
HOST = "127.0.0.1"
WORKER_ROLES = ("screen", "gather", "escalate", "enforce", "record", "dispatch")


class Authority:
    """A CA that issues certificates into its folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder / name
        self.folder.mkdir()
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = ec.generate_private_key(ec.SECP256R1())
        made = self._begun(self.name, self.key, days=30).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.ca = self.folder / "ca.pem"
        self.ca.write_bytes(made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def _begun(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, days: int) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key.public_key())
        made = made.serial_number(x509.random_serial_number())
        return made.not_valid_before(now - timedelta(days=40)).not_valid_after(now + timedelta(days=days))

    def issue(self, name: str, *, days: int = 30, address: str = HOST) -> tuple[Path, Path]:
        """Certificate and key, as files; what ends in the past has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        made = self._begun(subject, key, days=days).add_extension(names, critical=False)
        made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        cert_file, key_file = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        cert_file.write_bytes(made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        plain = serialization.NoEncryption()
        key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
        key_file.chmod(0o600)
        return cert_file, key_file


class SecuredStack:
    """The three on loopback. `settings(role)` are what a process of that role is started with, its secrets included."""

    def __init__(self, local_stack: ModuleType, jars: Path, folder: Path, prefix: str) -> None:
        self.stack, self.jars, self.folder, self.prefix = local_stack, jars, folder, prefix
        folder.mkdir()
        folder.chmod(0o755)
        self.ours, self.strangers = Authority(folder, "ours"), Authority(folder, "strangers")
        self.server = self.ours.issue("server")
        self.ports = {}
        for name in ("kafka", "mtls", "controller", "redis", "postgres", "expired"):
            self.ports[name] = local_stack.free_port(self.ports.values())
        self.passwords = {
            name: secrets.token_hex(16) for name in ("admin", *WORKER_ROLES, "worker", "ingest", "operator")
        }
        self.redis_password = secrets.token_hex(16)
        self.database_passwords = {name: secrets.token_hex(16) for name in ("owner", "worker", "reader")}
        self._processes: list[subprocess.Popen[bytes]] = []

    # addresses

    @property
    def kafka(self) -> str:
        return f"{HOST}:{self.ports['kafka']}"

    def redis(self, *, password: str | None = None, scheme: str = "rediss") -> str:
        return f"{scheme}://xunqun:{password or self.redis_password}@{HOST}:{self.ports['redis']}/0"

    def database(
        self, role: str = "worker", *, password: str | None = None, query: str = "?sslmode=verify-full"
    ) -> str:
        secret = password or self.database_passwords[role]
        return f"postgresql+psycopg://xunqun_{role}:{secret}@{HOST}:{self.ports['postgres']}/xunqun{query}"

    def settings(self, role: str, **other: object) -> dict[str, str]:
        given = {
            "kafka": self.kafka,
            "kafka_prefix": self.prefix,
            "kafka_security": "sasl_tls",
            "kafka_user": role,
            "kafka_password": self.passwords.get(role, ""),
            "redis": self.redis(),
            "database": self.database(),
            "tls_ca": self.ours.ca,
            **other,
        }
        return {f"XUNQUN_{name.upper()}": str(value) for name, value in given.items() if value not in (None, "")}

    # life

    def up(self) -> None:
        self._start_redis()
        self._start_kafka()
        self._start_postgres()
        for name in ("redis", "kafka"):
            assert self.stack._until(lambda name=name: self._shakes_hands(self.ports[name]), 60), self._log(name)

    def down(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _shakes_hands(self, port: int) -> bool:
        context = ssl.create_default_context(cafile=str(self.ours.ca))
        try:
            with (
                socket.create_connection((HOST, port), timeout=2) as raw,
                closing(context.wrap_socket(raw, server_hostname=HOST)),
            ):
                return True
        except OSError:
            return False

    def _log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")[-2000:]

    def _spawn(self, name: str, command: list[str], **given: Any) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes.append(
                subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **given
                )
            )

    # components

    def _start_kafka(self) -> None:
        folder = self.folder / "kafka"
        folder.mkdir()
        cert, key = self.server
        store = folder / "server.pem"
        store.write_bytes(key.read_bytes() + cert.read_bytes())
        plain = "org.apache.kafka.common.security.plain.PlainLoginModule required"
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required"
        admin = f'username="admin" password="{self.passwords["admin"]}" user_admin="{self.passwords["admin"]}"'
        plain_users = " ".join(f'user_{name}="{secret}"' for name, secret in self.passwords.items())
        ports = self.ports
        settings = f"""\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{HOST}:{ports["controller"]}
listeners=SECURED://{HOST}:{ports["kafka"]},MTLS://{HOST}:{ports["mtls"]},CONTROLLER://{HOST}:{ports["controller"]}
advertised.listeners=SECURED://{HOST}:{ports["kafka"]},MTLS://{HOST}:{ports["mtls"]}
listener.security.protocol.map=SECURED:SASL_SSL,MTLS:SSL,CONTROLLER:SASL_SSL
controller.listener.names=CONTROLLER
inter.broker.listener.name=SECURED
sasl.enabled.mechanisms=SCRAM-SHA-512,SCRAM-SHA-256,PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
sasl.mechanism.controller.protocol=PLAIN
listener.name.secured.scram-sha-512.sasl.jaas.config={scram} ;
listener.name.secured.scram-sha-256.sasl.jaas.config={scram} ;
listener.name.secured.plain.sasl.jaas.config={plain} {admin} {plain_users} ;
listener.name.controller.sasl.enabled.mechanisms=PLAIN
listener.name.controller.plain.sasl.jaas.config={plain} {admin} ;
listener.name.mtls.ssl.client.auth=required
ssl.keystore.type=PEM
ssl.keystore.location={store}
ssl.truststore.type=PEM
ssl.truststore.location={self.ours.ca}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin
log.dirs={folder / "data"}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=2
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=33554432
"""
        path = folder / "server.properties"
        path.write_text(settings)
        path.chmod(0o600)
        java = [
            self.stack._program("java"),
            f"-Dlog4j2.configurationFile={(self.stack.HERE / 'log4j2.xml').as_uri()}",
            "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{self.jars}/*",
        ]  # fmt: skip
        users = [
            part
            for name in ("worker", "screen", "ingest", "operator")
            for size in ("512", "256")
            for part in (
                "--add-scram",
                f"SCRAM-SHA-{size}=[name={name},password={self.passwords[name]},iterations=4096]",
            )
        ]
        self.stack._run(
            [*java, "-Xshare:auto", "kafka.tools.StorageTool", "format", "--cluster-id", self.stack._cluster_id(),
             "--config", str(path), *users],
            "Kafka's storage could not be formatted",
        )  # fmt: skip
        self._spawn("kafka", [*java, "kafka.Kafka", str(path)])

    def redis_command(self, name: str, cert: Path, key: Path) -> list[str]:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        acl = (SECURITY / "redis-users.acl").read_text()
        digest = hashlib.sha256(self.redis_password.encode()).hexdigest()
        (folder / "users.acl").write_text(acl.replace("0" * 64, digest).replace("~xunqun:", f"~{self.prefix}xunqun:"))
        (folder / "redis.conf").write_text(f"""\
bind {HOST}
port 0
tls-port {self.ports[name]}
tls-cert-file {cert}
tls-key-file {key}
tls-ca-cert-file {self.ours.ca}
tls-auth-clients no
aclfile {folder / "users.acl"}
dir {folder}
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
""")
        return [self.stack._program("redis-server"), str(folder / "redis.conf")]

    def _start_redis(self) -> None:
        self._spawn("redis", self.redis_command("redis", *self.server))

    def start_expired_redis(self) -> None:
        """One more, whose certificate has expired."""
        self._spawn("expired", self.redis_command("expired", *self.ours.issue("expired", days=-1)))
        assert self.stack._until(lambda: not self.stack.is_free(self.ports["expired"]), 20), self._log("expired")

    def _start_postgres(self) -> None:
        folder = self.folder / "postgres"
        folder.mkdir()
        data, given = folder / "data", self.stack._as_postgres()
        cert, key = (Path(shutil.copy(one, folder / f"server{one.suffix}")) for one in self.server)
        roles = (SECURITY / "postgresql-roles.sql").read_text()
        (folder / "superuser").write_text(secrets.token_hex(16))
        if given:
            for one in (folder, cert, key, folder / "superuser"):
                shutil.chown(one, "postgres", "postgres")
        key.chmod(0o600)
        self.stack._run(
            [self.stack._program("initdb"), "-D", str(data), "-U", "postgres", "--encoding=UTF8", "--locale=C.UTF-8",
             "--auth=scram-sha-256", "--no-sync", "--pwfile", str(folder / "superuser")],
            "initdb failed", cwd=folder, **given,
        )  # fmt: skip
        single = [self.stack._program("postgres"), "--single", "-j", "-D", str(data)]
        self.stack._run([*single, "postgres"], "no database", cwd=folder, input="CREATE DATABASE xunqun\n", **given)
        words = "\n\n".join(
            f"ALTER ROLE xunqun_{name} PASSWORD '{secret}';" for name, secret in self.database_passwords.items()
        )
        # Single-user mode takes a statement up to an empty line.
        script = roles.replace(";\nALTER DEFAULT", ";\n\nALTER DEFAULT")
        said = self.stack._run([*single, "xunqun"], "no roles", cwd=folder, input=f"{script}\n\n{words}\n", **given)
        assert "ERROR" not in said, said
        (data / "pg_hba.conf").write_text(
            f"hostssl xunqun xunqun_owner,xunqun_worker,xunqun_reader {HOST}/32 scram-sha-256\n"
        )
        options = {**self.stack.postgres_settings(self.ports["postgres"]), "ssl": "on", "ssl_cert_file": str(cert),
                   "ssl_key_file": str(key), "ssl_ca_file": str(self.ours.ca), "fsync": "off"}  # fmt: skip
        settings = [part for pair in options.items() for part in ("-c", "=".join(pair))]
        self._spawn("postgres", [self.stack._program("postgres"), "-D", str(data), *settings], cwd=folder, **given)


def clean_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("XUNQUN_")}
