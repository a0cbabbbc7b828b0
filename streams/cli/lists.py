"""`xunqun lists`: a team's own word lists, with their effect on history before they count."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import typer

from streams.cli.judging import Lists, Model, Packs, history_files, history_of
from streams.cli.output import Failure, console, errors, harmless, print_json, print_table

if TYPE_CHECKING:
    from classifiers.keywords import WordList
    from streams.lists.effect import Effect, Found, Judges, Outcome, Weighed
    from streams.lists.folder import Change, Folder
    from streams.lists.offered import Offered, Sifted

app = typer.Typer(no_args_is_help=True, help="Word lists of your own: show, import, add, expire, undo, suggest.")
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Category = Annotated[str, typer.Option("--category", help="What the words show, e.g. ads or a name of your own.")]
By = Annotated[str, typer.Option("--by", help="Who wants it.")]
Why = Annotated[str, typer.Option("--why", help="The reason, shown to moderators beside a hit.")]
Out = Annotated[Path | None, typer.Option("--out", help="Folder of your lists; without it the first of XUNQUN_LISTS.")]
Strength = Literal["strong", "weak", "allow"]
OfWords = Annotated[
    Strength,
    typer.Option(
        "--strength", help="strong speaks alone, weak needs other evidence, allow takes back what lies in it."
    ),
]
Since = Annotated[str | None, typer.Option("--since", help="2026-12-01 or a time with zone; from now on if left out.")]
Until = Annotated[str | None, typer.Option("--until", help="The last day on which it counts, or a time with zone.")]
Fleet = Annotated[Path | None, typer.Option("--fleet", help="fleet.yaml: people and groups of the history.")]
Pack = Annotated[str | None, typer.Option("--pack", help="Judge the history by this pack instead of each group's own.")]
Yes = Annotated[bool, typer.Option("--yes", help="Write it without being asked.")]
Force = Annotated[bool, typer.Option("--force", help="Take words that hit more normal messages than the budget, too.")]
BudgetOption = Annotated[
    str | None,
    typer.Option(
        "--budget", help="Share of normal messages that a word may hit, e.g. 1/1000; without it the strictest pack's."
    ),
]
# So many words of a table are shown to people; --json has them all.
_SHOWN = 40


class Proposed(msgspec.Struct, frozen=True, kw_only=True):
    """What `lists import` and `add` say with --json."""

    category: str
    offered: int
    twice: int
    in_force_already: int
    left_out: tuple[Any, ...]
    over_budget: tuple[str, ...] = ()
    messages: int = 0
    unreadable: int = 0
    read_by: tuple[str, ...] = ()
    together: "Outcome | None" = None
    words: "Sequence[Effect]" = ()
    written: str | None = None


@app.command()
def show(
    category: Annotated[str | None, typer.Option("--category", help="Words of one category.")] = None,
    expired: Annotated[bool, typer.Option("--expired", help="Only words that count no longer.")] = False,
    unsigned: Annotated[
        bool, typer.Option("--unsigned", help="Only words of which nobody said who wants them, why, or since when.")
    ] = False,
    lists: Lists = None,
    json: Json = False,
) -> None:
    """List every word with its strength, who wants it, why, since when and until when, and its file."""
    from streams.loading import lists_from

    now = _now()
    rows = [
        {"word": word.text, "category": one.category, "strength": word.strength, **one.said(word), "file": one.file}
        | {"state": "expired" if _is_over(word.ends, now) else "counts" if word.counts(now) else "not yet"}
        for one in lists_from(_folders(lists))
        if category in (None, one.category)
        for word in one.words
        if not expired or _is_over(word.ends, now)
        if not unsigned or not all(one.said(word)[name] for name in ("by", "why", "since"))
    ]
    if json:
        print_json(rows)
        return
    columns = ("word", "category", "strength", "by", "why", "since", "until", "state", "file")
    print_table("Words", columns, [[one[name] for name in columns] for one in rows], "no such word")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help=".txt, a word a line; .csv or .tsv with a column word; .yaml, a list.")],
    category: Category,
    by: By,
    why: Why,
    history: Annotated[list[str], typer.Option("--history", help="Normal history: observations, or JSONL of {text}.")],
    strength: OfWords = "weak",
    since: Since = None,
    until: Until = None,
    out: Out = None,
    fleet: Fleet = None,
    pack: Pack = None,
    packs: Packs = None,
    model: Model = "default",
    budget: BudgetOption = None,
    force: Force = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Show what the words of a file would hit in normal history; write them into your list once you say so."""
    from streams.lists.offered import read_offered
    from streams.loading import rest_collector

    rest_collector()
    if not file.is_file():
        raise Failure(f"{file}: there is no such file")
    offer = _Offer(category, by, why, strength, since, until, out)
    sifted = offer.sift(read_offered(file))
    _propose(offer, sifted, _History(history, fleet, pack, packs, model, budget), "import", file.name, force, yes, json)


@app.command()
def add(
    word: Annotated[str, typer.Argument(help="The word; … in it stands for a few characters.")],
    category: Category,
    by: By,
    why: Why,
    strength: OfWords = "weak",
    since: Since = None,
    until: Until = None,
    history: Annotated[list[str] | None, typer.Option("--history", help="Show first what it hits here.")] = None,
    out: Out = None,
    fleet: Fleet = None,
    pack: Pack = None,
    packs: Packs = None,
    model: Model = "default",
    budget: BudgetOption = None,
    force: Force = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Add one word to your list; with --history only after showing what it would hit."""
    from streams.lists.offered import Offered

    offer = _Offer(category, by, why, strength, since, until, out)
    sifted = offer.sift([Offered(word.strip(), 1)])
    if sifted.left_out:
        raise Failure(f"{word}: {sifted.left_out[0].why}")
    if not sifted.words:
        raise Failure(
            f"{word}: is in force already in this strength; `xunqun lists show --category {category}`", code=1
        )
    known = _History(history, fleet, pack, packs, model, budget) if history else None
    _propose(offer, sifted, known, "add", "", force, yes or not history, json)


@app.command()
def expire(
    word: Annotated[str, typer.Argument(help="The word.")],
    category: Category,
    by: By,
    at: Annotated[
        str | None, typer.Option("--at", help="The last day on which it counts, or a time with zone; now if left out.")
    ] = None,
    why: Annotated[str, typer.Option("--why", help="The reason, for the audit.")] = "",
    out: Out = None,
    json: Json = False,
) -> None:
    """Let a word of your list count no longer. What was judged before stays as it was, also in a replay."""
    from classifiers.keywords import fold_words
    from streams.lists.folder import expire_word, now

    until = _checked("--at", at, end=True) or now(_now())
    folder = _folder(out)
    (folded,) = fold_words([word.strip()])

    def make(one: "WordList | None") -> "WordList":
        if one is None or not any(mine.folded == folded for mine in one.words):
            raise Failure(
                f"{word}: is no word of {folder.file(category)}; one of the product's is taken back by "
                f"`xunqun lists add {word} --category {category} --strength allow`"
            )
        return expire_word(one, folded, until)

    _done(folder, folder.change(category, make, _told(by, "expire", category, 1, word.strip(), why)), json)


@app.command()
def undo(by: By, out: Out = None, json: Json = False) -> None:
    """Put your lists back as they were before the last change that still stands."""
    folder = _folder(out)
    _done(folder, folder.undo(_told(by, "undo", "", 0)), json)


@app.command()
def suggest(
    offences: Annotated[Path, typer.Option("--offences", help="JSONL of {text}, or of {text, label}.")],
    normal: Annotated[Path, typer.Option("--normal", help="Normal chat: observations, or JSONL of {text}.")],
    category: Category,
    top: Annotated[int, typer.Option("--top", min=1, max=1000, help="How many at most.")] = 30,
    budget: Annotated[
        str, typer.Option("--budget", help="Share of normal chat; what surely touches more is not proposed.")
    ] = "1/1000",
    lists: Lists = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write them as a list for `lists import`.")] = None,
    json: Json = False,
) -> None:
    """Propose words that tell offences from normal chat, with what each would find and touch. People accept them.

    Needs the training extra (jieba).
    """
    from classifiers.keywords import is_category
    from streams.loading import lists_from
    from streams.tuning.suggest import as_list
    from streams.tuning.suggest import suggest as suggested

    if not is_category(category):
        raise Failure(f'"{category}" is no name of a category; use small Latin letters, digits and _')
    cut, most = _cutter(), float(_share(budget) or 0)
    known = lists_from(_folders(lists))
    bad, good = _texts(offences, category), _texts(normal, None)
    with errors.status("counting words"):
        found = suggested(bad, good, known, category, top=top, most=most, cut=cut)
    if out is not None:
        if not found.words:
            raise Failure("no word tells the offences from normal chat; give more of both", code=1)
        why = next((one.why for one in known if one.category == category), category)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(as_list(found, why), encoding="utf-8")
    if json:
        print_json(found)
        return
    rows = [
        (one.word, f"{one.z:.1f}", one.new, one.finds, one.touches, f"{1000 * one.low:.1f}–{1000 * one.high:.1f}")
        for one in found.words
    ]
    told = f"{found.offences} offences, of which the lists find {found.found_already}; {found.normal} normal texts"
    columns = ("word", "z", "offences newly found", "offences with it", "normal touched", "per 1,000, 95 %")
    print_table(told, columns, rows, "no word tells the offences from normal chat; give more of both")
    if out is not None:
        console.print(f"written to {out}; strike out what is wrong, then `xunqun lists import {out}`", markup=False)


class _Offer:
    """What is offered to which list, and everything that was said of it."""

    def __init__(
        self,
        category: str,
        by: str,
        why: str,
        strength: Strength,
        since: str | None,
        until: str | None,
        out: Path | None,
    ) -> None:
        from streams.lists.folder import now
        from streams.loading import lists_from

        self.category, self.by, self.why, self.strength = category, _said("--by", by), _said("--why", why), strength
        self.since = _checked("--since", since) or now(_now())
        self.until = _checked("--until", until, end=True) or ""
        self.folder = _folder(out)
        self.file = self.folder.file(category)
        mine = self.folder.path
        # The folder of a first word is made when it is written.
        self.lists = lists_from([one for one in _folders([mine]) if one != mine or mine.is_dir()])

    def sift(self, offered: "Sequence[Offered]") -> "Sifted":
        from streams.lists.offered import sift

        return sift(
            offered,
            self.lists,
            self.category,
            own_file=str(self.file),
            by=self.by,
            why=self.why,
            strength=self.strength,
            since=self.since,
            until=self.until,
        )


class _History:
    """Normal history, and the packs to judge it by."""

    def __init__(
        self,
        files: list[str],
        fleet: Path | None,
        pack: str | None,
        packs: list[Path] | None,
        model: str,
        budget: str | None,
    ) -> None:
        self.files, fleet = history_files(files, fleet)
        self.fleet, self.packs, _ = history_of(fleet, pack, None, packs)
        self.used = sorted({one.pack for one in self.fleet.groups if one.pack} | {self.fleet.settings.default_pack})
        self.model = model
        self._given = _share(budget)

    def judges(self, lists: "Sequence[WordList]") -> "Judges":
        from classifiers.keywords import in_force
        from policies.directory import Directory
        from streams.lists.effect import Judges
        from streams.loading import model_from

        return Judges(in_force(lists, _now()), model_from(self.model), self.packs, Directory(self.fleet))

    def budget(self, category: str) -> Callable[[str], Fraction | None]:
        """The share of normal messages that a word of a strength may hit."""
        from streams.lists.effect import CONTEXT

        budgets = [self.packs[slug].budget(category) for slug in self.used]
        shares = {
            "strong": min(Fraction(one.act) for one in budgets),
            "weak": min(Fraction(one.review) for one in budgets),
        }
        if category in CONTEXT:
            return lambda strength: None
        if self._given is not None:
            shares = dict.fromkeys(shares, self._given)
        return lambda strength: shares.get(strength)

    def read_by(self, category: str) -> tuple[str, ...]:
        """The packs of the history in which something depends on the category."""
        from policies.judge import CompiledPack
        from streams.lists.effect import CONTEXT

        return tuple(
            slug for slug in self.used if category in CONTEXT or category in CompiledPack(self.packs[slug]).by_category
        )


def _propose(
    offer: _Offer,
    sifted: "Sifted",
    history: _History | None,
    what: str,
    source: str,
    force: bool,
    yes: bool,
    json: bool,
) -> None:
    """Show what the words would do, and write them if a person says so."""
    words, found, weighed = sifted.words, None, None
    if history is not None and words:
        found, weighed = _weighed(offer, history, sifted, force, json)
        words = weighed.words
    effects = weighed.effects if weighed else ()
    proposed = Proposed(
        category=offer.category,
        offered=sifted.offered,
        twice=sifted.twice,
        in_force_already=sifted.known,
        left_out=sifted.left_out,
        over_budget=tuple(one.word for one in effects if one.over),
        messages=found.messages if found else 0,
        unreadable=found.unreadable if found else 0,
        read_by=history.read_by(offer.category) if history else (),
        together=weighed.together if weighed else None,
        words=effects,
    )
    if not json:
        _show(proposed, force)
    if not words:
        if json:
            print_json(proposed)
        raise Failure("nothing remains to be taken", code=1)
    if not (yes or (not json and sys.stdin.isatty() and typer.confirm(f"Write {len(words)} words?"))):
        if json:
            print_json(proposed)
        else:
            console.print("Nothing was written. --yes writes it.")
        return
    told = _told(offer.by, what, offer.category, len(words), words[0].text if what == "add" else "", offer.why, source)
    change = offer.folder.change(offer.category, _adding(offer, words), told)
    if json:
        print_json(msgspec.structs.replace(proposed, written=str(offer.file)))
    else:
        _done(offer.folder, change, json)


def _adding(offer: _Offer, words: Sequence[Any]) -> "Callable[[WordList | None], WordList]":
    from streams.lists.folder import add_words

    why = next((one.why for one in offer.lists if one.category == offer.category), offer.why)
    return lambda one: add_words(one, offer.category, why, words)


def _weighed(offer: _Offer, history: _History, sifted: "Sifted", force: bool, json: bool) -> "tuple[Found, Weighed]":
    from streams.lists.effect import find, messages, weigh
    from streams.progress import reading

    judges, budget = history.judges(offer.lists), history.budget(offer.category)
    with reading(history.files, "reading history", quiet=json) as lines:
        found = find(messages(lines), offer.category, sifted.words, judges.lists)
    if not found.messages:
        raise Failure(f"{history.files[0]}: holds no message; give observations, or JSONL of " + '{"text": "…"}')
    with _judging(len(found.records), json) as done:
        return found, weigh(found, offer.category, sifted.words, judges, budget, done, force=force)


@contextmanager
def _judging(records: int, json: bool) -> Iterator[Callable[[int], None]]:
    from streams.progress import counting

    if json:
        yield lambda done: None
        return
    with counting("judging before and after", 2 * records) as done:
        yield done


def _show(proposed: Proposed, force: bool) -> None:
    effects, total = proposed.words, proposed.together
    for one in proposed.left_out[:_SHOWN]:
        place = f"line {one.line}: " if one.line else ""
        errors.print(harmless(f"left out: {place}{one.text} {one.why}"), markup=False, soft_wrap=True)
    if len(proposed.left_out) > _SHOWN:
        errors.print(f"left out: {len(proposed.left_out) - _SHOWN:,} more; --json has them all", markup=False)
    if effects:
        rows = [_row(one, force) for one in effects[:_SHOWN] if one.hits]
        columns = ("word", "strength", "hits", "per 1,000", "groups", "breaks", "asks", "frees", "", "for example")
        title = f"In {proposed.messages:,} messages of normal history"
        print_table(title, columns, rows, f"{title}: no word hits any")
        silent = sum(not one.hits for one in effects)
        more = max(0, len(effects) - silent - _SHOWN)
        console.print(f"{more:,} more words hit some, {silent:,} hit none; --json has them all", markup=False)
        if not proposed.read_by:
            console.print(
                f"no clause of these packs reads {proposed.category}: its words change no verdict", markup=False
            )
    if proposed.unreadable:
        console.print(f"{proposed.unreadable:,} lines of the history are no messages", markup=False)
    if proposed.offered > 1:
        told = f"{proposed.offered:,} offered, {proposed.twice:,} twice, {proposed.in_force_already:,} in force already"
        told = f"{told}, {len(proposed.left_out):,} left out, {len(proposed.over_budget):,} over the budget"
        console.print(told, markup=False)
    if total is not None:
        share = 1000 * total.hits / proposed.messages
        console.print(
            f"the {total.words:,} that remain hit {total.hits:,} of {proposed.messages:,} normal messages "
            f"({share:.1f} per 1,000): {total.breaks:,} newly break a clause, {total.reviews:,} newly ask a person, "
            f"{total.frees:,} are found no longer",
            markup=False,
            soft_wrap=True,
        )
        if total.over:
            errors.print(
                "together that is more than the pack's budget allows: take fewer words, or weak ones", markup=False
            )


def _row(one: "Effect", force: bool) -> tuple[object, ...]:
    mark = "" if not one.over else "over budget, forced" if force else "over budget, left out"
    counts = (one.hits, f"{one.per_thousand:.2f}", one.groups, one.breaks, one.reviews, one.frees)
    return one.word, one.strength, *counts, mark, one.example


def _done(folder: "Folder", change: "Change", json: bool) -> None:
    """Say what was written, and how it takes effect."""
    from streams.settings import read_settings

    if json:
        print_json(change)
        return
    console.print(
        f"{change.what}: {folder.file(change.category)}; the former one is {folder.path / change.version}",
        markup=False,
        soft_wrap=True,
    )
    named = {one.resolve() for one in read_settings().lists}
    where = "" if folder.path.resolve() in named else f" with XUNQUN_LISTS={folder.path}"
    console.print(
        f"In force when `xunqun run` is started again{where}; in a fleet by `xunqun control announce --lists {folder.path}`.",
        markup=False,
        soft_wrap=True,
    )


def _told(by: str, what: str, category: str, words: int, word: str = "", why: str = "", source: str = "") -> "Change":
    from streams.lists.folder import Change, now

    return Change(
        at=now(_now()),
        by=_said("--by", by),
        what=what,
        category=category,
        before="",
        after="",
        version="",
        words=words,
        word=word,
        why=why,
        source=source,
    )


def _folder(out: Path | None) -> "Folder":
    from streams.lists.folder import Folder
    from streams.settings import read_settings

    known = (out, *read_settings().lists)
    path = next((one for one in known if one is not None), None)
    if path is None:
        raise Failure("where are your lists? Name their folder with --out, or set XUNQUN_LISTS")
    return Folder(path)


def _folders(lists: Sequence[Path] | None) -> list[Path]:
    """The folders of XUNQUN_LISTS, and what was named besides."""
    from streams.settings import read_settings

    known = {one.resolve(): one for one in (*read_settings().lists, *(lists or ()))}
    return list(known.values())


def _said(option: str, given: str) -> str:
    if not given.strip():
        raise Failure(f"{option} is empty; every word carries who wanted it and why")
    return given.strip()


def _checked(option: str, written: str | None, *, end: bool = False) -> str | None:
    from classifiers.keywords import moment

    if written is not None:
        try:
            moment(written, end=end)
        except ValueError as error:
            raise Failure(f"{option} {written}: write 2026-12-31, or 2026-12-31T18:00+08:00") from error
    return written


def _share(written: str | None) -> Fraction | None:
    try:
        found = None if written is None else Fraction(written)
    except (ValueError, ZeroDivisionError) as error:
        raise Failure(f"--budget {written}: write a share such as 1/1000") from error
    if found is not None and not 0 <= found <= 1:
        raise Failure(f"--budget {written}: a share lies between 0 and 1")
    return found


def _cutter() -> Callable[[str], Iterator[str]]:
    try:
        import jieba
    except ImportError as error:
        raise Failure("suggesting words needs jieba: pip install 'xunqun[training]'") from error
    import logging

    jieba.setLogLevel(logging.WARNING)
    jieba.initialize()
    cut: Callable[[str], Iterator[str]] = jieba.cut
    return cut


def _texts(path: Path, category: str | None) -> list[str]:
    """The texts of a file; with a category those that are labelled so, where the file has labels."""
    from streams.progress import reading

    if not path.is_file():
        raise Failure(f"{path}: there is no such file")
    rows = []
    with reading([str(path)], f"reading {path.name}") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                rows.append(msgspec.json.decode(line, type=_Row))
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise Failure(f"{path}: line {number} is no object with a text and, if you like, a label") from error
    labels = {one.label for one in rows if one.label is not None}
    if category is not None and labels:
        rows = [one for one in rows if one.label == category]
        if not rows:
            raise Failure(f"{path}: no text is labelled {category}; there are {', '.join(sorted(labels)[:20])}")
    texts = [one.text for one in rows if one.text and (category is not None or one.label in (None, "ok"))]
    if not texts:
        raise Failure(f"{path}: holds no text; each line is an object such as " + '{"text": "…"}')
    return texts


class _Row(msgspec.Struct, frozen=True):
    text: str | None = None
    label: str | None = None


def _is_over(ends: int | None, now: int) -> bool:
    return ends is not None and ends <= now


def _now() -> int:
    return time.time_ns() // 1_000_000
