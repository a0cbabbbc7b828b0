"""`xunqun sealed`: keys of the sealed path, and opening what lies in it."""

import json as json_module
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.output import Failure, console, print_json, print_table

if TYPE_CHECKING:
    from streams.fleet.kafka import Kafka
    from streams.topics import Record

app = typer.Typer(
    no_args_is_help=True, help="Reports and secrets, sealed at the door: keys, what there is, opening it."
)
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command()
def keygen(out: Annotated[Path, typer.Option("--out", help="New file for the private key.")]) -> None:
    """Make a pair of keys: the private one goes into a file for those who may open, the public one to the door."""
    sealing = _sealing()
    private, public = sealing.new_keys()
    sealing.write_private_key(out, private)
    console.print(
        f"private key in {out}: keep it away from the fleet's machines, and a copy in a safe place\n"
        f"XUNQUN_SEALED_KEY={public}",
        markup=False,
        soft_wrap=True,
    )


@app.command("list")
def list_(json: Json = False) -> None:
    """List what is sealed: ids, times, kinds. What it says, and of whom it comes, only opening shows."""
    sealing = _sealing()
    found = sealing.read_sealed(_topic("SEALED"))
    if json:
        print_json([{"id": one.id, "sealed_at": one.sealed_at, "kind": one.kind, "key": one.key} for one in found])
        return
    rows = [(one.id, _shown(one.sealed_at), one.kind, one.key) for one in found]
    print_table("Sealed", ("id", "sealed at", "kind", "key"), rows, "nothing is sealed")


@app.command("open")
def open_(
    id: Annotated[str, typer.Argument(help="Id from the list, or of the observation that a task or review names.")],
    key: Annotated[Path, typer.Option("--key", help="File of the private key.")],
    by: Annotated[str, typer.Option("--by", help="Your name, for the access record.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it is opened, for the access record.")],
) -> None:
    """Open one record and print it as JSON, after who opened it and why is stored for good."""
    sealing = _sealing()
    private = sealing.read_private_key(key)
    sealed, body = sealing.find(sealing.read_sealed(_topic("SEALED")), id, private)
    _store(sealing.access(sealed, by=by, reason=reason, at=time.time_ns() // 1_000_000))
    print_json({"id": sealed.id, "kind": sealed.kind, "observation": _readable(body)})


@app.command()
def accesses(json: Json = False) -> None:
    """List who opened what, when and why."""
    sealing = _sealing()
    found = sealing.read_accesses(_topic("SEALED_ACCESS"))
    if json:
        print_json(found)
        return
    rows = [(one.id, _shown(one.opened_at), one.by, one.reason) for one in found]
    print_table("Accesses", ("id", "opened at", "by", "reason"), rows, "nothing was opened")


def _sealing() -> Any:
    try:
        from streams.fleet import sealing
    except ModuleNotFoundError as error:
        raise Failure("this command needs the fleet's packages: pip install 'xunqun[fleet]'") from error
    return sealing


def _topic(name: str) -> "list[Record]":
    from streams.fleet import kafka

    return _tried(lambda at: kafka.read_whole(at, getattr(kafka, name)))


def _store(entry: "Record") -> None:
    from streams.fleet.kafka import Producer

    async def send(kafka: "Kafka") -> None:
        producer = Producer(kafka)
        await producer.start()
        try:
            await producer.send([entry])
        finally:
            await producer.stop()

    _tried(send)


def _tried(work: "Callable[[Kafka], Any]") -> Any:
    """Do it at the fleet's Kafka; what is away is said in one sentence."""
    from aiokafka.errors import KafkaError

    from streams.errors import Unavailable
    from streams.fleet.kafka import Kafka
    from streams.http import run
    from streams.settings import read_settings

    settings = read_settings()
    try:
        return run(work(Kafka.of(settings)))
    except Unavailable as error:
        raise Failure(str(error)) from error
    except KafkaError as error:
        sentence = f"{settings.kafka}: {type(error).__name__}: start Kafka (`make up`) or set XUNQUN_KAFKA"
        raise Failure(sentence) from error


def _readable(body: bytes) -> Any:
    """The JSON as a value that can be printed: half of a surrogate pair, which some senders write, has no UTF-8."""
    written = json_module.dumps(json_module.loads(body), ensure_ascii=False)
    return json_module.loads(written.encode("utf-8", "replace"))


def _shown(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
