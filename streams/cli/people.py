"""What waits for people: `review`, `appeal`, `approvals`, `pause`, `resume`, `deadletters`."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from getpass import getuser
from pathlib import Path
from typing import Annotated, Any

import typer

from streams.cli.output import Failure, console, harmless, print_json, print_table

review_app = typer.Typer(no_args_is_help=True, help="What waits for a person: list, show, decide.")
dead_letters_app = typer.Typer(no_args_is_help=True, help="Input that could not be used: list it, hand it in again.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Dir = Annotated[Path, typer.Option("--dir", help="Folder of the database.", envvar="XUNQUN_DIR")]
By = Annotated[str, typer.Option("--by", help="Your name; it is kept with the decision.")]
Login = Annotated[str, typer.Option("--by", help="Your name; your login name if left out.", default_factory=getuser)]
Group = Annotated[str | None, typer.Option("--group", help="One group's id.")]
Pack = Annotated[str | None, typer.Option("--pack", help="One pack's slug.")]
_DEFAULT = Path("var")


def register(app: typer.Typer) -> None:
    app.command()(appeal)
    app.command()(approvals)
    app.command()(pause)
    app.command()(resume)


@contextmanager
def _store(folder: Path) -> Iterator[Any]:
    from streams.errors import NotFound, WrongUse
    from streams.store import Store, StoreUnavailable

    path = folder / "xunqun.db"
    if not path.exists():
        raise Failure(f"{path} does not exist: name the folder that `xunqun run` uses with --dir")
    try:
        store = Store(path)
        try:
            yield store
        finally:
            store.close()
    except (NotFound, WrongUse) as error:
        raise Failure(str(error)) from error
    except StoreUnavailable as error:
        raise Failure(str(error), code=1) from error


def _show_reviews(found: list[dict[str, Any]], title: str, json: bool) -> None:
    if json:
        print_json(found)
        return
    rows = [(one["id"], one["kind"], one["group_id"], one["clause"], one["subject"], one["why"]) for one in found]
    print_table(title, ("id", "kind", "group", "clause", "who", "why"), rows, "nothing waits for a person")


@review_app.command("list")
def list_(
    dir: Dir = _DEFAULT,
    status: Annotated[str, typer.Option("--status", help="open, decided, withdrawn or all.")] = "open",
    group: Group = None,
    kind: Annotated[
        str | None, typer.Option("--kind", help="assisted, uncertain, approval, appeal, late or report.")
    ] = None,
    json: Json = False,
) -> None:
    """List what waits for a person, oldest first."""
    from streams.desk import list_reviews

    with _store(dir) as store:
        _show_reviews(list_reviews(store, status=status, group=group, kind=kind), "Reviews", json)


@review_app.command()
def show(review_id: str, dir: Dir = _DEFAULT, json: Json = False) -> None:
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
    if found.get("text"):
        console.print(f"{'appeal':>9}  {harmless(found['text'])}", markup=False)
    if "sanction" in found:
        console.print(f"{'notice':>9}  {harmless(found['sanction']['notice'])}", markup=False)
    for violation in (*found.get("verdict", {}).get("violations", ()), *found.get("verdict", {}).get("uncertain", ())):
        console.print(f"{'evidence':>9}  {violation['clause']}: {harmless(violation['explanation'])}", markup=False)
        for item in violation["evidence"]:
            shown = harmless(f"{item.get('matched') or ''} {item.get('span') or ''} {item['why']}")
            console.print(f"{'':>11}{shown}", markup=False)


@review_app.command()
def decide(
    named: Annotated[str, typer.Argument(help="Id of a review, or of a sanction, violation, action or task.")],
    outcome: Annotated[str, typer.Argument(help="uphold, overturn, approve, refuse or done.")],
    by: By,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept with the decision.")] = "",
    role: Annotated[str, typer.Option("--role", help="In which role you decide.")] = "moderator",
    learn: Annotated[bool, typer.Option("--learn/--no-learn", help="Whether it may become a training label.")] = True,
    dir: Dir = _DEFAULT,
    json: Json = False,
) -> None:
    """Decide: uphold or overturn a finding, approve or refuse a draft, mark a task done. Overturning undoes it whole."""
    from streams.desk import decide as enter

    with _store(dir) as store:
        decided = enter(store, named, outcome=outcome, by=by, role=role, reason=reason, learn=learn)
        taken = _wait_until_taken(dir, store)
    if json:
        print_json(decided)
        return
    console.print(f"{outcome} on {decided['on']['kind']} {decided['on']['id']} entered", markup=False)
    if not taken:
        console.print("it takes effect when `xunqun run` runs on this folder")


def _wait_until_taken(folder: Path, store: Any) -> bool:
    """Wait a moment for the running service; say whether it took the decision."""
    from streams.topics import JUDGEMENTS

    if not (folder / "xunqun.lock").exists():
        return False
    wanted = store.last_offset(JUDGEMENTS)
    for _ in range(25):
        if store.offset("escalate") >= wanted:
            return True
        time.sleep(0.1)
    return False


def appeal(
    sanction_id: str,
    by: By,
    text: Annotated[str, typer.Option("--text", help="The member's own words.")] = "",
    dir: Dir = _DEFAULT,
    json: Json = False,
) -> None:
    """Ask for a sanction to be looked at again."""
    from streams.desk import appeal as file

    with _store(dir) as store:
        filed = file(store, sanction_id, by=by, text=text)
        _wait_until_taken(dir, store)
    if json:
        print_json(filed)
    else:
        console.print(
            f"appeal {filed['id']} on {sanction_id} filed; it stands in `xunqun review list --kind appeal`",
            markup=False,
        )


def approvals(dir: Dir = _DEFAULT, json: Json = False) -> None:
    """List the drafts that wait for a named person's approval."""
    from streams.desk import list_reviews

    with _store(dir) as store:
        _show_reviews(list_reviews(store, kind="approval"), "Approvals", json)


def _scope(group: str | None, pack: str | None, everything: bool) -> None:
    if sum((bool(group), bool(pack), everything)) != 1:
        raise Failure("say what to pause or resume: --group G, --pack P or --all")


def pause(
    by: Login,
    group: Group = None,
    pack: Pack = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why.")] = "",
    dir: Dir = _DEFAULT,
) -> None:
    """Stop outgoing actions; judging goes on. Takes effect before the next action, within 10 seconds."""
    from streams.desk import pause as stop

    _scope(group, pack, everything)
    with _store(dir) as store:
        console.print(f"{stop(store, group=group, pack=pack, by=by, reason=reason)} is paused", markup=False)


def resume(
    by: Login,
    group: Group = None,
    pack: Pack = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything.")] = False,
    dir: Dir = _DEFAULT,
) -> None:
    """Let outgoing actions go on. What became too old meanwhile waits for a person instead."""
    from streams.desk import resume as go_on

    _scope(group, pack, everything)
    with _store(dir) as store:
        console.print(f"{go_on(store, group=group, pack=pack)} goes on", markup=False)


@dead_letters_app.command("list")
def list_dead(dir: Dir = _DEFAULT, json: Json = False) -> None:
    """List input that could not be used, newest first."""
    from streams.desk import list_dead_letters

    with _store(dir) as store:
        found = list_dead_letters(store)
    if json:
        print_json(found)
        return
    rows = [(one["offset"], one["topic"], one["cause"], one["bytes"]) for one in found]
    print_table("Dead letters", ("offset", "topic", "cause", "bytes"), rows, "no dead letters")


@dead_letters_app.command()
def redrive(
    cause: Annotated[str | None, typer.Option("--cause", help="Only those whose cause contains this.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    dir: Dir = _DEFAULT,
) -> None:
    """Hand dead letters in again, to be judged anew."""
    from streams.desk import redrive as again

    with _store(dir) as store:
        count = again(store, cause=cause, dry_run=dry_run)
    console.print(f"{count} dead letters {'would be' if dry_run else 'were'} handed in again")
