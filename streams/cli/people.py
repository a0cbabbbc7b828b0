"""What waits for people: `review`, `appeal`, `approvals`, `pause`, `resume`, `deadletters`."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from getpass import getuser
from pathlib import Path
from typing import Annotated, Any

import typer

from streams.cli.output import Failure, console, errors, harmless, print_json, print_table

WHICH = "Uses PostgreSQL where XUNQUN_DATABASE is set and no --dir is given, else the SQLite file in the folder."
review_app = typer.Typer(no_args_is_help=True, help=f"What waits for a person: list, show, decide.\n\n{WHICH}")
dead_letters_app = typer.Typer(
    no_args_is_help=True, help=f"Input that could not be used: list it, look at it, hand it in again.\n\n{WHICH}"
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Dir = Annotated[
    Path | None,
    typer.Option("--dir", help="Folder of the SQLite file; by default XUNQUN_DIR, or `var`.", show_default=False),
]
By = Annotated[str, typer.Option("--by", help="Your name; it is kept with the decision.")]
Login = Annotated[str, typer.Option("--by", help="Your name; your login name if left out.", default_factory=getuser)]
Group = Annotated[str | None, typer.Option("--group", help="One group's id.")]
Pack = Annotated[str | None, typer.Option("--pack", help="One pack's slug.")]
Clause = Annotated[str | None, typer.Option("--clause", help="One clause's id, in all groups.")]
Topic = Annotated[str | None, typer.Option("--topic", help="Only those that come from this topic.")]
Cause = Annotated[str | None, typer.Option("--cause", help="Only those whose cause contains this.")]
Since = Annotated[str | None, typer.Option("--since", help="Only those since then, e.g. 2026-12-01T08:00+08:00.")]
MISSING = "this command needs the fleet's packages: pip install 'xunqun[fleet]'"
# A worker publishes what was decided within a tenth of a second.
_PUBLISHED_SECONDS = 5.0


def register(app: typer.Typer) -> None:
    for command in (appeal, approvals, pause, resume):
        app.command(help=f"{command.__doc__}\n\n{WHICH}")(command)


@contextmanager
def _store(folder: Path | None) -> Iterator[Any]:
    """The fleet's database, or the store in a folder; what cannot be done is said in one sentence."""
    from streams.errors import NotFound, Unavailable, WrongUse
    from streams.settings import read_settings

    settings = read_settings(dir=folder)
    try:
        store = fleet_cases(settings) if folder is None and settings.database else _file(settings.dir)
        try:
            yield store
        finally:
            store.close()
    except (NotFound, WrongUse) as error:
        raise Failure(str(error)) from error
    except Unavailable as error:
        raise Failure(str(error), code=1) from error


def fleet_cases(settings: Any, *, current: bool = True) -> Any:
    """The fleet's database; Failure where it is not set, or, if it is to be `current`, has another schema."""
    try:
        from streams.cases.postgres import Cases
    except ModuleNotFoundError as error:
        raise Failure(MISSING) from error
    if not settings.database:
        raise Failure("there is no database here: set XUNQUN_DATABASE to the fleet's")
    cases = Cases.of(settings)
    if current and (wrong := cases.check()):
        cases.close()
        raise Failure(f"{wrong}, or call `xunqun cases upgrade`", code=1)
    return cases


def _file(folder: Path) -> Any:
    from streams.store import Store

    path = folder / "xunqun.db"
    if not path.exists():
        raise Failure(f"{path} does not exist: name the folder that `xunqun run` uses with --dir")
    return Store(path)


def _show_reviews(found: list[dict[str, Any]], title: str, json: bool) -> None:
    if json:
        print_json(found)
        return
    rows = [(one["id"], one["kind"], one["group_id"], one["clause"], one["subject"], one["why"]) for one in found]
    print_table(title, ("id", "kind", "group", "clause", "who", "why"), rows, "nothing waits for a person")


@review_app.command("list")
def list_(
    dir: Dir = None,
    status: Annotated[str, typer.Option("--status", help="open, decided, withdrawn or all.")] = "open",
    group: Group = None,
    kind: Annotated[
        str | None, typer.Option("--kind", help="assisted, uncertain, approval, appeal, late, report or campaign.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="So many at most, the oldest.")] = 200,
    json: Json = False,
) -> None:
    """List what waits for a person, oldest first."""
    from streams.desk import list_reviews

    with _store(dir) as store:
        found = list_reviews(store, status=status, group=group, kind=kind, limit=limit + 1)
    _show_reviews(found[:limit], "Reviews", json)
    if len(found) > limit:
        errors.print(f"these are the oldest {limit}, there are more; --limit shows them", markup=False)


@review_app.command()
def show(review_id: str, dir: Dir = None, json: Json = False) -> None:
    """Show one review with its verdict, evidence and sanction."""
    from streams.desk import show_review

    with _store(dir) as store:
        found = show_review(store, review_id)
    if found is None:
        raise Failure(f"there is no review {review_id}; `xunqun review list` shows what waits")
    if json:
        print_json(found)
        return
    for name in ("id", "kind", "status", "group_id", "clause", "subject", "why"):
        console.print(f"{name:>9}  {harmless(found[name])}", markup=False)
    console.print(f"{'options':>9}  {', '.join(found['options'])}", markup=False)
    for one in found["detail"].get("choices", ()):
        told = [one.get("condition"), one.get("measure"), one.get("approver"), _fine_told(one.get("fine"))]
        console.print(f"{'pick':>9}  {one['pick']}  {harmless('；'.join(filter(None, told)))}", markup=False)
    if fine := found["detail"].get("fine"):
        console.print(f"{'fine':>9}  {harmless(_fine_told(fine))}", markup=False)
    if route := found["detail"].get("route"):
        console.print(f"{'route':>9}  {harmless(route)}", markup=False)
    if found.get("text"):
        console.print(f"{'appeal':>9}  {harmless(found['text'])}", markup=False)
    for one in found.get("members", ()):
        told = [*one["clauses"], *(f"{each['id']} {each['status']}" for each in one["reviews"])]
        console.print(
            f"{'message':>9}  {harmless(one['id'])}  {harmless(one['group_key'])}  {'; '.join(told)}", markup=False
        )
    if "sanction" in found:
        console.print(f"{'notice':>9}  {harmless(found['sanction']['notice'])}", markup=False)
    for violation in (*found.get("verdict", {}).get("violations", ()), *found.get("verdict", {}).get("uncertain", ())):
        console.print(f"{'evidence':>9}  {violation['clause']}: {harmless(violation['explanation'])}", markup=False)
        for item in violation["evidence"]:
            shown = harmless(f"{item.get('matched') or ''} {item.get('span') or ''} {item['why']}")
            console.print(f"{'':>11}{shown}", markup=False)


def _fine_told(fine: dict[str, Any] | None) -> str:
    """The terms of a fine for the person who decides: sum, payer, what the policy leaves open, what the law makes of it."""
    if fine is None:
        return ""
    import msgspec

    from models import Fine
    from policies.notices import amount_said

    payer = f"付款人：{fine['payer'] or '制度未写明'}"
    return "；".join(filter(None, (amount_said(msgspec.convert(fine, Fine)), payer, fine["open"], fine["caution"])))


@review_app.command()
def decide(
    named: Annotated[str, typer.Argument(help="Id of a review, or of a sanction, violation, action or task.")],
    outcome: Annotated[str, typer.Argument(help="uphold, overturn, approve, refuse or done.")],
    by: By,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept with the decision.")] = "",
    role: Annotated[str, typer.Option("--role", help="In which role you decide.")] = "moderator",
    learn: Annotated[bool, typer.Option("--learn/--no-learn", help="Whether it may become a training label.")] = True,
    pick: Annotated[str | None, typer.Option("--pick", help="Which of the review's choices is to follow.")] = None,
    amount: Annotated[
        float | None, typer.Option("--amount", help="Yuan of a fine whose sum the policy leaves open.")
    ] = None,
    check: Annotated[str | None, typer.Option("--check", help="At which check it was found, e.g. 2026-11.")] = None,
    dir: Dir = None,
    json: Json = False,
) -> None:
    """Decide: uphold or overturn a finding, approve or refuse a draft, mark a task done. Overturning undoes it whole."""
    from streams.desk import decide as enter

    with _store(dir) as store:
        amount_fen = None if amount is None else round(amount * 100)
        decided = enter(
            store, named, outcome=outcome, by=by, role=role, reason=reason, learn=learn,
            pick=pick, amount_fen=amount_fen, check=check,
        )  # fmt: skip
        told = _wait_until_taken(store)
    if json:
        print_json(decided)
        return
    console.print(f"{outcome} on {decided['on']['kind']} {decided['on']['id']} entered", markup=False)
    if told:
        console.print(told, markup=False)


def _wait_until_taken(store: Any) -> str:
    """Wait a moment until what was entered is taken up; what to tell of it, nothing where it took effect."""
    from streams.store import Store

    return _wait_for_service(store) if isinstance(store, Store) else _wait_for_relay(store)


def _wait_for_service(store: Any) -> str:
    from streams.topics import JUDGEMENTS

    wanted = store.last_offset(JUDGEMENTS)
    if (store.path.parent / "xunqun.lock").exists():
        for _ in range(25):
            if store.offset("escalate") >= wanted:
                return ""
            time.sleep(0.1)
    return "it takes effect when `xunqun run` runs on this folder"


def _wait_for_relay(cases: Any) -> str:
    """A worker publishes what was entered, and then removes it from the database."""
    import sqlalchemy as sa

    from streams.cases.postgres import outgoing

    newest = cases.connection.scalar(sa.select(sa.func.max(outgoing.c.id)))
    waiting = sa.select(sa.exists().where(outgoing.c.id <= (newest or 0)))
    until = time.monotonic() + _PUBLISHED_SECONDS
    while cases.connection.scalar(waiting):
        if time.monotonic() > until:
            return "it is kept in the database and takes effect when a worker with the role dispatch runs"
        time.sleep(0.05)
    return "it is published, and the workers act on it"


def appeal(
    sanction_id: str,
    by: By,
    text: Annotated[str, typer.Option("--text", help="The member's own words.")] = "",
    dir: Dir = None,
    json: Json = False,
) -> None:
    """Ask for a sanction to be looked at again."""
    from streams.desk import appeal as file

    with _store(dir) as store:
        filed = file(store, sanction_id, by=by, text=text)
        told = _wait_until_taken(store)
    if json:
        print_json(filed)
        return
    console.print(
        f"appeal {filed['id']} on {sanction_id} filed; it stands in `xunqun review list --kind appeal`",
        markup=False,
    )
    if told:
        console.print(told, markup=False)


def approvals(dir: Dir = None, json: Json = False) -> None:
    """List the drafts that wait for a named person's approval."""
    from streams.desk import list_reviews

    with _store(dir) as store:
        _show_reviews(list_reviews(store, kind="approval"), "Approvals", json)


def _scope(group: str | None, pack: str | None, clause: str | None, everything: bool) -> None:
    if sum((bool(group), bool(pack), bool(clause), everything)) != 1:
        raise Failure("say what to pause or resume: --clause C, --group G, --pack P or --all")


def pause(
    by: Login,
    group: Group = None,
    pack: Pack = None,
    clause: Clause = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why.")] = "",
    dir: Dir = None,
) -> None:
    """Stop outgoing actions; judging goes on. Takes effect before the next action, within 10 seconds."""
    from streams.desk import never_seen
    from streams.desk import pause as stop

    _scope(group, pack, clause, everything)
    with _store(dir) as store:
        scope = stop(store, group=group, pack=pack, clause=clause, by=by, reason=reason)
        console.print(f"{scope} is paused", markup=False)
        if warning := never_seen(store, group=group, pack=pack, clause=clause):
            errors.print(f"xunqun: {warning}", markup=False, soft_wrap=True)


def resume(
    by: Login,
    group: Group = None,
    pack: Pack = None,
    clause: Clause = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything.")] = False,
    dir: Dir = None,
) -> None:
    """Let outgoing actions go on, also after a brake. What became too old meanwhile waits for a person instead."""
    from streams.desk import resume as go_on

    _scope(group, pack, clause, everything)
    with _store(dir) as store:
        console.print(f"{go_on(store, group=group, pack=pack, clause=clause)} goes on", markup=False)


@dead_letters_app.command("list")
def list_dead(
    topic: Topic = None,
    cause: Cause = None,
    since: Since = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")] = 200,
    dir: Dir = None,
    json: Json = False,
) -> None:
    """List input that could not be used, newest first."""
    from streams.desk import list_dead_letters

    at = _millis(since)
    with _store(dir) as store:
        found = list_dead_letters(store, topic=topic, cause=cause, since=at, limit=limit)
    if json:
        print_json(found)
        return
    rows = [(one["id"], one["topic"], one["cause"], one["tries"], one["bytes"], _time(one["at"])) for one in found]
    print_table("Dead letters", ("id", "topic", "cause", "tries", "bytes", "at"), rows, "no dead letters")


@dead_letters_app.command("show")
def show_dead(
    letter_id: Annotated[str, typer.Argument(help="Id from the list, such as 3/1042.")],
    with_body: Annotated[
        bool, typer.Option("--bytes", help="Show the bytes too. They may hold a member's message.")
    ] = False,
    dir: Dir = None,
    json: Json = False,
) -> None:
    """Show one dead letter: its cause, where it comes from, how often it was tried."""
    from streams.desk import show_dead_letter

    with _store(dir) as store:
        found = show_dead_letter(store, letter_id, with_body=with_body)
    if json:
        print_json(found)
        return
    shown = {
        "id": found["id"],
        "cause": found["cause"],
        "origin": f"{found['topic']}, offset {found['source_offset']}",
        "tries": found["tries"],
        "bytes": found["bytes"],
        "at": _time(found["at"]),
    }
    for name, value in shown.items():
        console.print(f"{name:>7}  {harmless(value)}", markup=False)
    if with_body:
        console.print(harmless(found["body"].decode("utf-8", "replace")), markup=False, soft_wrap=True)


@dead_letters_app.command()
def redrive(
    topic: Topic = None,
    cause: Cause = None,
    since: Since = None,
    ids: Annotated[list[str] | None, typer.Option("--id", help="Only this one; may be given several times.")] = None,
    rate: Annotated[float, typer.Option("--rate", min=0.1, max=100_000, help="At most so many a second.")] = 100.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    dir: Dir = None,
    json: Json = False,
) -> None:
    """Hand dead letters in again on the topics that they come from, to be judged anew.

    All that are there now, or those that meet every condition. Doing it twice is harmless. What dies again is listed
    again, with one more try.
    """
    from streams.desk import find_dead_letters

    at = _millis(since)
    with _store(dir) as store:
        places = find_dead_letters(store, topic=topic, cause=cause, since=at, ids=ids or ())
        count = len(places) if dry_run else _hand_in(store, places, rate)
    if json:
        print_json({"count": count, "dry_run": dry_run})
    else:
        console.print(f"{count} dead letters {'would be' if dry_run else 'were'} handed in again")


def _hand_in(store: Any, places: list[tuple[int, int]], rate: float) -> int:
    from streams.desk import Redrive, hand_in_again
    from streams.progress import counting
    from streams.store import Store

    with counting("handing in", len(places)) as told:
        if not isinstance(store, Store):
            from streams.fleet.kafka import Kafka
            from streams.fleet.redrive import redrive as to_kafka
            from streams.http import run
            from streams.settings import read_settings

            settings = read_settings()
            kafka = Kafka.of(settings)
            return int(run(to_kafka(kafka, store, places, rate=rate, told=told)))
        call = Redrive(time.time_ns() // 1_000_000)
        done, began = 0, time.monotonic()
        size = max(1, min(50, int(rate)))
        for start in range(0, len(places), size):
            some = places[start : start + size]
            done += hand_in_again(store, some, call)
            told(len(some))
            if start + size < len(places):
                time.sleep(max(0.0, began + (start + size) / rate - time.monotonic()))
        return done


def _millis(written: str | None) -> int | None:
    from datetime import datetime

    if written is None:
        return None
    try:
        found = datetime.fromisoformat(written)
    except ValueError as error:
        raise Failure(f"--since {written}: write it like 2026-12-01T08:00+08:00") from error
    if found.tzinfo is None:
        raise Failure(f"--since {written}: say which zone, e.g. {written}+08:00")
    return round(found.timestamp() * 1000)


def _time(at: int) -> str:
    from datetime import datetime

    return datetime.fromtimestamp(at / 1000).astimezone().isoformat(timespec="seconds")
