"""What new words would find in history: word by word, and what the packs would make of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as with_changes
from fractions import Fraction
from itertools import islice
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from classifiers.folding import fold_batch
from classifiers.keywords import Hit, Keywords, Word, WordList, is_mention
from classifiers.measure import Classifiers, own_words
from models import GroupRef, Observation, Sender
from models.observation import Millis
from policies.directory import Directory
from policies.schema import Pack
from streams.agents.screen import Screen
from streams.topics import JUDGEMENTS, OBSERVATIONS, Judged, Record, Unusable, decode_observation

# These say how a message is to be read: they accuse nobody, so no share of hits is too many.
CONTEXT = frozenset({"warning", "solicitation", "project", "protected"})
_AT_ONCE = 1024
# Bare texts are a second apart from here on, each by a sender of its own, so that no rule finds anything between them.
_BEGINNING: Millis = 1_795_051_800_000
# Code points of a message around a word that is shown.
_AROUND = 12
_PROTECTED = "protected"
_ALLOWED = "allow"
Progress = Callable[[int], None]
Key = tuple[str, str]
T = TypeVar("T")


class Effect(Struct, frozen=True, kw_only=True):
    """What one word would do to normal history. `hits` messages hold it, spoken and not taken back; `breaks` of them would
    newly break a clause, `reviews` newly ask a person, `frees` be found no longer. `over` is more than the budget."""

    word: str
    strength: str
    hits: int = 0
    per_thousand: float = 0.0
    groups: int = 0
    breaks: int = 0
    reviews: int = 0
    frees: int = 0
    over: bool = False
    example: str = ""


class Outcome(Struct, frozen=True, kw_only=True):
    """What words would do together, in numbers of messages. `over`: more messages would newly break a clause, or ask a
    person, than the budget allows one word."""

    words: int = 0
    hits: int = 0
    breaks: int = 0
    reviews: int = 0
    frees: int = 0
    over: bool = False


@dataclass(frozen=True)
class Weighed:
    """Every word with its effect, the words that are taken, and what these do together."""

    effects: Sequence[Effect]
    words: tuple[Word, ...]
    together: Outcome


@dataclass
class Found:
    """Where words stand in a history of `messages`, of which `unreadable` more lines were none."""

    messages: int = 0
    unreadable: int = 0
    hits: dict[Key, int] = field(default_factory=dict)
    groups: dict[Key, set[str]] = field(default_factory=dict)
    examples: dict[Key, str] = field(default_factory=dict)
    # The messages that hold one, with all that they hold.
    records: list[tuple[Record, frozenset[Key]]] = field(default_factory=list)


@dataclass(frozen=True)
class Judges:
    """All that judging history needs, apart from the words."""

    lists: Sequence[WordList]
    model: Any
    packs: Mapping[str, Pack]
    directory: Directory

    def accused(self, records: Sequence[Record], more: Sequence[WordList], done: Progress) -> tuple[set[str], set[str]]:
        """The ids of the messages that break a clause, and of those about which a person is asked."""
        screen = Screen(Classifiers(Keywords([*self.lists, *more]), self.model), self.packs, self.directory)
        states: dict[str, Any] = {}
        breaking: set[str] = set()
        asking: set[str] = set()
        for some in _chunks(records):
            chunk = [with_changes(one, measured=None) for one in some]
            effects = screen.handle(chunk, {key: states.get(key) for key in screen.keys(chunk)})
            states.update(effects.state)
            for topic, _, value, _ in effects.records:
                if topic == JUDGEMENTS and isinstance(value, Judged) and value.verdict and value.verdict.observation_id:
                    verdict = value.verdict
                    certain = {one.mode == "automatic" for one in verdict.violations}
                    (breaking if True in certain else asking).add(value.verdict.observation_id)
            done(len(chunk))
        return breaking, asking


def messages(lines: Iterable[bytes]) -> Iterator[Record | None]:
    """The messages of a history: observations, or bare objects with a text. None for a line that is neither."""
    for number, line in enumerate(lines, start=1):
        try:
            seen = decode_observation(line)
        except Unusable:
            bare = _bare(line, number)
            yield Record(OBSERVATIONS, bare.group_key, b"", number, bare.sent_at, bare) if bare else None
            continue
        if seen.is_message:
            arrived = seen.received_at if seen.received_at is not None else seen.sent_at
            yield Record(OBSERVATIONS, seen.group_key, b"", number, arrived, seen)


def _chunks(every: Iterable[T]) -> Iterator[list[T]]:
    left = iter(every)
    while some := list(islice(left, _AT_ONCE)):
        yield some


def _bare(line: bytes, number: int) -> Observation | None:
    try:
        value = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    text = value.get("text") if isinstance(value, dict) else None
    if not isinstance(text, str):
        return None
    return Observation(
        type="message.created",
        id=f"line-{number}",
        group=GroupRef("history"),
        sender=Sender(f"line-{number}"),
        sent_at=_BEGINNING + 1000 * number,
        kind="text",
        text=text,
    )


def find(history: Iterable[Record | None], category: str, words: Sequence[Word], lists: Sequence[WordList]) -> Found:
    """Where the words stand, read together with the lists in force, whatever dates they have."""
    denied, allowed = _timeless(category, words)
    # Allowed ones are looked for as if they were of another category: else they would only take away.
    sought = WordList(_ALLOWED, "", tuple(replace(one, strength="weak") for one in allowed.words))
    ours = [one for one in lists if one.category == category]
    keywords = Keywords([*ours, denied, sought])
    known = {_key(one) for one in words}
    found = Found()
    for some in _chunks(history):
        records = [one for one in some if one is not None]
        found.messages += len(records)
        found.unreadable += len(some) - len(records)
        texts = [own_words(one.decoded).text for one in records]
        batch = fold_batch(texts)
        for j, hits in keywords.find_batch(batch).items():
            new: dict[Key, Hit] = {}
            for hit in hits:
                key = (hit.word, _ALLOWED if hit.category == _ALLOWED else hit.strength)
                if key in known and (_counts_anyhow(hit) or not is_mention(batch.texts[j], hit)):
                    new.setdefault(key, hit)
            for key, hit in new.items():
                found.hits[key] = found.hits.get(key, 0) + 1
                found.groups.setdefault(key, set()).add(records[j].key)
                if key not in found.examples:
                    found.examples[key] = _around(texts[j], *batch[j].span(hit.start, hit.end))
            if new:
                found.records.append((records[j], frozenset(new)))
    return found


def _counts_anyhow(hit: Hit) -> bool:
    return hit.category in (_PROTECTED, _ALLOWED)


def _around(text: str, start: int, end: int) -> str:
    before, after = max(0, start - _AROUND), end + _AROUND
    shown = " ".join(text[before:after].split())
    return f"{'…' if before else ''}{shown}{'…' if after < len(text) else ''}"


def weigh(
    found: Found,
    category: str,
    words: Sequence[Word],
    judges: Judges,
    budget: Callable[[str], Fraction | None],
    done: Progress,
    *,
    force: bool = False,
) -> Weighed:
    """What each word would do, the most frequent first, and what is left of them within the budget, or with `force` all.

    `budget` gives the share of normal messages that one word of a strength may hit, None for any.
    """
    # Of thousands of words a few stand in the history; the others change no verdict on it.
    hitting = [one for one in words if _key(one) in found.hits]
    before = judges.accused([record for record, _ in found.records], (), done)
    changes = _changes(found.records, category, hitting, judges, before, done)
    counts = {key: [0, 0, 0] for key in found.hits}
    for record, held in found.records:
        for place, ids in enumerate(changes):
            if record.decoded.origin_id in ids:
                for key in held:
                    counts[key][place] += 1
    shares = {one: budget(one) for one in ("strong", "weak", "allow")}
    most = {one: found.messages if share is None else share * found.messages for one, share in shares.items()}
    effects = [_effect(found, one, counts.get(_key(one), (0, 0, 0)), float(most[one.strength])) for one in words]
    over = {(one.word, one.strength) for one in effects if one.over}
    records, kept = found.records, words
    if over and not force:
        kept = [one for one in words if _key(one) not in over]
        records = [(record, held - over) for record, held in found.records if held - over]
        changes = _changes(records, category, [one for one in hitting if _key(one) not in over], judges, before, done)
    breaks, reviews, frees = map(len, changes)
    # What asks a person may be as frequent as weak words, what breaks a clause as strong ones.
    outcome = Outcome(
        words=len(kept),
        hits=len(records),
        breaks=breaks,
        reviews=reviews,
        frees=frees,
        over=breaks > most["strong"] or reviews > most["weak"],
    )
    return Weighed(sorted(effects, key=lambda one: (-one.hits, one.word)), tuple(kept), outcome)


def _key(word: Word) -> Key:
    return word.text, word.strength


def _effect(found: Found, word: Word, counts: Sequence[int], most: float) -> Effect:
    key, (breaks, reviews, frees) = _key(word), counts
    hits = found.hits.get(key, 0)
    return Effect(
        word=word.text,
        strength=word.strength,
        hits=hits,
        per_thousand=round(1000 * hits / found.messages, 3) if found.messages else 0.0,
        groups=len(found.groups.get(key, ())),
        breaks=breaks,
        reviews=reviews,
        frees=frees,
        over=hits > most,
        example=found.examples.get(key, ""),
    )


def _changes(
    held: Sequence[tuple[Record, frozenset[Key]]],
    category: str,
    words: Sequence[Word],
    judges: Judges,
    before: tuple[set[str], set[str]],
    done: Progress,
) -> tuple[set[str], set[str], set[str]]:
    """The ids of messages that newly break a clause, newly ask a person, are found no longer."""
    if not held:
        return set(), set(), set()
    broke, asked = before
    breaks, asks = judges.accused([record for record, _ in held], _timeless(category, words), done)
    here = {record.decoded.origin_id for record, _ in held}
    return breaks - broke, asks - asked - broke, ((broke | asked) & here) - breaks - asks


def _timeless(category: str, words: Sequence[Word]) -> tuple[WordList, WordList]:
    """Words that are to be found and words that allow, both without dates."""
    bare = [replace(one, starts=None, ends=None) for one in words]
    return (
        WordList(category, "", tuple(one for one in bare if one.strength != "allow")),
        WordList(category, "", tuple(one for one in bare if one.strength == "allow")),
    )
