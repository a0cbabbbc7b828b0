"""`xunqun member`: what is stored about one person, for himself, and its erasure."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.duties import FleetFile
from streams.cli.output import Failure, console, errors, print_json
from streams.cli.people import MISSING, WHICH, Dir, Json, _store, _wait_until_taken

if TYPE_CHECKING:
    from models import Fleet
    from streams.members import Held, Load, Member

app = typer.Typer(
    no_args_is_help=True, help=f"What is stored about one person: export it for him, or erase it.\n\n{WHICH}"
)
Who = Annotated[str, typer.Argument(help="An id of the fleet's directory, or platform:account.")]
Accounts = Annotated[
    list[str] | None,
    typer.Option("--account", help="One more account of his, platform:account, that the directory does not know."),
]
Names = Annotated[
    list[str] | None, typer.Option("--name", help="One more name of his that the directory does not know.")
]


@app.command()
def export(
    named: Who,
    out: Annotated[Path, typer.Option("--out", help="The file to write, JSON; only you may read it.")],
    accounts: Accounts = None,
    names: Names = None,
    fleet: FleetFile = None,
    dir: Dir = None,
) -> None:
    """Write all that is stored about a person into one file: messages, findings, sanctions, decisions, strikes.

    Of what others decided it has the role and not the name. Give it to nobody else.
    """
    import json

    from streams.members import export as collect
    from streams.members import find

    directory = _fleet(fleet)
    with _store(dir) as store:
        who = find(named, directory, accounts=accounts or (), names=names or ())
        kept = _known(store, who, directory)
        found = collect(store, who, kept, _messages(store, who), now=_now())
    _write(out, json.dumps(found, ensure_ascii=False, indent=2, default=str).encode("utf-8", "replace"))
    counts = ", ".join(f"{len(value)} {name}" for name, value in found.items() if isinstance(value, list) and value)
    console.print(f"{out}: {counts or 'nothing but who he is'}", markup=False, soft_wrap=True)


@app.command()
def erase(
    named: Who,
    by: Annotated[str, typer.Option("--by", help="Your name; it is kept with the erasure.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, e.g. that he asked for it and when.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be erased.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    accounts: Accounts = None,
    names: Names = None,
    fleet: FleetFile = None,
    dir: Dir = None,
    json: Json = False,
) -> None:
    """Erase a person: strikes, what groups remember of him, and who he is in all that was decided. It cannot be undone.

    Rows stay, so that counts and audits stay right, and name nobody. Take him out of the fleet file on the same day: whom it
    lists is watched anew. Of whom it lists no more, name the accounts and the name, too.
    """
    from streams import desk, erasures
    from streams.members import count, erasure, find, findings
    from streams.tuning import labels

    if not by.strip() or not reason.strip():
        raise Failure("an erasure needs who does it and why: --by NAME --reason TEXT")
    directory = _fleet(fleet)
    with _store(dir) as store:
        folder = store.keys.folder
        if folder is None:
            raise Failure(
                "set XUNQUN_KEYS to the fleet's folder of keys: there it is kept who was erased, "
                "or a restored backup would bring him back"
            )
        who = find(named, directory, accounts=accounts or (), names=names or ())
        kept = _known(store, who, directory, folder)
        found = count(store, who) | {"strikes": kept.strikes}
        found |= {"groups": len(kept.groups)}
        found = {name: many for name, many in found.items() if many}
        told = [*_listed(who, directory), *_left(store)]
        if not json:
            _show(who.subject, found, told)
        if dry_run:
            if json:
                print_json({"subject": who.subject, "found": found, "left": told, "erased": False})
            return
        if not yes and not typer.confirm("Erase all that for good?"):
            raise Failure("nothing was erased", code=1)
        one = erasure(who, kept, by=by.strip(), reason=reason.strip(), now=_now())
        # First for backups: what is remembered and was not appended is asked for again, and the other way round it is lost.
        erasures.remember(folder, one)
        labels.forget(_labels(store), findings(store, who))
        groups = desk.erase(store, one, directory)
        waits = _wait_until_taken(store)
    if json:
        print_json({"id": one.id, "subject": who.subject, "found": found, "left": told, "erased": True})
        return
    console.print(f"erasure {one.id} entered; {len(groups)} groups are told to forget", markup=False, soft_wrap=True)
    if waits:
        console.print(waits, markup=False)


def _show(subject: str, found: dict[str, int], told: list[str]) -> None:
    counts = ", ".join(f"{many} {name}" for name, many in found.items()) or "nothing that is not in texts"
    console.print(f"stored about {subject}: {counts}", markup=False, soft_wrap=True)
    for line in told:
        errors.print(line, markup=False, soft_wrap=True)


def _known(store: Any, who: "Member", fleet: "Fleet", folder: Path | None = None) -> "Held":
    """What agents keep of him. Failure where nothing at all is stored about him, or, by `folder`, nothing any more."""
    from streams import erasures
    from streams.members import count, held

    kept = held(store, who, fleet, _states(store))
    if kept.ledgers or kept.groups or count(store, who):
        return kept
    before = [one for one in erasures.since(folder, 0) if one.subject == who.subject] if folder else []
    if before:
        day = _day(before[-1].erased_at)
        raise Failure(f"{who.subject} was erased on {day}, and nothing was stored about him since", code=1)
    if who.person is None:
        raise Failure(
            f"nothing is stored about {who.subject}: give an id of the directory, or platform:account as the log has it",
            code=1,
        )
    return kept


def _listed(who: "Member", fleet: "Fleet") -> list[str]:
    """What to do about the fleet file."""
    if who.person is None and not (who.names and who.accounts):
        return [
            "the fleet does not list him: name his accounts and his name, too (--account, --name), as far as you know them"
        ]
    if who.person is None:
        return []
    groups = [
        one.id for one in fleet.groups if who.subject in (one.owner, *one.managers, *one.administrators, *one.members)
    ]
    where = f" and the groups {', '.join(groups)}" if groups else ""
    return [f"he stands in the fleet file{where}: take him out of it today, or what it says of him is stored anew"]


def _left(store: Any) -> list[str]:
    """What stays for a while, and until when."""
    from streams.settings import read_settings
    from streams.topics import EVIDENCE_KEPT

    now, text = _now(), read_settings().retention_days * 86_400_000
    return [
        "his messages in the log and in dead letters stay encrypted until the keys of their days are destroyed, "
        f"the last on {_day(now + text)}; records of actions and outcomes go by then, too",
        f"labels on him are removed from {_labels(store)}; elsewhere they go by {_day(now + EVIDENCE_KEPT)}",
        "backups made before hold him until you remove them; "
        f"{store.keys.folder}/erased.jsonl keeps who was erased, so that a restored one is put right",
    ]


def _labels(store: Any) -> Path:
    from streams.settings import read_settings
    from streams.store import Store
    from streams.tuning.labels import FILE

    folder: Path = store.path.parent if isinstance(store, Store) else read_settings().dir
    return folder / FILE


def _fleet(path: Path | None) -> "Fleet":
    from streams.loading import fleet_from
    from streams.settings import read_settings

    return fleet_from(read_settings(fleet=path).fleet)


def _states(store: Any) -> "Load":
    """Where the agents' states are: in the file of a single process, or in a fleet's Redis."""
    from streams.store import Store

    if isinstance(store, Store):
        return lambda agent, keys: store.load(agent, keys)
    from streams.http import run
    from streams.settings import read_settings

    try:
        from streams.ledger import RedisStates
    except ModuleNotFoundError as error:
        raise Failure(MISSING) from error

    async def load(agent: str, keys: Any) -> dict[str, bytes]:
        states = await RedisStates.of(read_settings())
        try:
            return {key: one.value for key, one in (await states.load(agent, list(keys))).items()}
        finally:
            await states.close()

    return lambda agent, keys: run(load(agent, keys))


def _messages(store: Any, who: "Member") -> list[Any]:
    """What he wrote, as far as it can still be read: in the log of a single process, or in Kafka."""
    from streams.members import is_message_of
    from streams.progress import counting
    from streams.store import Store
    from streams.topics import OBSERVATIONS

    found: list[Any] = []
    if isinstance(store, Store):
        with counting("reading the log", store.count_after((OBSERVATIONS,), 0)) as told:
            after = 0
            while records := store.read((OBSERVATIONS,), after, 2000):
                found += [seen for one in records if (seen := is_message_of(who, one))]
                after = records[-1].offset
                told(len(records))
        return found
    from streams.fleet.kafka import Kafka, read_in_parts
    from streams.http import run
    from streams.settings import read_settings

    async def read() -> None:
        kafka = Kafka.of(read_settings())
        with counting("reading observations", await _size(kafka)) as told:
            async for some in read_in_parts(kafka, OBSERVATIONS):
                found.extend(seen for one in some if (seen := is_message_of(who, one)))
                told(len(some))

    run(read())
    return found


async def _size(kafka: Any) -> int:
    """How many records of observations there are."""
    from aiokafka import TopicPartition

    from streams.fleet.kafka import reader
    from streams.topics import OBSERVATIONS

    async with reader(kafka) as consumer:
        await consumer._client.force_metadata_update()
        name = kafka.named(OBSERVATIONS)
        places = [TopicPartition(name, one) for one in consumer.partitions_for_topic(name) or ()]
        first, last = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        return sum(last[place] - first[place] for place in places)


def _write(path: Path, body: bytes) -> None:
    """A file that only its owner may read; one that is there is written anew."""
    import os

    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(body)
    fresh.replace(path)


def _now() -> int:
    return time.time_ns() // 1_000_000


def _day(at: int) -> str:
    from datetime import datetime

    return datetime.fromtimestamp(at / 1000).astimezone().date().isoformat()
