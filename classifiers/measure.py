"""All classifiers together: observations in, signals out."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from msgspec.structs import replace

from classifiers.contacts import CATEGORY as SOLICITATION
from classifiers.contacts import find_contacts, to_look
from classifiers.decoding import Reader, Reading
from classifiers.flooding import fingerprints
from classifiers.folding import Folded, FoldedBatch, fold, fold_batch
from classifiers.keywords import Hit, Keywords, is_mention, load_lists
from classifiers.kinds import kind_signals
from classifiers.lazy import compile_all
from classifiers.patterns import find_in_file_names, find_patterns, find_sealed, to_read
from classifiers.pieces import JOINED, MOST_SAID
from classifiers.trained.registry import default_dir
from classifiers.trained.serve import NEVER, Model, ModelUnavailable
from models import Evidence, Observation, Signal
from models.observation import MESSAGE_TYPES, Millis
from models.signal import TRAINED_CATEGORIES

# Code points of one message that are judged: this many of its beginning and as many of its end. Longer ones are pasted
# documents; nobody advertises in the middle of one.
HEAD = TAIL = 10_000
# Evidence of one signal and code points of one piece of it, as much as a person reads.
_MOST_EVIDENCE = 8
_LONGEST_MATCH = 80
# From the score on that this share of normal messages reaches, an explanation is likely to be asked for.
_LIKELY = 1 / 1000
# What people disguise: words of these are looked for behind sound-alikes, too, and their short words are doubted.
_DISGUISED = ("ads", "fraud", "gambling", "porn", "abuse", "solicitation")
# Code points folded and scored at once. More fall out of the processor's cache; it also bounds the memory of a chunk.
_AT_ONCE = 1 << 16
# A short strong word of the product's in a text of which the trained model sees nothing of its kind asks a person.
_STRONG, _DOUBTED, _WEAK = 1.0, 0.75, 0.5
# From here on the trained model takes a text rather for one of a category.
_EVEN = 0.5
# The categories whose hits are never read as quotation: a notice against unpaid wages protects like a complaint.
_PROTECTED = "protected"

_NOTHING: tuple[Signal, ...] = ()
# Passing on is judged only for what is harmful whoever wrote it; the rest is quoting. With what tells warnings apart.
_SPREAD = frozenset(
    {"ads", "fraud", "porn", "gambling", "leak", "secrecy_marking", "internal_marking", "red_header_file"}
    | {"credential", "warning", "solicitation", "project"}
)
# How a text begins that may start with somebody else's words.
_MAY_QUOTE = "「 \t\r\n\v\f\u3000\xa0"
# What patterns and kinds measure: these are unavailable for a message on which they break.
_GREETINGS = ("大家好",) * 8
_PATTERN_CATEGORIES = (
    "identity_number",
    "bank_card",
    "mobile_number",
    "email",
    "link",
    "credential",
    "secrecy_marking",
    "internal_marking",
    "red_header_file",
    "outside_forwarding",
    "account_compromise",
)
_KIND_CATEGORIES = ("red_packet", "transfer", "voucher")
# A file that was uploaded without a message still has a name.
_UPLOADED = "file.uploaded"


class Piece(Struct, frozen=True):
    """Code points `start` to before `end` of the own words; `offset` is their place in the original text.

    None if they do not stand there: they are the title of a link.
    """

    start: int
    end: int
    offset: int | None


class OwnWords(Struct, frozen=True):
    """What the sender said, and where; without `pieces` it is the original text itself."""

    text: str
    pieces: tuple[Piece, ...] = ()

    def original(self, start: int, end: int) -> tuple[int, int] | None:
        """The code points of the original text for `start` to before `end`; None if they come from elsewhere."""
        if not self.pieces:
            return start, end
        for piece in self.pieces:
            if start < piece.end and end > piece.start:
                if piece.offset is None:
                    return None
                shift = piece.offset - piece.start
                return max(start, piece.start) + shift, min(end, piece.end) + shift
        return None


# 「name：quoted」, a line of dashes, then the own words: how WeChat writes a reply into the text. Quoted words may hold
# a whole reply of this form; the own words come after the last line of dashes.
_QUOTE_ENDS = re.compile(r"」[ \t]*\r?\n[-—─－](?:[ \t]?[-—─－]){2,}[ \t]*(?:\r?\n|$)")


def _after_quote(text: str) -> int:
    """Where the own words begin."""
    first = len(text) - len(text.lstrip())
    if text[first : first + 1] != "「":
        return 0
    end = 0
    for found in _QUOTE_ENDS.finditer(text):
        end = found.end()
    return end


def own_words(observation: Observation) -> OwnWords:
    """What the sender said: the text and the titles of links, never a reply's or a forward's quoted words.

    A reply that WeChat wrote into the text is cut off. Of more than 20,000 code points the first 10,000 and the last
    are kept. The text of an edit that came only as a change is its new text. Empty for what is no message.
    """
    if observation.type not in MESSAGE_TYPES:
        return OwnWords("")
    text = _text_of(observation)
    first = _after_quote(text)
    titles = [link.title for link in observation.links or () if link.title and link.title not in text]
    if not first and not titles and len(text) <= HEAD + TAIL:
        return OwnWords(text)
    pieces = [Piece(0, len(text) - first, first)]
    whole = text[first:]
    for title in titles:
        pieces.append(Piece(len(whole) + 1, len(whole) + 1 + len(title), None))
        whole = f"{whole}\n{title}"
    if len(whole) > HEAD + TAIL:
        whole, pieces = _without_middle(whole, pieces)
    return OwnWords(whole, tuple(pieces))


def _text_of(observation: Observation) -> str:
    if observation.text is None and observation.change is not None and observation.change.field == "text":
        return observation.change.new or ""
    return observation.text or ""


def _without_middle(whole: str, pieces: Iterable[Piece]) -> tuple[str, list[Piece]]:
    kept: list[Piece] = []
    tail = len(whole) - TAIL
    # The line end between head and tail keeps words from growing together.
    for low, high, target in ((0, HEAD, 0), (tail, len(whole), HEAD + 1)):
        for piece in pieces:
            start, end = max(piece.start, low), min(piece.end, high)
            if start < end:
                offset = None if piece.offset is None else piece.offset + start - piece.start
                kept.append(Piece(start - low + target, end - low + target, offset))
    return f"{whole[:HEAD]}\n{whole[tail:]}", kept


class Classifiers:
    """Everything that measures, ready to use. It holds no state: the same observations give the same signals.

    `model` is None where no trained model is wanted, and the ModelUnavailable where one is but cannot be used.
    """

    def __init__(self, keywords: Keywords, model: Model | ModelUnavailable | None = None) -> None:
        self.keywords = keywords
        self._keywords_name = f"keywords@{keywords.version}"
        self._model = None if isinstance(model, ModelUnavailable) else model
        self._no_model = model if isinstance(model, ModelUnavailable) else None
        self._reader = Reader(word for one in _DISGUISED for word in keywords.words.get(one, ()))
        self._cuts: dict[tuple[str, float], float] = {}
        # Of the last batch, what scored so high that it is likely to be explained, and the explanations: made at once
        # for all when the first is asked for.
        self._likely: dict[str, tuple[Folded | _Read, list[str]]] = {}
        self._explained: dict[tuple[str, str], list[tuple[int, int]]] = {}
        self._trained_name = f"trained@{self._model.version}" if self._model else "trained"
        self._blind = _blind("trained", TRAINED_CATEGORIES, model.reason) if isinstance(model, ModelUnavailable) else ()

    @classmethod
    def load(cls, lists_dirs: Sequence[str | Path] = (), model_dir: str | Path | None = None) -> Self:
        """The product's word lists and those of `lists_dirs`, and the model in a folder, else the product's own.

        ListError if a list is wrong. A model that is missing or damaged raises nothing: every message then gets signals
        that say so.
        """
        model: Model | ModelUnavailable
        try:
            model = Model.load(default_dir() if model_dir is None else model_dir)
        except ModelUnavailable as reason:
            model = reason
        return cls(Keywords(load_lists(*lists_dirs)), model)

    @property
    def model(self) -> Model | ModelUnavailable | None:
        """The trained model, or why there is none."""
        return self._model or self._no_model

    @property
    def model_version(self) -> str | None:
        """Names the trained model; None without one."""
        return self._model.version if self._model else None

    @property
    def trained_name(self) -> str:
        """How signals name the trained model."""
        return self._trained_name

    def can_measure(self, category: str) -> bool:
        """Whether a category is measured now: what was *unavailable* when it was not can be measured again."""
        if category in TRAINED_CATEGORIES:
            return self._model is not None and category in self._model.categories
        return category in _PATTERN_CATEGORIES or category in _KIND_CATEGORIES

    def cut(self, category: str, budget: float) -> float:
        """The trained score from which on at most `budget` (a share) of normal messages lie.

        A score that nothing reaches if no model measures the category.
        """
        found = self._cuts.get((category, budget))
        if found is None:
            model = self._model
            known = model is not None and category in model.categories
            found = self._cuts[category, budget] = model.cut(category, budget) if model and known else NEVER
        return found

    def measure(
        self, observations: Sequence[Observation], appended: Sequence[Millis] | None = None
    ) -> list[tuple[Signal, ...]]:
        """The signals of each observation, nearly always none; then it is one and the same empty tuple.

        Measured are own words, see `own_words`, the names of attached files, and, apart from both, what is passed on of
        the kinds that one may not spread. Other types than messages give
        nothing, but `file.uploaded` those of its file names. Of sealed words a flag says what they were. Keyword signals
        come one a category, with the score of the strongest word, less where that is a short one of the product's
        and the trained model sees nothing of the category; words that are quoted or warned of give none, see
        `is_mention`. Trained signals come from the model's floor upwards. A text that stands for another is measured
        twice: what only its second reading holds is a weak word or a trained score. `appended` are the log's append
        times: words with dates have to count at the group time of the message.
        """

        def when(i: int) -> Millis:
            return observations[i].group_time(appended[i] if appended is not None else None)

        passed_on = [i for i, one in enumerate(observations) if one.forward and one.type in MESSAGE_TYPES]
        spread = self._spread([(observations[i], when(i)) for i in passed_on]) if passed_on else []
        self._likely, self._explained = {}, {}
        signals = [_NOTHING] * len(observations)
        places: list[int] = []
        words: list[OwnWords | None] = []
        texts: list[str] = []
        size = 0
        for i, observation in enumerate(observations):
            if observation.type not in MESSAGE_TYPES:
                if observation.type == _UPLOADED and observation.attachments:
                    signals[i] = _named(observation)
                    if observation.flags:
                        signals[i] = (*_grouped(find_sealed(observation)), *signals[i])
                continue
            text = observation.text
            own: OwnWords | None = None
            # Nearly all messages are their own words as they stand; these need no object.
            if not text or observation.links or len(text) > HEAD + TAIL or text[0] in _MAY_QUOTE:
                own = own_words(observation)
                text = own.text
            try:
                found = kind_signals(observation)
            except Exception as error:
                found = _broken("kinds", _KIND_CATEGORIES, error)
            if observation.attachments:
                found = (*_named(observation), *found)
            if observation.flags:
                found = (*_grouped(find_sealed(observation)), *found)
            if found:
                signals[i] = found
            if text:
                places.append(i)
                words.append(own)
                texts.append(text)
                size += len(text)
                if size >= _AT_ONCE:
                    self._read(signals, places, words, texts, when)
                    places, words, texts, size = [], [], [], 0
        if texts:
            self._read(signals, places, words, texts, when)
        for i, more in zip(passed_on, spread, strict=True):
            signals[i] = (*signals[i], *more)
        return signals

    def measure_joined(self, asked: Sequence[tuple[Sequence[str], Observation, Millis]]) -> list[tuple[Signal, ...]]:
        """The signals of words that a short message completes, at its group time: it and those before it are read as one.

        Of what people disguise only, and not what the message alone or those before it have shown. Score 1.0, which asks a
        person (see `content.category`), where a word is strong or the trained model rather agrees; what is only read into few
        characters is weak. The evidence lies in the message that completes the word.
        """
        found: list[tuple[Signal, ...]] = [_NOTHING] * len(asked)
        if not asked:
            return found
        texts = [" ".join((*before, one.text or "")) for before, one, _ in asked]
        borders = [len(text) - len(one.text or "") for text, (_, one, _) in zip(texts, asked, strict=True)]
        batch = fold_batch(texts)
        for k, hits in self.keywords.find_batch(batch, lambda k: asked[k][2]).items():
            found[k] = self._completed(batch[k], texts[k], borders[k], hits)
        completed = [k for k, one in enumerate(found) if one]
        for n, trained in self._trained(fold_batch([texts[k] for k in completed])).items() if completed else ():
            agreed = {one.category for one in trained if one.score >= _EVEN}
            found[completed[n]] = tuple(
                replace(one, score=_STRONG) if one.category in agreed else one for one in found[completed[n]]
            )
        # One character a message: who does that may write them as others, too.
        few = [k for k, one in enumerate(batch.texts) if len(one) <= MOST_SAID]
        singly = fold_batch([texts[k] for k in few])
        readings = self._reader.read(singly)
        again = fold_batch([one.text for one in readings.values()])
        read_from = list(readings.items())
        for n, hits in self.keywords.find_batch(again, lambda n: asked[few[read_from[n][0]]][2]).items():
            i, reading = read_from[n]
            read = _Read(again[n], reading, singly[i])
            changed = [one for one in hits if read.is_changed(one)]
            found[few[i]] = (*self._completed(read, texts[few[i]], borders[few[i]], changed), *found[few[i]])
        return found

    def _completed(self, folded: "Folded | _Read", text: str, border: int, hits: Sequence[Hit]) -> tuple[Signal, ...]:
        """The signals of the words that stand over the border in a text, where neither side has shown any in their place."""
        places = {hit: folded.span(hit.start, hit.end) for hit in hits if hit.category in _DISGUISED}
        over = [
            hit for hit, (start, end) in places.items() if start < border < end and not is_mention(folded.text, hit)
        ]
        if not over:
            return _NOTHING
        before, own = fold_batch((text[:border], text[border:]))
        reached = {hit.category: len(text) for hit in self.keywords.find(own.text)}
        for hit in self.keywords.find(before.text):
            reached[hit.category] = max(before.span(hit.start, hit.end)[1], reached.get(hit.category, 0))
        name = f"{JOINED}{self.keywords.version}"
        signals: list[Signal] = []
        for category, ours in groupby(over, key=attrgetter("category")):
            new = [hit for hit in ours if places[hit][0] >= reached.get(category, 0)]
            evidence = tuple(
                Evidence(
                    name,
                    category,
                    (0, places[hit][1] - border),
                    folded.text[hit.start : hit.end][:_LONGEST_MATCH],
                    f"与前几条短消息连读“{hit.word}”：{self.keywords.why[category]}",
                )
                for hit in new
            )
            strong = isinstance(folded, Folded) and any(hit.strength == "strong" for hit in new)
            if new:
                signals.append(Signal(name, category, _STRONG if strong else _WEAK, evidence))
        return tuple(signals)

    def _spread(self, observations: Sequence[tuple[Observation, Millis]]) -> list[tuple[Signal, ...]]:
        """What is measured of the words that others wrote and these pass on, each at its group time."""
        bare = [Observation(type=one.type, sent_at=at, id=one.id, text=one.forwarded_text) for one, at in observations]
        return [
            tuple(
                replace(signal, forwarded=True, evidence=tuple(replace(item, span=None) for item in signal.evidence))
                for signal in found
                if signal.category in _SPREAD
            )
            for found in self.measure(bare)
        ]

    def scores(self, texts: Sequence[str]) -> tuple[FoldedBatch, npt.NDArray[np.float32]]:
        """Folded texts and their trained scores, (texts, categories of the model), 0 to 1.

        A text that stands for another (see `classifiers.decoding`) has the higher of both scores, as when it is
        measured. ModelUnavailable without a model.
        """
        if self._model is None:
            raise self._no_model or ModelUnavailable("No trained model was asked for.")
        batch = fold_batch(texts)
        scores = self._model.score(batch)
        if readings := self._reader.read(batch):
            read = self._model.score(fold_batch([one.text for one in readings.values()]))
            places = list(readings)
            scores[places] = np.maximum(scores[places], read)
        return batch, scores

    def warm_up(self) -> None:
        """Do now what the first message would have to wait for, some 0.3 seconds."""
        compile_all()
        # Its table is laid for the first chunk of several messages.
        fingerprints(_GREETINGS)
        self.measure([Observation(type="message.created", sent_at=0, text=one) for one in _GREETINGS])

    def explain(self, observation: Observation, category: str) -> tuple[Evidence, ...]:
        """What moved the trained score of a message most, in the original text: at most three places.

        Costs several times a score, so measuring leaves it out, and it is asked for what was found only.
        """
        if self._model is None or category not in self._model.categories:
            return ()
        words = own_words(observation)
        folded, likely = self._likely.get(words.text) or (fold(words.text), [])
        if category not in likely:
            ranges = self._model.explain([(folded.text, category)])[0]
        else:
            if not self._explained:
                asked = [(of.text, one) for of, categories in self._likely.values() for one in categories]
                self._explained = dict(zip(asked, self._model.explain(asked), strict=True))
            ranges = self._explained[folded.text, category]
        return tuple(
            _evidence(self._trained_name, category, words.text, words, folded.span(start, end), "训练模型的依据")
            for start, end in ranges
        )

    def _read(
        self,
        signals: list[tuple[Signal, ...]],
        places: list[int],
        words: list[OwnWords | None],
        texts: list[str],
        when: Callable[[int], Millis],
    ) -> None:
        """Put what texts say before what is already known of their observations; `when` gives the group time of these."""
        batch = fold_batch(texts)
        for j in to_read(texts, batch):
            try:
                matched = find_patterns(texts[j], batch[j])
                found = _grouped(matched, words[j]) if matched else _NOTHING
            except Exception as error:
                found = _broken("patterns", _PATTERN_CATEGORIES, error)
            if found:
                signals[places[j]] = (*found, *signals[places[j]])
        for j in to_look(batch):
            try:
                found = _grouped(find_contacts(texts[j], batch[j]), words[j])
            except Exception as error:
                found = _broken("contacts", (SOLICITATION,), error)
            if found:
                signals[places[j]] = (*found, *signals[places[j]])
        read = self._trained(batch)
        for j, trained in read.items():
            signals[places[j]] = (*trained, *signals[places[j]])
            likely = [one.category for one in trained if one.score >= self.cut(one.category, _LIKELY)]
            self._likely[texts[j]] = batch[j], likely
        for j, hits in self.keywords.find_batch(batch, lambda j: when(places[j])).items():
            said = self._said(batch[j], texts[j], words[j], hits, {one.category for one in read.get(j, ())})
            if said:
                signals[places[j]] = (*said, *signals[places[j]])
        if readings := self._reader.read(batch):
            self._read_otherwise(signals, places, words, texts, batch, readings, when)

    def _read_otherwise(
        self,
        signals: list[tuple[Signal, ...]],
        places: list[int],
        words: list[OwnWords | None],
        texts: list[str],
        batch: FoldedBatch,
        readings: Mapping[int, Reading],
        when: Callable[[int], Millis],
    ) -> None:
        """Measure what disguised texts read as: higher trained scores count, and words that do not stand there as weak ones."""
        again = fold_batch([one.text for one in readings.values()])
        read_at = [when(places[j]) for j in readings]
        trained, found = self._trained(again), self.keywords.find_batch(again, read_at.__getitem__)
        for k, (j, reading) in enumerate(readings.items()):
            read = _Read(again[k], reading, batch[j])
            more = self._said(read, texts[j], words[j], [one for one in found.get(k, ()) if read.is_changed(one)])
            signals[places[j]] = (*more, *signals[places[j]])
            scores = {one.category: one.score for one in signals[places[j]] if one.classifier == self._trained_name}
            higher = [one for one in trained.get(k, ()) if one.score > scores.get(one.category, 0.0)]
            if higher:
                raised = {one.category for one in higher}
                kept = (
                    one
                    for one in signals[places[j]]
                    if one.classifier != self._trained_name or one.category not in raised
                )
                signals[places[j]] = (*higher, *kept)
                self._likely[texts[j]] = (
                    read,
                    [one.category for one in higher if one.score >= self.cut(one.category, _LIKELY)],
                )

    def _said(
        self,
        folded: "Folded | _Read",
        text: str,
        words: OwnWords | None,
        hits: Sequence[Hit],
        agreed: Collection[str] = (),
    ) -> tuple[Signal, ...]:
        """The signals of the words that were spoken; what is only read into the text is weak.

        `agreed` are the categories of which the trained model sees something in it.
        """
        said: list[Signal] = []
        for category, ours in groupby(hits, key=attrgetter("category")):
            spoken = [hit for hit in ours if category == _PROTECTED or not is_mention(folded.text, hit)]
            if not spoken:
                continue
            # "strong" sorts before "weak"; hits of equal strength stay in the order of the text.
            spoken.sort(key=attrgetter("strength"))
            evidence = tuple(
                _evidence(
                    self._keywords_name,
                    category,
                    text,
                    words,
                    folded.span(hit.start, hit.end),
                    f"{_how_spoken(folded, hit)}“{hit.word}”：{self.keywords.why[category]}{_noted(hit)}",
                )
                for hit in spoken[:_MOST_EVIDENCE]
            )
            score = _WEAK if isinstance(folded, _Read) else self._speaks(spoken, category in agreed)
            said.append(Signal(self._keywords_name, category, score, evidence))
        return tuple(said)

    def _speaks(self, spoken: Sequence[Hit], agreed: bool) -> float:
        """How loud words of one category speak, by whether the trained model sees anything of it."""
        strong = [hit for hit in spoken if hit.strength == "strong"]
        if not strong:
            return _WEAK
        measured = self._model is not None and strong[0].category in _DISGUISED
        return _DOUBTED if measured and not agreed and not any(map(self.keywords.speaks_alone, strong)) else _STRONG

    def _trained(self, batch: FoldedBatch) -> dict[int, tuple[Signal, ...]]:
        """The trained signals of a batch, by index of the text."""
        if self._model is None:
            return dict.fromkeys(range(len(batch)), self._blind) if self._blind else {}
        name, categories = self._trained_name, self._model.categories
        found: dict[int, tuple[Signal, ...]] = {}
        try:
            scores = self._model.score(batch)
            texts, columns = (scores >= self._model.floor).nonzero()
            high = scores[texts, columns]
            for j, column, score in zip(texts.tolist(), columns.tolist(), high.tolist(), strict=True):
                signal = Signal(name, categories[column], score)
                found[j] = (*found.get(j, _NOTHING), signal)
        except Exception as error:
            return dict.fromkeys(range(len(batch)), _broken(name, categories, error))
        return found


class _Read:
    """What a text reads as, with the way back to the original text."""

    def __init__(self, again: Folded, reading: Reading, folded: Folded) -> None:
        self.text = again.text
        self._again, self._reading, self._folded = again, reading, folded

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The code points of the original that those from `start` to before `end` stand for."""
        return self._folded.span(*self._reading.folded(*self._again.span(start, end)))

    def is_changed(self, hit: Hit) -> bool:
        """Whether a word does not stand in the message as it was found here."""
        start, end = self._again.span(hit.start, hit.end)
        return any(start < last and end > first for first, last in self._reading.changed)


def _how_spoken(folded: "Folded | _Read", hit: Hit) -> str:
    if isinstance(folded, _Read):
        return "谐音或拆字，读作"
    return "强词" if hit.strength == "strong" else "弱词"


def _noted(hit: Hit) -> str:
    return f"（{hit.note}）" if hit.note else ""


def _blind(classifier: str, categories: Iterable[str], reason: str) -> tuple[Signal, ...]:
    return tuple(Signal(classifier, category, unavailable=reason) for category in categories)


def _broken(classifier: str, categories: Iterable[str], error: Exception) -> tuple[Signal, ...]:
    """Whatever breaks in a classifier, a message must not pass as clean, nor the stream stop.

    The reason names the kind of error only: its text might hold words of a message.
    """
    return _blind(classifier, categories, f"{classifier} failed on this message ({type(error).__name__}).")


def _named(observation: Observation) -> tuple[Signal, ...]:
    try:
        return _grouped(find_in_file_names(observation))
    except Exception as error:
        return _broken("patterns", _PATTERN_CATEGORIES, error)


def _evidence(name: str, category: str, text: str, words: OwnWords | None, span: tuple[int, int], why: str) -> Evidence:
    start, end = span
    matched = text[start:end][:_LONGEST_MATCH]
    place = words.original(start, end) if words else span
    return Evidence(name, category, place, matched, why if place else f"{why}（链接标题）")


def _grouped(found: Sequence[Evidence], words: OwnWords | None = None) -> tuple[Signal, ...]:
    """One signal for each classifier and category that has evidence, in the order in which they first appear.

    With `words`, spans count code points of these and are moved to the original text.
    """
    groups: dict[tuple[str, str], list[Evidence]] = {}
    for one in found:
        if words is not None and words.pieces and one.span is not None:
            one = replace(one, span=words.original(*one.span))
        groups.setdefault((one.signal, one.category), []).append(one)
    return tuple(
        Signal(signal, category, _STRONG, tuple(evidence[:_MOST_EVIDENCE]))
        for (signal, category), evidence in groups.items()
    )
