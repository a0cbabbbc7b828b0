"""How Kafka, Redis and PostgreSQL are spoken to: settings become options of their clients, and a refusal becomes a sentence.

Every client is made with these options. Where a connection is encrypted, the other side's certificate and name are checked,
always: a switch that leaves that out would be left on.
"""

import asyncio
import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from streams.errors import LoadError
from streams.settings import Settings

_OPEN = ("disable",)
_CHECKED = "verify-full"
# In seconds: to hear from a broker why it refuses.
_ASK_SECONDS = 5.0


# options


def kafka_options(settings: Settings) -> dict[str, Any]:
    """Options of every aiokafka client. LoadError, one sentence, where a file of TLS cannot be used."""
    if settings.kafka_security == "plaintext":
        return {}
    context = tls_context(settings)
    if settings.kafka_security == "tls":
        return {"security_protocol": "SSL", "ssl_context": context}
    return {
        "security_protocol": "SASL_SSL",
        "ssl_context": context,
        "sasl_mechanism": settings.kafka_mechanism.upper(),
        "sasl_plain_username": settings.kafka_user,
        "sasl_plain_password": settings.kafka_password,
    }


def redis_options(settings: Settings) -> dict[str, Any]:
    """Options of `ledger.connection.Connection`, beside its address. LoadError where the address or a file cannot be used."""
    try:
        address = urlsplit(settings.redis)
        given = parse_qs(address.query)
    except ValueError:
        # Whoever opens it says so.
        return {}
    if any(one.startswith("ssl_") for one in given):
        raise LoadError("XUNQUN_REDIS holds options of TLS: set XUNQUN_TLS_CA, XUNQUN_TLS_CERT and XUNQUN_TLS_KEY")
    if address.scheme != "rediss":
        return {}
    return {"ssl_context": tls_context(settings)}


def engine_options(settings: Settings) -> dict[str, Any]:
    """Options of every connection to PostgreSQL, beside its address. LoadError where one cannot be used."""
    try:
        given = parse_qs(urlsplit(settings.database or "").query)
    except ValueError:
        return {}
    (mode,) = given.get("sslmode", [None])[-1:]
    if any(one.startswith("ssl") and one != "sslmode" for one in given):
        raise LoadError("XUNQUN_DATABASE holds files of TLS: set XUNQUN_TLS_CA, XUNQUN_TLS_CERT and XUNQUN_TLS_KEY")
    if mode is None or mode in _OPEN:
        return {}
    if mode != _CHECKED:
        raise LoadError(
            f"XUNQUN_DATABASE has sslmode={mode}, which does not check who answers: write sslmode={_CHECKED}, "
            "or sslmode=disable on a machine of its own"
        )
    tls_context(settings)
    files = {"sslrootcert": settings.tls_ca, "sslcert": settings.tls_cert, "sslkey": settings.tls_key}
    return {
        "sslrootcert": "system",
        "ssl_min_protocol_version": "TLSv1.2",
        **{name: str(path) for name, path in files.items() if path is not None},
    }


def open_parts(settings: Settings) -> list[tuple[str, str]]:
    """What is spoken to without encryption or without checking who answers: its setting and its host, loopback included."""
    found = []
    if settings.kafka_security == "plaintext":
        found += [("XUNQUN_KAFKA", one.strip().rpartition(":")[0].strip("[]")) for one in settings.kafka.split(",")]
    redis = urlsplit(settings.redis)
    if redis.scheme == "redis":
        found.append(("XUNQUN_REDIS", redis.hostname or "localhost"))
    if settings.database:
        database = urlsplit(settings.database)
        given = parse_qs(database.query)
        if given.get("sslmode", [""])[-1] != _CHECKED:
            hosts = given.get("host") or [database.hostname or "localhost"]
            # What begins with a slash is a socket of this machine.
            found += [("XUNQUN_DATABASE", one) for one in hosts if not one.startswith("/")]
    return found


# certificates


def tls_context(settings: Settings) -> ssl.SSLContext:
    """What both sides of a handshake are checked by. LoadError names the file that cannot be used, and how to mend it."""
    if settings.tls_ca is not None:
        _readable("XUNQUN_TLS_CA", settings.tls_ca)
    try:
        context = ssl.create_default_context(cafile=settings.tls_ca)
    except (ssl.SSLError, ValueError) as error:
        raise LoadError(f"XUNQUN_TLS_CA: {settings.tls_ca} holds no certificate in PEM form") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.tls_cert is not None and settings.tls_key is not None:
        _load_ours(context, settings.tls_cert, settings.tls_key)
    return context


def _load_ours(context: ssl.SSLContext, cert: Path, key: Path) -> None:
    _readable("XUNQUN_TLS_CERT", cert)
    _readable("XUNQUN_TLS_KEY", key)
    ends = certificate_ends(cert)
    if ends is None:
        raise LoadError(f"XUNQUN_TLS_CERT: {cert} holds no certificate in PEM form")
    if ends < datetime.now(UTC):
        raise LoadError(f"XUNQUN_TLS_CERT: {cert} has expired on {ends:%Y-%m-%d}: have a new one issued")
    try:
        # Without a passphrase at hand OpenSSL would ask for one at the terminal, and a service would hang.
        context.load_cert_chain(cert, key, password=_no_passphrase)
    except LoadError:
        raise
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise LoadError(
                f"XUNQUN_TLS_KEY: {key} is not the key of {cert}: name the two that were issued together"
            ) from error
        raise LoadError(f"XUNQUN_TLS_KEY: {key} holds no private key in PEM form") from error


def _no_passphrase() -> str:
    raise LoadError("XUNQUN_TLS_KEY is locked by a passphrase: give one without, readable by its owner alone")


def certificate_ends(path: Path) -> datetime | None:
    """When the first certificate of a PEM file to end does; None where it holds none."""
    from cryptography import x509

    try:
        return min(one.not_valid_after_utc for one in x509.load_pem_x509_certificates(path.read_bytes()))
    except (OSError, ValueError):
        return None


def _readable(name: str, path: Path) -> None:
    try:
        path.read_bytes()
    except OSError as error:
        raise LoadError(f"{name} names {path}, which cannot be read: {error.strerror}") from error


# refusals

# What stands in an error of OpenSSL, aiokafka, redis-py or libpq, and what it means. The first that fits counts.
_MEANINGS = (
    (r"certificate has expired", "its certificate has expired: give it a new one"),
    (r"certificate is not yet valid", "its certificate is not valid yet: see to the clocks"),
    (
        r"Hostname mismatch|IP address mismatch|certificate is not valid for|does not match host name",
        "its certificate is for another name: use a name that stands in it, or have this one added",
    ),
    (
        r"self.signed certificate|unable to get (?:local )?issuer|certificate verify failed|CERTIFICATE_VERIFY_FAILED",
        "its certificate comes from a CA that we do not know: name the file of its CA in XUNQUN_TLS_CA",
    ),
    (
        r"(?i)alert (?:certificate required|bad certificate|unknown ca|certificate expired|certificate unknown"
        r"|handshake failure)|certificate.required|did not return a certificate|requires a valid client certificate",
        "it does not take our certificate: have XUNQUN_TLS_CERT issued by a CA that it knows",
    ),
    (
        r"(?i)wrong.version.number|record layer failure|packet length too long|server does not support SSL",
        "it speaks no TLS there: see to the port, or to its own settings of TLS",
    ),
    (
        r"(?i)private key file .* has group or world access",
        "the file of XUNQUN_TLS_KEY may be read by others: chmod 600",
    ),
    (
        r"(?i)SaslAuthenticationFailed|WRONGPASS|invalid (?:username|credentials)|password authentication failed"
        r"|Authentication failed|invalid server (?:nonce|signature)|no password (?:was )?supplied|NOAUTH"
        r"|Authentication required",
        "it does not take our user and password: see to both",
    ),
    (
        r"UnsupportedSaslMechanism",
        "it does not know this way to prove a password: see to XUNQUN_KAFKA_MECHANISM",
    ),
    (
        # It says so of every connection without TLS, also where it lets nobody into that database.
        r"(?i)no pg_hba.conf entry .*no encryption",
        "it wants TLS: write ?sslmode=verify-full behind the address; or pg_hba.conf keeps this user out of this database",
    ),
    (r"(?i)hostssl|connection is insecure", "it wants TLS: write ?sslmode=verify-full behind the address"),
    (r"(?i)no pg_hba.conf entry", "its pg_hba.conf does not let this user into this database from here"),
    (
        r"NOPERM|(?:Topic|Group|Cluster)AuthorizationFailed",
        "our user may not do this: see to its rights (docs/security.md names what each role needs)",
    ),
)


def explain(error: BaseException) -> str | None:
    """What a refused handshake or login means and what to do, without any secret; None where it was neither."""
    said = " ".join(f"{type(one).__name__}: {one}" for one in _chain(error))
    return next((meaning for pattern, meaning in _MEANINGS if re.search(pattern, said)), None)


def _chain(error: BaseException) -> Iterator[BaseException]:
    known: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in known:
        known.add(id(one))
        yield one
        one = one.__cause__ or one.__context__


async def ask_kafka(brokers: str, options: dict[str, Any]) -> str | None:
    """Why the first broker that can be reached refuses us, what to do included; None where none was reached or none does.

    aiokafka writes its reasons into its log only, so this is one more try.
    """
    from aiokafka.conn import create_conn
    from aiokafka.errors import KafkaError
    from aiokafka.protocol.metadata import MetadataRequest

    for one in brokers.split(","):
        host, _, port = one.strip().rpartition(":")
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
                writer.close()
        except (OSError, ValueError, TimeoutError):
            continue
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                connection = await create_conn(host.strip("[]"), int(port), **options)
                try:
                    await connection.send(MetadataRequest([]))
                finally:
                    connection.close()
        except (KafkaError, OSError, EOFError, TimeoutError) as error:
            return f"Kafka at {one.strip()} refuses us: {explain(error) or _HANGS_UP[not options]}"
        return None
    return None


_HANGS_UP = {
    True: "it hangs up, as one does that wants TLS: set XUNQUN_KAFKA_SECURITY",
    False: "it hangs up: see to XUNQUN_KAFKA_SECURITY (tls, sasl_tls), and whether it asks for a certificate of ours",
}
