"""Labels out of decisions: overturned is normal, upheld is its category, "acted, do not learn" is none.

They hold message text, so they live in one file of mode 0600 and no longer than evidence is kept: 90 days after the message.
What has learned from them holds no text.
"""

import fcntl
import os
import unicodedata
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from msgspec.structs import replace

from classifiers.folding.table import DROP, table
from classifiers.measure import own_words
from classifiers.pieces import JOINED
from models import Decision, Observation, Sanction, Verdict, Violation
from models.observation import Millis
from models.signal import TRAINED_CATEGORIES
from policies.lint import did_you_mean
from streams.cases.store import CaseStore
from streams.cases.tables import decisions, sanctions, verdicts, violations
from streams.errors import LoadError
from streams.store import Store
from streams.text_keys import DayKeys, TextExpired, TextKeys
from streams.topics import EVIDENCE_KEPT, OBSERVATIONS, Unusable, decode_observation

FILE = "labels.jsonl"
OK = "ok"
# Of a file the newest are read: a reviewer decides on a hundred a day at most.
MOST = 200_000
# Problems that are told one by one.
MOST_TOLD = 20
_AT_ONCE = 2000
_LONGEST_TEXT = 20_001
# Each sign may be written as two escapes of six.
_LONGEST_LINE = 13 * _LONGEST_TEXT
Timed = tuple[Observation, Millis]


class Label(Struct, frozen=True, kw_only=True):
    """A text that is of a `category`, or that is `ok` as far as the category goes; `of` is the violation decided on."""

    text: str
    label: str
    category: str
    by: str
    at: Millis
    until: Millis
    of: str = ""


def person(by: str) -> str:
    """Whom a name means: 何　平 is 何平, and ＬＩＮ is lin. Blanks, width, case and signs that nobody sees tell no two apart."""
    folded, unseen = unicodedata.normalize("NFKC", by).casefold(), table().fold
    return "".join(sign for sign in folded if not sign.isspace() and unseen[ord(sign)] != DROP)


class Decided(Struct, frozen=True):
    """A person's last word on a finding of a trained category, before its text is looked up."""

    violation_id: str
    observation_id: str
    judged_at: Millis
    category: str
    upheld: bool
    by: str
    at: Millis


class Decisions(Struct, frozen=True):
    """What people decided that may be learned from, oldest first; by finding and person what they took back from learning;
    and how many decisions are no label, by reason."""

    found: list[Decided]
    taken_back: set[tuple[str, str]]
    no_label: dict[str, int]


def decided(store: CaseStore) -> Decisions:
    """What people decided on findings that a trained category shows. Of several decisions of one person on one finding the
    last counts."""
    found: dict[tuple[str, str], Decided | None] = {}
    why: Counter[str] = Counter()
    for body in store.connection.scalars(sa.select(decisions.c.body).order_by(decisions.c.at, decisions.c.id)):
        decision = msgspec.json.decode(body, type=Decision)
        if decision.outcome not in ("uphold", "overturn") or decision.on.kind not in ("verdict", "sanction", "appeal"):
            why["no word on whether a finding was right"] += 1
            continue
        about = list(_about(store, decision))
        whole = any(category for *_, category in about)
        why["on what no trained category found"] += not about
        why["on words read over several messages"] += bool(about) and not whole
        why["marked not to be learned from"] += whole and not decision.learn
        for verdict, violation, category in about:
            learned = _decided(decision, verdict, violation, category) if category and decision.learn else None
            found[violation.id, decision.by.strip()] = learned
    labels = sorted((one for one in found.values() if one), key=lambda one: (one.at, one.violation_id, one.by))
    return Decisions(labels, {key for key, one in found.items() if one is None}, {**+why})


def _decided(decision: Decision, verdict: Verdict, violation: Violation, category: str) -> Decided:
    return Decided(
        violation.id,
        verdict.observation_id or "",
        verdict.judged_at,
        category,
        decision.outcome == "uphold",
        decision.by.strip(),
        decision.decided_at,
    )


def _about(store: CaseStore, decision: Decision) -> Iterator[tuple[Verdict, Violation, str | None]]:
    """The findings on own words that a decision is about, with the trained category that these show; None where they only end
    what began in other messages."""
    named = [decision.on.id]
    if decision.on.kind != "verdict":
        query = sa.select(sanctions.c.body).where(sanctions.c.id == (decision.sanction_id or decision.on.id))
        body = store.connection.scalar(query)
        named = list(msgspec.json.decode(body, type=Sanction).violation_ids) if body else []
    for one in named:
        holding = sa.select(violations.c.verdict).where(violations.c.id == one).scalar_subquery()
        body = store.connection.scalar(sa.select(verdicts.c.body).where(verdicts.c.id == holding))
        if body is None:
            continue
        verdict = msgspec.json.decode(body, type=Verdict)
        for violation in (*verdict.violations, *verdict.uncertain):
            if verdict.observation_id is None or one not in (violation.id, verdict.observation_id):
                continue
            if decision.on.kind == "verdict" and decision.subject not in (None, violation.subject.id):
                continue
            # What stands in no own word was passed on, or is the title of a link.
            shown = [item for item in violation.evidence if item.span and item.category in TRAINED_CATEGORIES]
            if shown:
                own = (item.category for item in shown if not item.signal.startswith(JOINED))
                yield verdict, violation, next(own, None)


def texts_of(wanted: Iterable[Decided], observations: Iterable[Timed]) -> dict[str, str]:
    """The own words that were judged, by violation, as far as they are among the observations. Of an edited message those
    of the edit that the verdict is on."""
    asked: dict[tuple[str, Millis], list[str]] = {}
    for one in wanted:
        asked.setdefault((one.observation_id, one.judged_at), []).append(one.violation_id)
    found: dict[str, str] = {}
    for seen, at in observations:
        for violation_id in asked.get((seen.origin_id, at), ()):
            if text := own_words(seen).text.strip():
                found[violation_id] = text[:_LONGEST_TEXT]
    return found


def observations_in(store: CaseStore, progress: Callable[[int], None] = lambda read: None) -> Iterator[Timed]:
    """The observations that a store's log still holds. A fleet's database holds none: its topics or a history do."""
    if not isinstance(store, Store):
        return
    after = 0
    while records := store.read((OBSERVATIONS,), after, _AT_ONCE):
        for record in records:
            with suppress(Unusable):
                seen = decode_observation(record.value)
                yield seen, seen.group_time(record.appended_at)
        after = records[-1].offset
        progress(len(records))


def observations_of(lines: Iterable[bytes]) -> Iterator[Timed]:
    """The observations of a history, with their group time; lines that are none are passed over."""
    for line in lines:
        with suppress(Unusable):
            seen = decode_observation(line)
            yield seen, seen.group_time()


def labels_of(found: Iterable[Decided], texts: Mapping[str, str], now: Millis) -> tuple[list[Label], int]:
    """The labels whose text is at hand and may still be kept, and how many are not."""
    labels, without = [], 0
    for one in found:
        text, until = texts.get(one.violation_id), one.judged_at + EVIDENCE_KEPT
        if text is None or until <= now:
            without += 1
            continue
        label = one.category if one.upheld else OK
        labels.append(
            Label(text=text, label=label, category=one.category, by=one.by, at=one.at, until=until, of=one.violation_id)
        )
    return labels, without


class Read(Struct, frozen=True):
    """What a file of labels holds: those that count, and in sentences what does not, `more` of them untold. `contradicting`
    are labels that one person gave both ways, `unusable` lines no labels at all."""

    labels: tuple[Label, ...]
    contradicting: tuple[Label, ...] = ()
    problems: tuple[str, ...] = ()
    more: int = 0
    expired: int = 0
    unusable: int = 0


def read_labels(path: Path, now: Millis) -> Read:
    """The labels of a file that may still be kept. What is wrong is told line by line and left out, as is every text to
    which one person gave two answers. LoadError where the file cannot be read."""
    decoder, keys = msgspec.json.Decoder(Label), _keys(path)
    problems: list[str] = []
    expired = 0
    kept: dict[int, Label] = {}
    try:
        with path.open("rb") as file:
            lines = deque(enumerate(_lines(file), start=1), maxlen=MOST)
    except OSError as error:
        raise LoadError(f"{path}: the labels cannot be read: {error.strerror}") from error
    if lines and lines[0][0] > 1:
        problems.append(f"lines 1 to {lines[0][0] - 1} were not read: of a file the newest {MOST:,} labels count")
    for number, line in lines:
        if not line.strip():
            continue
        try:
            label = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            problems.append(f"line {number} is no label: {str(error)[:120]}")
            continue
        try:
            label = replace(label, text=keys.read(label.text))
        except TextExpired:
            expired += 1
            continue
        if wrong := _wrong(label):
            problems.append(f"line {number}: {wrong}")
        elif label.until <= now:
            expired += 1
        else:
            kept[number] = label
    unusable = len(problems) - (1 if lines and lines[0][0] > 1 else 0)
    for number, other in _contradicting(kept):
        problems.append(
            f"line {number} contradicts line {other}: {kept[number].by} gave this text another answer there"
        )
    contradicting = [kept.pop(one) for one in sorted({one for pair in _contradicting(kept) for one in pair})]
    return Read(
        tuple(kept.values()),
        tuple(contradicting),
        tuple(problems[:MOST_TOLD]),
        max(len(problems) - MOST_TOLD, 0),
        expired,
        unusable,
    )


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines, of one that is longer than any label only its beginning."""
    while line := file.readline(_LONGEST_LINE):
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = file.readline(_LONGEST_LINE)
        yield line


def _wrong(label: Label) -> str | None:
    if label.category not in TRAINED_CATEGORIES:
        hint = did_you_mean(label.category, TRAINED_CATEGORIES)
        return f'unknown category "{label.category[:40]}"' + (f" · hint: {hint}" if hint else "")
    if label.label not in (OK, label.category):
        return f'the label of a text for {label.category} is "{label.category}" or "{OK}", not "{label.label[:40]}"'
    if not label.text.strip() or not label.by.strip():
        return f"a label needs {'a text' if not label.text.strip() else 'the name of who gave it (by)'}"
    return "the text is longer than any message that is judged" if len(label.text) > _LONGEST_TEXT else None


def _contradicting(labels: Mapping[int, Label]) -> list[tuple[int, int]]:
    """Lines on which one person answered otherwise than on an earlier one; by text and category."""
    first: dict[tuple[str, str, str], int] = {}
    found = []
    for number, one in labels.items():
        other = first.setdefault((one.text, one.category, person(one.by)), number)
        if labels[other].label != one.label:
            found.append((number, other))
    return found


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Who reads the file and writes it anew does so alone: an export and a purge at once would forget what one of them wrote."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def write_labels(path: Path, labels: Sequence[Label]) -> None:
    """Write the file anew, readable by its owner alone; a crash leaves the old one. Texts are encrypted until they are past
    their time; lines written by hand may be readable."""
    keys = _keys(path)

    def closed() -> Iterator[bytes]:
        for one in labels:
            # By the day of the message, with which the key ends when the label does, however late a person decided.
            with suppress(TextExpired):
                yield msgspec.json.encode(replace(one, text=keys.write(one.text, min(one.at, _said(one))))) + b"\n"

    _write(path, closed())


def _said(label: Label) -> Millis:
    return label.until - EVIDENCE_KEPT


def expire_keys(path: Path, now: Millis) -> None:
    """Destroy the keys beside the file that are past their time: where no service runs nobody else does."""
    _keys(path).expire(now - EVIDENCE_KEPT)


def _keys(path: Path) -> DayKeys:
    """Those beside the file."""
    return TextKeys(path.parent / "keys").evidence


def _write(path: Path, lines: Iterable[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def joined(old: Iterable[Label], new: Iterable[Label], taken_back: Collection[tuple[str, str]] = ()) -> list[Label]:
    """Both, one for each finding and person: the new one where there are two, none where it was taken back. What was written
    by hand stays with each of its answers. Oldest first."""
    kept = [one for one in old if (one.of, one.by) not in taken_back]
    by_finding = {(one.of or (one.text, one.label), one.category, one.by): one for one in (*kept, *new)}
    return sorted(by_finding.values(), key=lambda one: (one.at, one.of, one.text, one.by))


def purge(path: Path, now: Millis) -> int:
    """Remove the labels whose text is past its time; how many. Other lines stay as they are; no file is none."""
    if not path.is_file():
        return 0
    with locked(path):
        lines = path.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if not _is_past(line, now)]
        if len(kept) < len(lines):
            _write(path, kept)
    return len(lines) - len(kept)


def forget(path: Path, findings: Collection[str]) -> int:
    """Remove the labels of these violations; how many. Other lines stay as they are; no file is none."""
    if not path.is_file():
        return 0
    with locked(path):
        lines = path.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if _of(line) not in findings]
        if len(kept) < len(lines):
            _write(path, kept)
    return len(lines) - len(kept)


def _of(line: bytes) -> str:
    try:
        return _OF.decode(line).of
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def _is_past(line: bytes, now: Millis) -> bool:
    try:
        return _UNTIL.decode(line).until <= now
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


class _Of(Struct):
    of: str = ""


class _Until(Struct):
    until: Millis


_UNTIL = msgspec.json.Decoder(_Until)
_OF = msgspec.json.Decoder(_Of)
