"""Ladders: how strikes become sanctions, and how sanctions are taken back. One function does both: `reconcile`."""

from bisect import insort
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from models import Sanction, SanctionKind, Strike, digest
from models.observation import Millis
from policies.calendar import DAY
from policies.schema import Ladder, Rung, Span


@dataclass(frozen=True)
class Due:
    """One sanction that should stand: for which strike, on which rung (from 1), of which kind."""

    id: str
    strike: Strike
    rung_number: int
    rung: Rung
    kind: SanctionKind


@dataclass(frozen=True)
class Changes:
    """What has to be issued, and which issued sanctions have to be taken back."""

    issue: tuple[Due, ...]
    reverse: tuple[Sanction, ...]


def reconcile(
    strikes: Sequence[Strike],
    issued: Sequence[Sanction],
    delivered: Mapping[str, Millis],
    ladder: Ladder,
    *,
    failed: Mapping[str, Millis] | None = None,
    taken_back: Mapping[str, Millis] | None = None,
) -> Changes:
    """Compare the sanctions that should stand with those issued.

    `strikes` are one subject's on one ladder in one scope, `issued` the sanctions that ladder has brought him (reversals
    apart), `delivered` says when the notice of a sanction reached him, `failed` when it was clear that it will not,
    `taken_back` when it was reversed. Called after a new strike, a late delivery, an expiry, and when a
    verdict is overturned (its strikes are then revoked) or upheld after all: always the same comparison.
    """
    standing = list(should_stand(strikes, delivered, ladder, failed=failed, taken_back=taken_back))
    wanted = {one.id for one in standing}
    known = {one.id for one in issued}
    return Changes(
        issue=tuple(one for one in standing if one.id not in known),
        reverse=tuple(one for one in issued if one.id not in wanted),
    )


def should_stand(
    strikes: Sequence[Strike],
    delivered: Mapping[str, Millis],
    ladder: Ladder,
    *,
    failed: Mapping[str, Millis] | None = None,
    taken_back: Mapping[str, Millis] | None = None,
) -> Iterable[Due]:
    """Walk the live strikes in the order in which the ledger took them and say which sanctions they bring.

    That order, not the messages' clocks: a strike that arrives late from another group must not undo a notice that was
    already given.

    A higher rung needs the notice of the lower one delivered before the new message was sent. A message sent before the
    standing notice arrived adds its strike, but no sanction of its own. Where a notice had failed by then, the next strike
    brings the same rung again; only from a rung that asks a person to one that asks too does it climb all the same, for neither
    does anything to anybody by itself. Only what happened before a message counts for it, so what is heard later never takes a
    sanction back. A notice that was taken back before the message was sent had told nothing.
    """
    failed, taken_back = failed or {}, taken_back or {}
    live = [one for one in strikes if one.status != "revoked"]
    counted: list[Strike] = []  # sorted by time
    most, (window, decay) = _enough(ladder), _spans(ladder)
    level, notices = 0, ()  # type: int, tuple[tuple[str, ...], ...]
    for strike in live:
        late = bool(counted) and strike.given_at < counted[-1].given_at
        total_before = _added(counted if late else counted[-most:], strike.given_at, window, decay)
        level = min(level, _deserved(total_before, ladder))
        insort(counted, strike, key=lambda one: one.given_at)
        deserved = _deserved(total_before + strike.weight, ladder)
        told = any(
            _before(delivered.get(one), strike) and not _before(taken_back.get(one), strike)
            for names in notices
            for one in names
        )
        if level and not told and not all(_before(failed.get(names[-1]), strike) for names in notices):
            continue
        asked = 0 < level < len(ladder.rungs) and all(map(_only_asks, ladder.rungs[level - 1 : level + 1]))
        level = min(deserved, level + 1 if told or asked or not level else level)
        if not level:
            continue
        rung = ladder.rungs[level - 1]
        names = {kind: generations(digest("s", strike.id, level, kind), taken_back) for kind in rung.sanctions}
        notices = tuple(names[kind] for kind in names if kind != "task") or tuple(names.values())
        yield from (Due(names[kind][-1], strike, level, rung, kind) for kind in rung.sanctions)


def total(strikes: Iterable[Strike], ladder: Ladder, at: Millis) -> float:
    """Add up the strikes inside the window that ends `at`; each decay span without a strike takes one off."""
    return _added(sorted(strikes, key=lambda one: one.given_at), at, *_spans(ladder))


def _spans(ladder: Ladder) -> tuple[Millis, Millis | None]:
    return span_millis(ladder.window), span_millis(ladder.decay) if ladder.decay else None


def _added(strikes: Iterable[Strike], at: Millis, window: Millis, decay: Millis | None) -> float:
    since = at - window
    result, last = 0.0, None
    for strike in strikes:
        if strike.given_at < since:
            continue
        if decay and last is not None:
            result = max(0.0, result - (strike.given_at - last) // decay)
        result += strike.weight
        last = strike.given_at
    if decay and last is not None:
        # A message that comes late may be older than the last strike: no quiet time has passed then.
        result = max(0.0, result - max(0, at - last) // decay)
    return result


def span_millis(span: Span) -> Millis:
    """Windows and decay run in plain time; working days count as days."""
    return int((span.days + span.working_days) * DAY + span.hours * 3_600_000 + span.minutes * 60_000)


def generations(name: str, taken_back: Container[str]) -> tuple[str, ...]:
    """The ids of a sanction, each issued after the one before was taken back; the last is the one that may stand.

    What is issued again is another sanction, with a notice and actions of its own.
    """
    names = [name]
    while names[-1] in taken_back:
        names.append(digest("s", names[-1], "again"))
    return tuple(names)


def _enough(ladder: Ladder) -> int:
    """So many of the newest strikes, each weighing at least one, reach the highest rung whatever decay takes off.

    Older ones change nothing, and somebody with thousands of strikes must not cost their square.
    """
    window, decay = _spans(ladder)
    return int(max(rung.strikes for rung in ladder.rungs)) + (window // decay if decay else 0) + 1


def _only_asks(rung: Rung) -> bool:
    return all(map(rung.asks, rung.sanctions))


def _before(at: Millis | None, strike: Strike) -> bool:
    return at is not None and at < strike.given_at


def _deserved(strikes: float, ladder: Ladder) -> int:
    return sum(1 for rung in ladder.rungs if rung.strikes <= strikes)
