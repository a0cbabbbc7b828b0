"""Settings of the process: read once at start from the environment, typed, each declared in one place."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from streams import brakes
from streams.brakes import Budgets


class SettingsError(Exception):
    """A setting that cannot be used; one sentence says which and how to mend it."""


KAFKA_SECURITY = ("plaintext", "tls", "sasl_tls")
KAFKA_MECHANISMS = ("scram-sha-512", "scram-sha-256", "plain")
# A private key begins with xqsk_ and must not be taken for one.
_SEALED_KEY = re.compile(r"xqpk_[A-Za-z0-9_-]{43}")


def _setting(default: Any, help: str, *, secret: bool = False) -> Any:
    """A `secret` is shown nowhere, neither in a log nor where settings are printed."""
    return field(default=default, repr=not secret, metadata={"help": help, "secret": secret})


@dataclass(frozen=True)
class Settings:
    """Each field is read from `XUNQUN_<NAME>`; `docs/settings.md` is made from this declaration."""

    dir: Path = _setting(Path("var"), "folder of the database and its lock")
    host: str = _setting("127.0.0.1", "address to listen on; anything but loopback needs webhook_secrets")
    port: int = _setting(8600, "port of ingest, metrics and the review calls; 0 takes a free one")
    fleet: Path | None = _setting(None, "fleet.yaml: people and groups")
    packs: tuple[Path, ...] = _setting((), "further pack files or folders, separated by ':'")
    lists: tuple[Path, ...] = _setting((), "folders with the tenant's own word lists, separated by ':'")
    model: str = _setting(
        "default",
        "weights to serve: default (the promoted ones, else the package's), shipped, permissive, full, a version, a folder",
    )
    models: Path | None = _setting(
        None, "folder of the model registry; without it `models` in the folder of the database"
    )
    webhook_secrets: tuple[str, ...] = _setting(
        (), "secrets that sign incoming posts (whsec_…), separated by ','", secret=True
    )
    api_token: str | None = _setting(None, "bearer token of the review calls; without it they are refused", secret=True)
    # Some platforms put a key into the address.
    action_url: str | None = _setting(None, "where actions are posted; without it they are only simulated", secret=True)
    action_secret: str | None = _setting(None, "secret that signs posted actions (whsec_…)", secret=True)
    tick_seconds: float = _setting(5.0, "how often time passes in groups where something is due, in seconds")
    kafka: str = _setting("127.0.0.1:9092", "fleet: Kafka's brokers, host:port, separated by ','")
    kafka_prefix: str = _setting("", "fleet: what the names of our topics and consumer groups begin with")
    kafka_security: str = _setting(
        "plaintext", "fleet: how Kafka is spoken to: plaintext, tls, or sasl_tls, which is TLS with user and password"
    )
    kafka_mechanism: str = _setting(
        "scram-sha-512", "fleet: how user and password are proved to Kafka: scram-sha-512, scram-sha-256 or plain"
    )
    kafka_user: str | None = _setting(None, "fleet: user at Kafka, with sasl_tls")
    kafka_password: str | None = _setting(None, "fleet: that user's password", secret=True)
    redis: str = _setting(
        "redis://127.0.0.1:6379/0",
        "fleet: where the agents' state is; rediss://user:password@host:port/0 is TLS with a user",
        secret=True,
    )
    database: str | None = _setting(
        None,
        "fleet: PostgreSQL of views and outbox, postgresql+psycopg://user@host/name; ?sslmode=verify-full is TLS",
        secret=True,
    )
    tls_ca: Path | None = _setting(
        None, "fleet: PEM file of the CAs that certificates of Kafka, Redis and PostgreSQL come from; else the system's"
    )
    tls_cert: Path | None = _setting(None, "fleet: PEM file of our own certificate, where one of the three asks for it")
    tls_key: Path | None = _setting(None, "fleet: PEM file of its key, without passphrase, readable by its owner alone")
    sealed_key: str | None = _setting(
        None, "fleet: public key that reports and messages with a secrecy marking are sealed with; without it refused"
    )
    worker_id: str | None = _setting(
        None, "fleet: name of this worker, the same after a restart; without it the host's"
    )
    stall_seconds: float = _setting(120.0, "fleet: a worker that makes no progress for so long ends itself")
    budget_group: int = _setting(
        brakes.DEFAULT.group,
        "sanctions an hour in one group that may go out by themselves, 0 for no limit; then a brake holds",
    )
    budget_clause: int = _setting(brakes.DEFAULT.clause, "the same for all sanctions under one clause")
    budget_fleet: int = _setting(brakes.DEFAULT.fleet, "the same for all sanctions together")
    targets: Path | None = _setting(
        None, "folder in which Prometheus looks for processes (file_sd): each writes a file there while it runs"
    )
    keys: Path | None = _setting(
        None,
        "fleet: folder of the keys that text is encrypted with, the same one for all processes; without it text is stored "
        "readable. A single process has its own beside its database",
    )
    retention_days: int = _setting(30, "how long message text stays in the log, in days")
    log: str = _setting("", "form of the lines on standard error: json or text; without it text on a terminal only")

    @property
    def registry(self) -> Path:
        """The folder of the model registry."""
        return self.models or self.dir / "models"

    @property
    def budgets(self) -> Budgets:
        """The budgets of sanctions, as brakes want them."""
        return Budgets(self.budget_group, self.budget_clause, self.budget_fleet)


def read_settings(environment: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """Read the environment; what is `given` on the command line wins. SettingsError names the one that is wrong.

    A variable or file that is empty counts as not set. A secret may stand in a file: `XUNQUN_API_TOKEN_FILE=/run/secrets/token`.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    for one in fields(Settings):
        raw = _raw(environment, f"XUNQUN_{one.name.upper()}")
        if raw is not None:
            values[one.name] = _parse(one.name, one.type, raw)
    values.update({name: value for name, value in given.items() if value not in (None, (), [])})
    known = {one.name for one in fields(Settings)}
    return _check(Settings(**{name: value for name, value in values.items() if name in known}))


def _raw(environment: Mapping[str, str], name: str) -> str | None:
    if path := environment.get(f"{name}_FILE"):
        try:
            found = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(f"{name}_FILE names a file that cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:
            # Without the error itself, which shows the bytes.
            raise SettingsError(f"{name}_FILE names a file that is no text") from None
        return found or None
    return environment.get(name) or None


def secret_files(environment: Mapping[str, str]) -> dict[str, Path]:
    """The files that settings are read from, by variable, and that of the TLS key."""
    names = {f"XUNQUN_{one.name.upper()}_FILE" for one in fields(Settings)} | {"XUNQUN_TLS_KEY"}
    return {name: Path(environment[name]) for name in sorted(names) if environment.get(name)}


def _parse(name: str, kind: Any, raw: str) -> Any:
    if kind == tuple[Path, ...]:
        return tuple(Path(one) for one in raw.split(":") if one)
    if kind == tuple[str, ...]:
        return tuple(one for one in raw.split(",") if one)
    if kind in (Path, Path | None):
        return Path(raw)
    if kind in (int, float):
        try:
            return kind(raw)
        except ValueError as error:
            raise SettingsError(f"XUNQUN_{name.upper()} is not a number: {raw!r}") from error
    return raw


def _check(settings: Settings) -> Settings:
    if not 0 <= settings.port <= 65535:
        raise SettingsError(f"there is no port {settings.port}: choose one from 1 to 65535, or 0 for a free one")
    for name in ("tick_seconds", "retention_days", "stall_seconds"):
        value = getattr(settings, name)
        if not 0 < value < float("inf"):
            raise SettingsError(f"XUNQUN_{name.upper()} has to be more than 0, it is {value}")
    for name in ("budget_group", "budget_clause", "budget_fleet"):
        if getattr(settings, name) < 0:
            raise SettingsError(f"XUNQUN_{name.upper()} is a number of sanctions an hour: 0 sets no limit")
    if settings.log not in ("", "json", "text"):
        raise SettingsError("XUNQUN_LOG is json or text; leave it out for text on a terminal and json elsewhere")
    _check_sealed_key(settings.sealed_key)
    _check_connections(settings)
    return settings


def check_actions(settings: Settings) -> None:
    """SettingsError where actions would be posted and cannot be signed. For whoever carries them out: a door needs no secret."""
    if settings.action_url and not settings.action_secret:
        raise SettingsError(
            "actions are posted signed: set XUNQUN_ACTION_SECRET (whsec_…), or leave XUNQUN_ACTION_URL out"
        )


def _check_connections(settings: Settings) -> None:
    for name, known in (("kafka_security", KAFKA_SECURITY), ("kafka_mechanism", KAFKA_MECHANISMS)):
        if getattr(settings, name) not in known:
            raise SettingsError(f"XUNQUN_{name.upper()} is one of {', '.join(known)}")
    named = settings.kafka_user, settings.kafka_password
    if settings.kafka_security == "sasl_tls" and None in named:
        raise SettingsError("XUNQUN_KAFKA_SECURITY=sasl_tls needs XUNQUN_KAFKA_USER and XUNQUN_KAFKA_PASSWORD")
    if settings.kafka_security != "sasl_tls" and named != (None, None):
        raise SettingsError(
            "a user at Kafka needs XUNQUN_KAFKA_SECURITY=sasl_tls: a password is never sent over an open connection"
        )
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise SettingsError("a certificate needs its key: set both XUNQUN_TLS_CERT and XUNQUN_TLS_KEY, or neither")


def _check_sealed_key(key: str | None) -> None:
    # Told without the value: somebody may have set the private key.
    if key is not None and not _SEALED_KEY.fullmatch(key):
        raise SettingsError(
            "XUNQUN_SEALED_KEY is no public key of the sealed path: set the one that `xunqun sealed keygen` printed"
        )


def as_markdown() -> str:
    """The table of `docs/settings.md`."""
    rows = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for one in fields(Settings):
        default = one.default if one.default not in (None, ()) else "none"
        rows.append(f"| `XUNQUN_{one.name.upper()}` | `{default}` | {one.metadata['help']} |")
    return "\n".join(rows) + "\n"
