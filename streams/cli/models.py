"""`xunqun model`: train, recount, evaluate, compare, list, promote, rollback, drift."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.judging import Model as Weights
from streams.cli.output import Failure, console, errors, print_json, print_table

if TYPE_CHECKING:
    from classifiers.trained.card import Recall
    from classifiers.trained.serve import Model
    from streams.tuning.scores import Scored

app = typer.Typer(
    no_args_is_help=True,
    help="Trained weights: train, recount, evaluate, compare, list, promote, roll back, and watch for drift.",
)
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Registry = Annotated[
    Path | None, typer.Option("--registry", help="Folder of the registry; XUNQUN_MODELS or `models` in XUNQUN_DIR.")
]
By = Annotated[str, typer.Option("--by", help="Your name; it is kept in the registry.")]
Why = Annotated[str, typer.Option("--why", help="The reason; it is kept in the registry.")]
Dir = Annotated[Path | None, typer.Option("--dir", help="Folder of the SQLite file whose log is read.")]
History = Annotated[list[str] | None, typer.Option("--history", help="Observations: JSONL, .gz, an imported folder.")]
Lists = Annotated[
    list[Path] | None, typer.Option("--lists", help="Folders with word lists of your own; XUNQUN_LISTS if left out.")
]
BaseRate = Annotated[
    float,
    typer.Option("--base-rate", min=0.0, max=1.0, help="Share of all messages that are of a category, as you see it."),
]


@app.command()
def train(
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of labelled text (*.train.jsonl.gz) to train anew from.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option("--labels", help="The team's labels, from `xunqun labels export`.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="With --labels the registry; else the folder of both variants.")
    ] = None,
    model: Weights = "default",
    by: By = "",
    why: Why = "",
    json: Json = False,
) -> None:
    """Train weights: with --labels those in force learn from a team's labels and the result goes into the registry. Where
    these have learned before, the weights below them learn the whole file anew.

    With --data the weights below are trained anew first; without labels both variants are, as the package ships them (three
    minutes on one core). Nothing is put in force: see `xunqun model promote`. Needs the training extra.
    """
    try:
        import classifiers.trained.train  # noqa: F401
    except ImportError as error:
        raise Failure(f"training needs {error.name}: pip install 'xunqun[training]'") from error
    from classifiers.trained.rows import UnreadableRows

    if data is not None and not data.is_dir():
        raise Failure(f"{data}: there is no such folder; it holds the labelled text, one *.train.jsonl.gz a source")
    if labels is None and data is None:
        raise Failure("name what to learn from: --labels (the team's), --data (labelled text), or both")
    with console.status("training", spinner="dots") as status:

        def told(line: str) -> None:
            if not json:
                console.print(line, markup=False)
            status.update(line)

        try:
            if labels is None:
                _release(data, out, told)
            else:
                made = _teach(labels, data, model, _registry(out), by, why, told)
        except FileNotFoundError as error:
            raise Failure(f"{error.filename}: a source is missing in {data}") from error
        except UnreadableRows as error:
            raise Failure(str(error)) from error
    if labels is not None:
        _show_taught(_registry(out), made, json)


def _release(data: Path | None, out: Path | None, told: Any) -> None:
    from classifiers.trained.registry import ARTIFACTS
    from classifiers.trained.train import release

    assert data is not None
    release(data, ARTIFACTS.parent / "texts", out or ARTIFACTS, told)
    console.print(f"written to {out or ARTIFACTS}")


def _teach(labels: Path, data: Path | None, model: str, registry: Path, by: str, why: str, told: Any) -> str:
    """The version that learned from the labels. Failure, code 1, where the guards let nothing through."""
    from classifiers.trained.registry import ARTIFACTS, chosen
    from classifiers.trained.rows import FULL, read_rows
    from classifiers.trained.serve import Model
    from classifiers.trained.teach import teach
    from classifiers.trained.train import VARIANTS, train
    from streams.cli.labels import labels_in, own_offences
    from streams.tuning.guards import guarded
    from streams.tuning.registry import making, register

    _signed(by, why)
    found = guarded(labels_in(None, labels).labels, own_offences())
    if not found.lessons:
        raise Failure("the guards let nothing through: `xunqun labels guards` says why", code=1)
    texts = ARTIFACTS.parent / "texts"
    with making(registry) as folder:
        if data is not None:
            variant = model if model in VARIANTS else chosen().default
            train(data, texts, folder / "base", variant, told)
            base = present = Model.load(folder / "base")
        else:
            base, present = _begun_with(model, registry)
        rows = read_rows(data, texts, FULL if data is not None else ())
        made = folder / "made"
        teach(base, found.lessons, found.guards, found.reviewers, rows, made, told, present=present)
        _draw_own(made)
        return register(registry, made, "trained", by=by, why=why, base=base.version, at=_now())


def _begun_with(model: str, registry: Path) -> "tuple[Model, Model]":
    """What learns, which has learned from no label yet, and what is named: labels that are learned once more each week weigh
    more each week."""
    from streams.errors import NotFound
    from streams.tuning.registry import untaught

    present = _loaded(model, registry)[0]
    try:
        base = untaught(registry, present)
    except NotFound as error:
        raise Failure(str(error)) from error
    if base is not present:
        told = f"{present.version} has learned before: all labels are learned anew on {base.version}"
        errors.print(f"xunqun: {told}", markup=False, soft_wrap=True)
    if any(head.recent for head in present.card.heads):
        told = "the recount of the cuts is dropped, for it was made with other weights: recount again"
        errors.print(f"xunqun: {told}", markup=False, soft_wrap=True)
    return base, present


def _draw_own(made: Path) -> None:
    """The reliability plot beside the card, where there are texts enough for one."""
    from contextlib import suppress

    from classifiers.trained.serve import Model
    from streams.tuning.reliability import draw

    taught = Model.load(made).card.taught
    with suppress(ValueError):
        draw(taught.reliability if taught else {}, made / "reliability.svg")


def _show_taught(registry: Path, version: str, json: bool) -> None:
    from classifiers.trained.serve import Model

    taught = Model.load(registry / version).card.taught
    assert taught is not None
    if json:
        print_json({"version": version, "taught": taught})
        return
    rows = [(one.category, one.of, _interval(one.before), _interval(one.after)) for one in taught.effects]
    print_table(
        f"At the review cut: {taught.before}, and what was made, on texts that its change had not seen",
        ("category", "texts", "before", "after"),
        rows,
        "",
    )
    console.print(
        f"registered as {version} in {registry}; compare it, then `xunqun model promote {version}`", soft_wrap=True
    )


@app.command()
def recount(
    by: By,
    why: Why,
    history: History = None,
    dir: Dir = None,
    since: Annotated[str | None, typer.Option("--since", help="Only messages from then on, e.g. 2026-11-01.")] = None,
    labels: Annotated[
        Path | None, typer.Option("--labels", help="Labels: what people upheld is no normal message.")
    ] = None,
    model: Weights = "default",
    lists: Lists = None,
    registry: Registry = None,
    json: Json = False,
) -> None:
    """Count the cuts anew on your own recent messages without a hit, as a version of its own in the registry.

    A hit is a listed word of the category or what people upheld, never a score. A budget of 1 in N then follows your messages
    where there are at least 3 N of them, else the card's.
    """
    from streams.tuning.registry import making, register
    from streams.tuning.scores import recounted, write_recounted

    _signed(by, why)
    place = _registry(registry, dir)
    served, source = _loaded(model, place)
    found = _scored(served, lists, history, dir, since, labels, quiet=json)
    card = recounted(served, found)
    counted = [(head.category, head.recent) for head in card.heads if head.recent]
    if not counted:
        raise Failure(
            f"{len(found.scores)} distinct messages are too few: 60 are needed for a share of 1 in 20", code=1
        )
    with making(place) as folder:
        made = folder / "made"
        made.mkdir()
        write_recounted(card, source, made)
        version = register(place, made, "recounted", by=by, why=why, base=served.version, at=_now())
    if json:
        print_json({"version": version, "recent": dict(counted)})
        return
    fresh = _loaded(version, place)[0]

    def cuts(name: str) -> list[str]:
        return [
            f"{_cut_told(served.cut(name, share))} → {_cut_told(fresh.cut(name, share))}"
            for share in (1 / 1000, 1 / 10000)
        ]

    rows = [(name, one.normals, f"1/{one.quantiles[-1].one_in}", *cuts(name)) for name, one in counted]
    print_table("Own messages", ("category", "normal", "finest", "review cut", "act cut"), rows, "")
    console.print(f"registered as {version}; compare it, then `xunqun model promote {version}`", soft_wrap=True)


@app.command()
def evaluate(
    file: Annotated[
        Path | None, typer.Argument(help="JSONL of {text, label}, a category or ok, to measure on.")
    ] = None,
    model: Weights = "default",
    base_rate: BaseRate = 0.001,
    plot: Annotated[Path | None, typer.Option("--plot", help="Where to draw the reliability: .svg or .png.")] = None,
    registry: Registry = None,
    json: Json = False,
) -> None:
    """Print recall by category and source at the points that the packs' budgets name; of a file of yours, if given.

    Training data is half offences, a group is not: `real` says what share of messages above the review cut would be offences
    where --base-rate of all messages are.
    """
    from classifiers.trained import evaluate as figures
    from classifiers.trained.serve import ModelUnavailable

    if file is None:
        if plot is not None:
            raise Failure("a plot needs texts: name a file of {text, label}")
        try:
            shipped = figures.shipped()
        except ModelUnavailable as error:
            raise Failure(str(error)) from error
        print_json(shipped) if json else console.print(shipped.markdown(), markup=False, soft_wrap=True)
        return
    found = _on_file(model, _registry(registry), file, base_rate)
    if plot is not None:
        from streams.tuning.reliability import draw

        try:
            draw({one.category: one.bins for one in found}, plot)
        except ValueError as error:
            raise Failure(str(error)) from error
    if json:
        print_json(found)
        return
    rows = [
        (
            one.category,
            "–" if one.auc is None else f"{one.auc:.3f}",
            *map(_interval, (one.review, one.accused)),
            _ends(one.real),
            *map(_interval, (one.act, one.act_accused)),
            _ends(one.act_real),
        )
        for one in found
    ]
    columns = ("category", "AUC", "found at review", "accused", "real", "found at act", "accused", "real")
    print_table(str(file), columns, rows, "no label of a category whose review cut the model has")
    if rows:
        told = f"real: of the messages above the cut, the share that is of the category where {base_rate:g} of all messages are"
        console.print(
            f"{told}, with the ends that both intervals allow. Others would be accused wrongly.", soft_wrap=True
        )


@app.command()
def compare(
    one: Annotated[str, typer.Argument(help="Weights as --model names them: default, shipped, a version, a folder.")],
    other: Annotated[str, typer.Argument(help="The weights to compare with.")],
    on: Annotated[Path | None, typer.Option("--on", help="JSONL of {text, label} to measure both on.")] = None,
    registry: Registry = None,
    json: Json = False,
) -> None:
    """Show two models side by side, with intervals, and which differences are larger than these. Without --on by their cards."""
    place = _registry(registry)
    rows = _both_on(one, other, place, on) if on else _both_cards(one, other, place)
    if json:
        names = ("category", "what", "one", "other", "differs")
        print_json([dict(zip(names, row, strict=True)) for row in rows])
        return
    shown = [
        (category, what, _told(a), _told(b), "differs" if differs else "") for category, what, a, b, differs in rows
    ]
    print_table(
        f"{one} and {other}", ("category", "what", one, other, ""), shown, "nothing that both can be measured by"
    )


def _both_on(one: str, other: str, place: Path, file: Path) -> list[tuple[Any, ...]]:
    from classifiers.trained.evaluate import is_different

    left, right = ({each.category: each for each in _on_file(name, place, file)} for name in (one, other))
    return [
        (category, what, a, b, is_different(a, b))
        for category in left
        if category in right
        for what, a, b in (
            ("found at review", left[category].review, right[category].review),
            ("accused at review", left[category].accused, right[category].accused),
            ("found at act", left[category].act, right[category].act),
            ("accused at act", left[category].act_accused, right[category].act_accused),
        )
    ]


def _both_cards(one: str, other: str, place: Path) -> list[tuple[Any, ...]]:
    from classifiers.trained.evaluate import is_different

    left, right = (_loaded(name, place)[0] for name in (one, other))
    rows: list[tuple[Any, ...]] = []
    for category in (name for name in left.categories if name in right.categories):
        for what, budget in (("review cut", 1 / 1000), ("act cut", 1 / 10000)):
            a, b = left.cut(category, budget), right.cut(category, budget)
            rows.append((category, what, a, b, round(a, 3) != round(b, 3)))
        theirs = {(each.source, each.how): each for each in right.card.figures if each.category == category}
        for figure in left.card.figures:
            if figure.category == category and (match := theirs.get((figure.source, figure.how))):
                what = f"found at review, {figure.source}, {figure.how}"
                rows.append((category, what, figure.review, match.review, is_different(figure.review, match.review)))
    return rows


@app.command("list")
def list_(registry: Registry = None, json: Json = False) -> None:
    """List the weights at hand, the package's and the registry's: which are in force, who made them and why."""
    from classifiers.trained.registry import chosen, list_artifacts
    from streams.tuning.registry import in_force, listed

    place = _registry(registry)
    shipped, registered, force = list_artifacts(), listed(place), in_force(place)
    if json:
        print_json({"shipped": shipped, "registered": registered, "in_force": force.version, "trouble": force.trouble})
        return
    rows = [
        (
            one.variant,
            one.version or one.unavailable,
            "in force" if one.is_default and force.version is None else "default" if one.is_default else "",
            "",
        )
        for one in shipped
    ]
    for made in registered:
        proposed = f"proposed by {made.proposed_by}" if made.proposed_by else ""
        state = "in force" if made.version == force.version else "damaged" if made.unavailable else proposed
        rows.append((made.variant, made.version, state, f"{made.by}, {_day(made.at)}: {made.why}"))
    print_table("Weights", ("variant", "version", "", "made by"), rows, "no weights; `xunqun model train` makes them")
    console.print(chosen().because, markup=False)
    if force.trouble:
        errors.print(f"xunqun: {force.trouble}", markup=False, soft_wrap=True)


@app.command()
def promote(
    version: Annotated[str, typer.Argument(help="The version, or how it begins.")],
    by: By,
    why: Why,
    registry: Registry = None,
) -> None:
    """Propose a version; called by a second person, put it in force. Processes take it up when they start.

    A fleet takes it up by `xunqun control announce --model VERSION`.
    """
    from classifiers.trained.serve import ModelUnavailable
    from streams.errors import NotFound, WrongUse
    from streams.tuning import registry as models

    try:
        entered = models.promote(_registry(registry), version, by=by, why=why, at=_now())
    except (NotFound, WrongUse, ModelUnavailable) as error:
        raise Failure(str(error), code=1) from error
    if entered.kind == "proposed":
        told = f"{entered.version} is proposed; it is in force when a second person calls the same command"
    else:
        told = f"{entered.version} is in force from the next start of a process; proposed by {entered.proposed_by}"
    console.print(told, markup=False, soft_wrap=True)


@app.command()
def rollback(by: By, why: Why, registry: Registry = None) -> None:
    """Put in force what was before, at once: one person is enough, and it is kept who and why."""
    from streams.errors import WrongUse
    from streams.tuning.registry import in_force, roll_back

    place = _registry(registry)
    try:
        entered = roll_back(place, by=by, why=why, at=_now())
    except WrongUse as error:
        raise Failure(str(error), code=1) from error
    force, own = in_force(place), "the package's own weights"
    told = f"{force.version or own} in force from the next start of a process, instead of {entered.base or own}"
    console.print(told, markup=False, soft_wrap=True)
    if force.trouble:
        errors.print(f"xunqun: {force.trouble}", markup=False, soft_wrap=True)


@app.command()
def drift(
    history: History = None,
    dir: Dir = None,
    since: Annotated[str | None, typer.Option("--since", help="Only messages from then on, e.g. 2026-11-01.")] = None,
    model: Weights = "default",
    lists: Lists = None,
    registry: Registry = None,
    json: Json = False,
) -> None:
    """Compare the scores of recent messages with the model's cuts. Exit code 1 where they have drifted."""
    from streams.tuning.scores import drift_of

    served, _ = _loaded(model, _registry(registry, dir))
    found = drift_of(served, _scored(served, lists, history, dir, since, None, quiet=json))
    if json:
        print_json(found)
    else:
        rows = [
            (
                one.category,
                _told(one.at_100),
                _told(one.at_1000),
                "–" if one.psi is None else f"{one.psi:.2f}",
                one.told,
            )
            for one in found
        ]
        columns = ("category", "above 1/100", "above 1/1000", "index", "")
        print_table(f"Scores of {found[0].messages} distinct messages", columns, rows, "")
    if any(one.has_drifted for one in found):
        raise typer.Exit(1)


def _on_file(model: str, place: Path, file: Path, base_rate: float = 0.001) -> Any:
    from classifiers.trained.evaluate import on_file

    try:
        return on_file(_loaded(model, place)[0], file, base_rate)
    except OSError as error:
        raise Failure(f"{file}: {error.strerror}") from error
    except ValueError as error:
        raise Failure(f"{file}: {error}") from error


def _loaded(model: str, registry: Path) -> "tuple[Model, Path]":
    """The weights that --model names, and their folder; a version of the registry may be shortened."""
    from classifiers.trained.serve import Model, ModelUnavailable
    from streams.loading import model_folder

    try:
        folder = model_folder(model, registry)
        return Model.load(folder), folder
    except ModelUnavailable as error:
        raise Failure(str(error)) from error


def _scored(
    model: "Model",
    lists: list[Path] | None,
    history: list[str] | None,
    dir: Path | None,
    since: str | None,
    labels: Path | None,
    *,
    quiet: bool,
) -> "Scored":
    """The scores of what members wrote: in files, or in the log of the folder."""
    from classifiers.keywords import Keywords
    from streams.cli.judging import history_files
    from streams.cli.labels import labels_in
    from streams.cli.people import _store
    from streams.loading import lists_from
    from streams.progress import reading
    from streams.settings import read_settings
    from streams.tuning.labels import observations_in, observations_of
    from streams.tuning.scores import scored

    keywords = Keywords(lists_from(lists or read_settings().lists))
    upheld: dict[str, set[str]] = {}
    for one in labels_in(dir, labels).labels if labels else ():
        if one.label == one.category:
            upheld.setdefault(one.category, set()).add(one.text)
    begin = _millis(since)
    if history:
        with reading(history_files(history, None)[0], "scoring", quiet=quiet) as lines:
            found = scored(model, keywords, observations_of(lines), begin, upheld)
    else:
        with _store(dir) as store, errors.status("scoring"):
            found = scored(model, keywords, observations_in(store), begin, upheld)
    if not found.messages:
        raise Failure(
            "there is no message to score: name another --since, or --history where the log is elsewhere, as a fleet's is"
        )
    return found


def _millis(written: str | None) -> int:
    from policies.calendar import WorkingCalendar

    if written is None:
        return 0
    found = WorkingCalendar("Asia/Shanghai").millis(int(written) if written.isdecimal() else written)
    if found is None:
        raise Failure(f"--since {written!r} is no time: give 2026-11-30, 2026-11-30T18:00 or milliseconds")
    return found


def _registry(given: Path | None, dir: Path | None = None) -> Path:
    from streams.settings import read_settings

    return given or read_settings(dir=dir).registry


def _signed(by: str, why: str) -> None:
    if not by.strip() or not why.strip():
        raise Failure("what goes into the registry needs --by NAME and --why REASON")


def _now() -> int:
    return time.time_ns() // 1_000_000


def _day(at: int) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(at / 1000))


def _told(value: Any) -> str:
    if isinstance(value, float):
        return _cut_told(value)
    return _interval(value)


def _cut_told(score: float) -> str:
    return "never" if score > 1 else f"{score:.3f}"


def _interval(share: "Recall | None") -> str:
    if share is None or not share.positives:
        return "–"
    return f"{share.share:.3f} ({share.low:.3f}–{share.high:.3f}) of {share.positives}"


def _ends(real: tuple[float, float, float] | None) -> str:
    return "–" if real is None else f"{real[0]:.2f} ({real[1]:.2f}–{real[2]:.2f})"
