"""Screen: measures every observation and judges it under its group's pack. Observations in, verdicts out."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from typing import Any, ClassVar

from classifiers.conversation import NEEDED, asks_reply, is_form, is_notice, is_receipt
from classifiers.cues import Cues
from classifiers.flooding import Recent, Windows, fingerprints
from classifiers.likeness import signatures
from classifiers.measure import Classifiers, own_words
from classifiers.pieces import is_piece
from models import Group, Observation, Signal, Verdict, digest
from models.observation import Millis
from policies.calendar import DAY, HOUR, WorkingCalendar
from policies.directory import Directory
from policies.judge import CompiledPack, Judgement, due_deadlines, judge, judge_again, judge_due
from policies.rules.base import Basis, Case, own_text
from policies.rules.content import points
from policies.schema import Pack
from policies.state import GroupState, GroupView, group_of, pack_name, remember, whom
from streams.topics import (
    AGAIN,
    DEAD_LETTERS,
    JUDGEMENTS,
    LIKENESSES,
    OBSERVATIONS,
    Appeal,
    DeadLetter,
    Effects,
    Gathered,
    Judged,
    Likeness,
    Record,
    Unusable,
    Withdrawal,
    decode_observation,
)

# A notice makes receipts expected for this long; they never count as flooding.
RECEIPTS_EXPECTED: Millis = 15 * 60 * 1000
# Code points of a message that a window may keep; what is longer is read at once.
_SHORT = 200
# What calls for contact or advertises: of these it is asked whether others post the same. Contacts alone stand in many a message
# that colleagues pass on; they count beside any trained score.
_CALLS = frozenset({"fraud", "gambling", "porn", "ads"})
_CONTACTS = frozenset({"link", "mobile_number", "email"})
# Who complains or warns together with others runs no campaign.
_SHIELDS = frozenset({"protected", "warning"})
# A trained score counts from where on this share of normal messages lies.
_CALLS_BY_SCORE = 1 / 200
# It only makes forget: nothing is judged on it.
ERASED = "member.erased"
# What is measured of time that passes.
_NOTHING_SAID: tuple[Sequence[Any], tuple[frozenset[Any], int]] = (), (frozenset(), 0)


class Screen:
    """Judges. State per group: `GroupState`; windows of the last minutes live in memory and are rebuilt by `rewind`."""

    name: ClassVar[str] = "screen"
    reads: ClassVar[tuple[str, ...]] = (OBSERVATIONS, AGAIN)
    writes: ClassVar[tuple[str, ...]] = (JUDGEMENTS, LIKENESSES, DEAD_LETTERS)
    State: ClassVar[type[Any] | None] = GroupState

    def __init__(
        self,
        classifiers: Classifiers,
        packs: Mapping[str, Pack],
        directory: Directory,
        former: "Screen | None" = None,
    ) -> None:
        """`former` judged the same groups under other versions of packs, lists or facts: its windows go on."""
        self.classifiers = classifiers
        self.directory = directory
        settings = directory.fleet.settings
        self.calendar = WorkingCalendar(settings.timezone, settings.working_hours)
        self.packs = {slug: CompiledPack(pack) for slug, pack in packs.items()}
        self.windows = former.windows if former else Windows()
        # Of the groups of which a row was entered, the hour of it.
        self._entered: dict[str, int] = {}
        # Of groups that the fleet lists: what they are judged by.
        self._listed: dict[str, tuple[Group, CompiledPack, Basis]] = {}
        self._bases: dict[str, Basis] = {}

    @cached_property
    def _cues(self) -> Cues:
        """What is asked of words: by the windows, and by the rules of all packs."""
        return Cues(NEEDED | {one: words for pack in self.packs.values() for one, words in pack.cues.items()})

    def in_force(self) -> list[tuple[str, str, str]]:
        """What it judges by: (part, name, version) of each pack, the lists and the weights."""
        packs = [("pack", slug, pack.pack.version) for slug, pack in sorted(self.packs.items())]
        weights = self.classifiers.model_version
        lists = ("lists", "keywords", self.classifiers.keywords.version)
        return [*packs, lists, *([("model", "trained", weights)] if weights else [])]

    def keys(self, records: Sequence[Record]) -> set[str]:
        """Decode the records and name the groups whose state they need."""
        for record in records:
            if record.decoded is None:
                record.decoded = _decode(record)
            if isinstance(record.decoded, Observation):
                record.key = self.directory.group_key(record.decoded)
        return {one.key for one in records if isinstance(one.decoded, Observation) and one.decoded.group}

    def measure(self, records: Sequence[Record]) -> None:
        """Measure what was decoded and was not yet measured, all in one batch; `handle` does so by itself for its chunk."""
        fresh = []
        for one in records:
            if one.measured is None and isinstance(one.decoded, Observation):
                if one.decoded.type == "clock.tick":
                    one.measured = _NOTHING_SAID
                else:
                    fresh.append(one)
        if fresh:
            seen = [one.decoded for one in fresh]
            signals = self.classifiers.measure(seen, [one.appended_at for one in fresh])
            measured = zip(signals, self._read(seen), strict=True)
            for record, one in zip(fresh, measured, strict=True):
                record.measured = one

    def handle(self, records: Sequence[Record], state: Mapping[str, Any]) -> Effects:
        """Judge a chunk. Every usable observation is judged; what is not usable goes to the dead letters."""
        effects = Effects()
        self.measure(records)
        states: dict[str, GroupState] = {}
        calls: list[tuple[Record, Case, str]] = []
        groups: dict[str, tuple[GroupView, CompiledPack, Basis]] = {}
        joined = self._joined(records)
        for place, record in enumerate(records):
            one = record.decoded
            if isinstance(one, DeadLetter):
                effects.publish(DEAD_LETTERS, one, record)
                continue
            if one.group is None:
                continue
            key = record.key
            if one.type == ERASED:
                self._forget(key, one)
                # A new state would say that something was seen of the group, and nothing would be asked of it any more.
                held = states.get(key) or state.get(key)
                if held is not None:
                    remember(held, one, None, one.group_time(record.appended_at), self.directory)
                    states[key] = held
                continue
            if key not in states:
                states[key] = state.get(key) or GroupState()
            seen_before = groups.get(key)
            if seen_before is None:
                seen_before = self._group(key, one, states[key])
                # What an unknown group is called, each observation says anew.
                if seen_before[0].known:
                    groups[key] = seen_before
            view, pack, basis = seen_before
            assert record.measured is not None
            signals, (cues, printed) = record.measured
            signals = (*joined.get(place, ()), *signals)
            case = Case(one, signals, one.group_time(record.appended_at), view, basis, cues)
            if record.topic == AGAIN:
                self._publish(effects, record, case, pack, judge_again(case, pack))
            else:
                self._judge_one(effects, record, case, pack, printed)
            if signals and (category := self._calls(case)):
                calls.append((record, case, category))
        if calls:
            self._liken(effects, calls)
        effects.state.update(states)
        return effects

    def next_due(self, value: Any) -> Millis | None:
        """The next deadline of the group, at the latest the next local midnight, when standing faults are looked at."""
        midnight = self.calendar.millis(value.audited_on)
        dues = (value.deadlines.next_due, midnight + DAY if midnight is not None else None)
        return min((one for one in dues if one is not None), default=None)

    def rewind(self, records: Sequence[Record]) -> None:
        """Rebuild the windows from records already judged, with no effects."""
        read = [(record, one) for record in records if isinstance(one := _decode(record), Observation) and one.group]
        for (record, one), words in zip(read, self._read([one for _, one in read]), strict=True):
            sender = self.directory.subject(one.platform, one.sender.id) if one.sender else None
            key, now = self.directory.group_key(one), one.group_time(record.appended_at)
            if one.type == ERASED:
                self._forget(key, one)
            self._watch(key, one, sender, now, *words)
            self._before(key, one, now)

    def forget_windows(self) -> None:
        """Others watch these groups now, or the windows are filled anew."""
        self.windows.clear()

    def forget_groups(self) -> None:
        """Enter every group again: what was entered in the last step was not stored."""
        self._entered.clear()

    def _group(self, key: str, seen: Observation, state: GroupState) -> tuple[GroupView, CompiledPack, Basis]:
        """The group of an observation, the pack that it is judged by, and what else its cases rest on."""
        listed = self._listed.get(key)
        if listed is not None:
            group, pack, basis = listed
            return GroupView(group, state), pack, basis
        group, known = group_of(seen, self.directory)
        pack = self.packs.get(pack_name(group, self.directory.fleet)) or self.packs["baseline"]
        basis = self._basis(pack)
        if known:
            self._listed[key] = group, pack, basis
        return GroupView(group, state, known=known), pack, basis

    def _basis(self, pack: CompiledPack) -> Basis:
        basis = self._bases.get(pack.pack.pack)
        if basis is None:
            budget, cut = pack.pack.budget, self.classifiers.cut
            scores = cache(lambda category: points(category, budget(category), cut))
            basis = Basis(self.directory, self.calendar, scores, self.classifiers.explain)
            self._bases[pack.pack.pack] = basis
        return basis

    def _judge_one(self, effects: Effects, record: Record, case: Case, pack: CompiledPack, printed: int) -> None:
        seen, now, view = case.seen, case.now, case.view
        if view.state.deadlines:
            # Not before the log's own clock has reached it: a sender's may run ahead.
            self._fire(effects, record, case, pack, min(now, record.appended_at))
        if seen.type != "task.stated" or self._may_state(case):
            case.news = remember(view.state, seen, case.sender_id, now, self.directory)
        recent = self._watch(record.key, seen, case.sender_id, now, case.cues, printed)
        if recent is not None:
            case.flood = recent.flood
        self._publish(effects, record, case, pack, judge(case, pack))
        if seen.type == "message.recalled":
            self._withdraw(effects, record, case)
        elif seen.type == "appeal.filed":
            self._appeal(effects, record, case)
        # Ticks come from ourselves: of what they reach is known that it is there, not that it was heard of.
        heard = now if seen.type != "clock.tick" else 0
        if heard // HOUR > self._entered.get(record.key, -1):
            self._entered[record.key] = heard // HOUR
            effects.rows.append(("groups_seen", _group_row(record.key, seen, heard, view, pack.pack.pack)))

    def _may_state(self, case: Case) -> bool:
        """Facts count only from those who answer for the group, or for the person whom they are about."""
        seen = case.seen
        if seen.sender is None or not case.view.known:
            return True
        if case.sender_role != "member" or case.directory.is_leader(case.person):
            return True
        named = seen.fact.person if seen.fact else None
        about = case.directory.people.get(whom(case.directory, seen.platform, named)) if named else None
        return about is not None and about.supervisor is not None and about.supervisor == case.sender_id

    def _fire(self, effects: Effects, record: Record, case: Case, pack: CompiledPack, until: Millis) -> None:
        deadlines = case.state.deadlines
        due = due_deadlines(case, until)
        while due:
            (place, deadline), *due = due
            deadlines.end(place, deadline)
            left = len(deadlines)
            then = Case(case.seen, (), deadline.due_at, case.view, case.basis)
            self._publish(effects, record, then, pack, judge_due(then, pack, place, deadline))
            if len(deadlines) != left:
                # What it has set may be due before the others.
                due = due_deadlines(case, until)

    def _publish(self, effects: Effects, record: Record, case: Case, pack: CompiledPack, found: Judgement) -> None:
        """Findings on the message and findings on a state of affairs are separate verdicts: only the former have an id."""
        if not found:
            return
        seen, group = case.seen, case.view.group
        if found.unavailable:
            away = {one.category for one in case.signals if one.unavailable}
            for category in sorted(away & {one.category for one in found.unavailable}):
                effects.rows.append(("unmeasured", _unmeasured_row(record, case, category)))
        own = Judgement(
            [one for one in found.violations if one.cause is None],
            [one for one in found.uncertain if one.cause is None],
            found.unavailable,
        )
        other = [one for one in found.violations if one.cause is not None]
        other_uncertain = [one for one in found.uncertain if one.cause is not None]
        mode = group.mode if pack.pack.status.stage == "adopted" or group.mode == "observe" else "advise"
        for observation_id, violations, uncertain, unavailable in (
            (seen.origin_id, own.violations, own.uncertain, own.unavailable),
            (None, other, other_uncertain, []),
        ):
            if not (violations or uncertain or unavailable):
                continue
            verdict = Verdict(
                observation_id=observation_id,
                group_id=group.id,
                pack=pack.pack.pack,
                pack_version=pack.pack.version,
                judged_at=case.now,
                violations=tuple(violations),
                uncertain=tuple(uncertain),
                unavailable=tuple(unavailable),
                mode=mode,
                platform=group.platform,
                account=seen.account,
                native_id=seen.native_id if observation_id else None,
                sender=seen.sender.id if observation_id and seen.sender else None,
                model=self.classifiers.model_version,
            )
            effects.publish(JUDGEMENTS, Judged(verdict=verdict), record)

    def _read(self, seen: Sequence[Observation]) -> Iterator[tuple[frozenset[Hashable], int]]:
        """What the words of each observation are worth asking, and their fingerprint; without words it is like no other."""
        words = [own_text(one) for one in seen]
        said = [text or one.id for text, one in zip(words, seen, strict=True)]
        return zip(self._cues.possible(words), fingerprints(said), strict=True)

    def _watch(
        self, key: str, seen: Observation, sender: str | None, now: Millis, cues: frozenset[Hashable], printed: int
    ) -> Recent | None:
        """Enter a message into its sender's window. Receipts are expected after a notice and never count."""
        if seen.type != "message.created" or sender is None:
            return None
        text = seen.text or ""
        recent = self.windows.of(key, sender)
        if (is_notice in cues and is_notice(text)) or (asks_reply in cues and asks_reply(text)):
            self.windows.expect_receipts(key, until=now + RECEIPTS_EXPECTED)
        expected: bool | str = False
        if is_receipt in cues and self.windows.receipts_expected(key, now):
            expected = text if len(text) <= _SHORT else is_receipt(text)
        recent.add(now, printed, seen.id, expected)
        return recent.as_of(seen.id)

    def _forget(self, key: str, seen: Observation) -> None:
        """Take an erased member out of the windows."""
        if seen.target:
            self.windows.forget(key, self.directory.subject(seen.platform, seen.target.id))

    def _joined(self, records: Sequence[Record]) -> dict[int, tuple[Signal, ...]]:
        """What short messages say together with those before them, by place of the record; measured for all at once."""
        places: list[int] = []
        asked: list[tuple[Sequence[str], Observation, Millis]] = []
        for place, record in enumerate(records):
            one = record.decoded
            if isinstance(one, Observation) and one.group and record.topic != AGAIN:
                now = one.group_time(record.appended_at)
                before = self._before(record.key, one, now)
                if before:
                    places.append(place)
                    asked.append((before, one, now))
        return dict(zip(places, self.classifiers.measure_joined(asked), strict=True))

    def _before(self, key: str, seen: Observation, now: Millis) -> Sequence[str]:
        """Enter a short message, and give the sender's short ones which it may go on from."""
        if not is_piece(seen) or seen.sender is None:
            return ()
        sender = self.directory.subject(seen.platform, seen.sender.id)
        return self.windows.pieces.enter(key, sender, now, seen.id, seen.text or "")

    def _calls(self, case: Case) -> str | None:
        """What a message calls for that others may post as well; None for what is a notice, a form, a complaint."""
        found = {one.category for one in case.signals if not one.unavailable}
        contacts = not found.isdisjoint(_CONTACTS)
        calls = {one.category: one.score for one in sorted(case.signals, key=_score) if self._is_call(one, contacts)}
        if not calls or found & _SHIELDS or self._may_announce(case) or not case.seen.is_message:
            return None
        if is_form(own_text(case.seen)):
            return None
        return max(sorted(calls.keys() & _CALLS or calls), key=calls.__getitem__)

    def _is_call(self, signal: Signal, contacts: bool) -> bool:
        if signal.classifier != self.classifiers.trained_name:
            return signal.category in _CALLS or signal.category == "solicitation"
        cut = self.classifiers.cut
        return signal.category in _CALLS and (contacts or signal.score >= cut(signal.category, _CALLS_BY_SCORE))

    def _may_announce(self, case: Case) -> bool:
        """Whether it is a sender's office to post the same in many places."""
        if case.sender_id is None or case.is_robot or case.sender_role != "member":
            return True
        return case.sender_id in case.view.group.publishers or case.directory.is_leader(case.person)

    def _liken(self, effects: Effects, calls: Sequence[tuple[Record, Case, str]]) -> None:
        """Publish the signatures of what was said or passed on."""
        texts = [own_words(case.seen).text or case.seen.forwarded_text for _, case, _ in calls]
        for (record, case, category), signature in zip(calls, signatures(texts), strict=True):
            if signature is not None:
                like = Likeness(
                    observation_id=case.seen.origin_id,
                    signature=signature,
                    sender=digest("", case.sender_id)[1:17],
                    at=case.now,
                    category=category,
                )
                effects.publish(LIKENESSES, Gathered(likeness=like), record)

    def _withdraw(self, effects: Effects, record: Record, case: Case) -> None:
        of = case.seen.recall_of
        if of and of.id and case.seen.sender:
            withdrawal = Withdrawal(observation_id=of.id, subject=case.sender_id or "", withdrawn_at=case.now)
            effects.publish(JUDGEMENTS, Judged(withdrawal=withdrawal), record)

    def _appeal(self, effects: Effects, record: Record, case: Case) -> None:
        """A member appeals in the chat; only against what was decided on themselves."""
        sanction_id, subject = case.seen.sanction_id, case.sender_id
        if sanction_id and subject:
            filed = Appeal(
                id=digest("p", sanction_id, subject),
                sanction_id=sanction_id,
                subject=subject,
                by=subject,
                text_given=bool(case.seen.text),
                filed_at=case.now,
            )
            effects.publish(JUDGEMENTS, Judged(appeal=filed), record)


def _score(signal: Signal) -> float:
    return signal.score


def _decode(record: Record) -> Observation | DeadLetter:
    try:
        return decode_observation(record.value)
    except Unusable as error:
        return DeadLetter(
            cause=str(error),
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            tries=1,
            body=record.value,
            key=record.key,
        )


def _unmeasured_row(record: Record, case: Case, category: str) -> dict[str, Any]:
    return {
        "offset": record.offset,
        "category": category,
        "observation_id": case.seen.origin_id,
        "at": case.now,
    }


def _group_row(key: str, seen: Observation, heard: Millis, view: GroupView, pack: str) -> dict[str, Any]:
    name = view.group.name or (seen.group.name if seen.group else None) or ""
    return {
        "key": key,
        "name": name,
        "pack": pack,
        "mode": view.group.mode,
        "known": view.known,
        "first_seen": seen.sent_at,
        "last_seen": heard,
    }
